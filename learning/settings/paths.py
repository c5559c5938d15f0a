"""Which settings are paths, and where a relative one starts: in a file, from the folder of the file. Looks what is there; reads nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from abm.audience.weights import YAML
from moloch.errors import InputError
from moloch.near_files import is_there
from moloch.yamls import Keys
from populations.sources import BUILT_IN

IsPath = Callable[[str, Path], bool]
"""Whether a value is a path and no name, for a file in a folder."""


def _always(value: str, folder: Path) -> bool:
    return True


def _yaml(value: str, folder: Path) -> bool:
    return value.endswith(YAML)


def _people(value: str, folder: Path) -> bool:
    return value not in BUILT_IN


def _graph(value: str, folder: Path) -> bool:
    return bool(Path(value).suffix)


def _model(value: str, folder: Path) -> bool:
    """A model may have a name with a slash in it: what is one is a folder of a model or a GGUF file beside the file, or written as a path."""
    there = folder / value
    return value.startswith(("./", "../")) or is_there(there / "config.json") or (_gguf(value) and is_there(there))


def _gguf(value: str) -> bool:
    return value.lower().endswith(".gguf")


def _audience_or_model(value: str, folder: Path) -> bool:
    return _yaml(value, folder) or _model(value, folder)


PATHS: dict[tuple[str, ...], IsPath] = {
    ("arena",): _yaml,
    ("anchors",): _always,
    ("personas",): _people,
    ("mapping",): _always,
    ("audience",): _yaml,
    ("crowd", "audience"): _yaml,
    ("model",): _model,
    ("reader", "model"): _model,
    ("arms", "*", "model"): _model,
    ("arms", "*", "*", "model"): _model,  # of an item of a list
    ("markets", "*", "learners", "*", "model"): _model,
    ("markets", "*", "rivals", "*", "model"): _model,
    ("markets", "*", "rivals", "*", "adapter"): _always,
    ("network", "graph", "kind"): _graph,
    ("surveys", "*", "questions"): _always,
    ("out_of_domain", "arenas", "*"): _yaml,
    ("out_of_domain", "arenas", "*", "arena"): _yaml,
    ("out_of_domain", "arenas", "*", "anchors"): _always,
    ("out_of_domain", "tasks", "*"): _yaml,
    ("evaluation_audiences", "*"): _audience_or_model,
    ("evaluation_audiences", "*", "audience"): _audience_or_model,
    ("budget", "shared"): _always,
    ("serving", "shared"): _always,
}
"""Settings that are, or may be, paths; ``*`` stands for a name or a place in a list."""


def from_folder(values: dict[str, Any], folder: Path) -> tuple[dict[str, Any], list[tuple[Keys, InputError]]]:
    """Return settings of a file whose relative paths start from its folder, and the mistakes in them.

    A path that is there from the current folder and not from the file's is a mistake, so that none is read by accident.
    """
    moved, wrong = deepcopy(values), list[tuple[Keys, InputError]]()
    for holds, keys, value, is_path in _found(moved):
        if Path(value).is_absolute() or value.startswith("~") or not value or not is_path(value, folder):
            continue
        there = folder / value
        if not _exists(there) and _exists(Path(value)):
            wrong.append((keys, _elsewhere(keys, value, folder)))
        else:
            holds[keys[-1]] = str(there)
    return moved, wrong


def at_home(values: dict[str, Any]) -> dict[str, Any]:
    """Return settings in which ``~`` at the beginning of a path is the user's home."""
    moved = deepcopy(values)
    for holds, keys, value, _ in _found(moved):
        if value.startswith("~"):
            holds[keys[-1]] = os.path.expanduser(value)  # noqa: PTH111 - which leaves ~nobody as it is
    return moved


def _exists(path: Path) -> bool:
    """Return whether a path is there; what follows ``#`` names an arm of the run."""
    return is_there(path) or is_there(Path(str(path).partition("#")[0]))


def _elsewhere(keys: Keys, value: str, folder: Path) -> InputError:
    return InputError(
        f"setting {'.'.join(map(str, keys))!r} is not valid",
        why=f"a relative path in a file starts from the file's folder, and there is no {folder / value}",
        fix=f"Write {os.path.relpath(value, folder)}, which is there.",
    )


def _found(values: Any) -> Iterator[tuple[Any, Keys, str, IsPath]]:
    """Yield texts of settings that may be paths: what holds each, its keys, itself, and how to tell."""
    for pattern, is_path in PATHS.items():
        for holds, keys in _matching(values, pattern):
            if isinstance(value := holds[keys[-1]], str):
                yield holds, keys, value, is_path


def _matching(here: Any, pattern: tuple[str, ...], keys: Keys = ()) -> Iterator[tuple[Any, Keys]]:
    """Yield each mapping or list and the keys that lead to what a pattern names in it."""
    entries: dict[Any, Any] = (
        here if isinstance(here, dict) else dict(enumerate(here)) if isinstance(here, list) else {}
    )
    for key, value in entries.items():
        if pattern[0] not in ("*", key):
            continue
        if len(pattern) == 1:
            yield here, (*keys, key)
        else:
            yield from _matching(value, pattern[1:], (*keys, key))
