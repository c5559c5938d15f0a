"""The file or folder that somebody probably meant, where there is none of the name that they gave. Reads folders, never files."""

from __future__ import annotations

import os
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

MOST = 10_000
"""Names of a folder that are looked at; a larger one gets no suggestion."""


def near_file(path: Path | str) -> Path | None:
    """Return what is there under the nearest name, ``None`` where nothing is near; for a path that is not there.

    Only the first part that is missing is replaced: ``rnus/first`` leads to ``runs/first`` where that exists.
    """
    path = Path(path)
    if not path.name or is_there(path):
        return None
    gone = path
    while gone.parent.name and not is_there(gone.parent):
        gone = gone.parent
    found = (gone.parent / name / path.relative_to(gone) for name in _near(gone.name, _names(gone.parent)))
    return next(filter(is_there, found), None)


def did_you_mean(path: Path | str) -> str:
    """Return ``"Did you mean PATH? "``, for the beginning of an error's remedy; nothing where no name is near."""
    near = near_file(path)
    return f"Did you mean {near}? " if near is not None else ""


def is_there(path: Path) -> bool:
    """Tell whether a path is there; none is whose name no file can have, because it is too long, say."""
    return os.path.exists(path)  # noqa: PTH110  Path.exists raises where a name is longer than a file's may be


def _near(name: str, names: list[str]) -> list[str]:
    alike = [other for other in names if other.casefold() == name.casefold()]
    return [*alike, *get_close_matches(name, names, n=3)]


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as there:
            names = [each.name for each in islice(there, MOST + 1) if not each.name.startswith(".")]
    except OSError:  # it may not be looked into
        return []
    return sorted(names) if len(names) <= MOST else []
