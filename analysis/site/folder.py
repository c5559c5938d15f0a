"""The folder that a site is written into: whole or not at all, and never over files that are no site. Knows nothing of pages."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from moloch.errors import InputError, LogError

MARK = "site.json"
"""The file that says that a folder is a site, and of what."""
FORMAT = 1
"""Version of a site's layout."""


class SiteMade(msgspec.Struct, frozen=True):
    """A site that was written.

    Attributes:
        site: its folder; ``files``, ``bytes``: how many, and how much.
        kind: ``run`` or ``study``; ``name``: of it.
        head: hash at the head of the run's log, or of the study's own.
        left_out: what is not in it for want of room, in words.
    """

    site: str
    kind: str
    name: str
    head: str
    files: int
    bytes: int
    left_out: list[str] = []


def check_target(target: Path) -> None:
    """Check that a site can be written to a folder.

    Raises:
        InputError: it is a file, or a folder that holds something and is no site.
    """
    if target.is_dir():
        if any(target.iterdir()) and not is_site(target):
            why = f"it holds files but no {MARK}, so it is not a site of Moloch"
            raise InputError("the folder is not empty", where=str(target), why=why, fix="Name a new folder.")
    elif target.exists():
        raise InputError("a site is a folder, and this is a file", where=str(target), fix="Name a new folder.")


def is_site(folder: Path) -> bool:
    """Return whether a folder is a site that this module wrote."""
    try:
        return json.loads((folder / MARK).read_text("utf-8")).get("moloch_site") == FORMAT
    except (OSError, ValueError, AttributeError):
        return False


def write_folder(target: Path, files: Iterable[tuple[str, bytes]], mark: dict[str, Any]) -> tuple[int, int]:
    """Write files into a folder beside the target, and rename it when all are there; return their number and bytes.

    Args:
        files: names, relative and with slashes, and contents.
        mark: what :data:`MARK` says of the site.

    Raises:
        InputError: as :func:`check_target`.
        LogError: the disk refuses.
    """
    check_target(target)
    target = target.resolve()
    new, old = (target.with_name(f".{target.name}.{os.getpid()}.{end}") for end in ("new", "old"))
    number = size = 0
    try:
        new.mkdir(parents=True)
        for name, content in chain(files, [(MARK, _mark(mark))]):
            path = new / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            number, size = number + 1, size + len(content)
        _put(new, target, old)
    except OSError as error:
        raise LogError("cannot write the site", where=str(target), why=error.strerror or str(error)) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return number, size


def _mark(mark: dict[str, Any]) -> bytes:
    return json.dumps({"moloch_site": FORMAT, **mark}, indent=1).encode() + b"\n"


def _put(new: Path, target: Path, old: Path) -> None:
    """Rename the new folder to the target; the one that was there stays where that fails."""
    if not target.exists():
        new.rename(target)
        return
    target.rename(old)
    try:
        new.rename(target)
    except BaseException:
        old.rename(target)
        raise
