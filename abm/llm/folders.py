"""Where a model's files are: in the package, among added models, in a folder, or in the cache of Hugging Face's hub.

Downloads nothing.
"""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from abm.llm.http.endpoint import is_server, lacks_scheme, shown
from abm.llm.models.home import models_home
from abm.llm.models.known import KNOWN
from abm.llm.weights import holds_model
from moloch.errors import InputError

POCKET = "pocket"
"""The model in the package."""

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def model_folder(name: str) -> Path:
    """Return the folder of a model's files: of the pocket model, an added or a downloaded model, or ``name`` itself.

    Raises:
        InputError: there is no model.
    """
    if (folder := local_folder(name)) is not None:
        return folder
    if name in KNOWN:
        raise InputError(
            f"model {name!r} has not been added yet", why=KNOWN[name].about, fix=f"Add it once: moloch model add {name}"
        )
    if _HUB_ID.fullmatch(name) and not Path(name).is_dir() and not lacks_scheme(name):
        raise InputError(
            f"no model {name!r} here",
            why="it is neither a folder nor in the cache of downloaded models",
            fix=f"Download it once: hf download {name}. For a model of a server, give the server as well: http://host:8000/v1#{name}.",
        )
    if is_server(name):
        raise InputError(
            f"no files of model {name!r} here",
            why="a model that writes is trained here, from its files",
            fix="Give its folder or downloaded name as the model, and its server apart: --llm http://host:8000/v1.",
        )
    if Path(name).is_dir():
        raise InputError(
            f"no model in the folder {name!r}",
            why="it needs config.json, a tokenizer and model.safetensors",
            fix="Give the folder of a model, or leave it out: the pocket model is built in.",
        )
    if lacks_scheme(name):
        raise InputError(
            f"no model {shown(name)!r}",
            why="the URL of a server begins with http:// or https://",
            fix=f"Give http://{shown(name)}.",
        )
    raise InputError(
        f"no model {shown(name)!r}",
        why="this machine has no model of that name, and no folder",
        fix=f"Give {POCKET!r}, a model of moloch model list, or a folder; for a model of a server, the server as well: "
        f"http://host:8000/v1#{shown(name).rpartition('/')[2]}, or --llm http://host:8000/v1.",
    )


def local_folder(name: str) -> Path | None:
    """Return the folder of a model whose files are here; None if there is none."""
    folder = Path(str(resources.files("abm").joinpath("llm/pocket"))) if name == POCKET else Path(name)
    added = models_home() / name if "/" not in name else None
    for place in (folder, added, _downloaded(name)):
        if place is not None and holds_model(place):
            return place
    return None


def name_for_others(name: str) -> str:
    """Return what other libraries call a model: its name on the hub if it is from there, else the path of its folder.

    Raises:
        InputError: there is no model.
    """
    folder = model_folder(name)
    return name if folder == _downloaded(name) else str(folder.resolve())


def _downloaded(name: str) -> Path | None:
    """Return where the hub's library keeps a model, if it was downloaded."""
    if not _HUB_ID.fullmatch(name) or Path(name).exists():
        return None
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError
    except ImportError:
        return None
    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, ValueError):
        return None
