"""The logs of a study's cells in object storage: each goes there once its run has ended, and is never appended there.

A cell writes to its own disk; what is put is put once, and again only where it is not there. Knows no engines.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from abm.log.store import upload
from analysis.studies.layout import Layout


class CellUpload(msgspec.Struct, frozen=True):
    """What was put, as it is noted beside a worker's word.

    Attributes:
        url: of the cell's folder there.
        files: all that is there now, relative to it; ``nbytes``: of those that were put last.
    """

    url: str
    files: list[str]
    nbytes: int


def place_of(store: str, cell: str) -> str:
    """Return where in object storage a cell's log is."""
    return f"{store.rstrip('/')}/cells/{cell}"


def keep(layout: Layout, cell: str, run: Path, store: str) -> CellUpload:
    """Put the log of a cell that has ended; where that was done, nothing is asked of the storage.

    Raises:
        InputError: it is no URL that can be uploaded to.
        LogError: the storage refuses, or holds something else there.
    """
    path, url = layout.upload(cell), place_of(store, cell)
    if (kept := _read(path)) is not None and kept.url == url:
        return kept
    done = upload(run, url)
    kept = CellUpload(url, sorted([*done.put, *done.there]), done.nbytes)
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    new.write_bytes(msgspec.json.encode(kept))
    new.replace(path)
    return kept


def _read(path: Path) -> CellUpload | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=CellUpload)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
