"""Files beside a log that can be made again from it. One is believed only byte for byte as we wrote it for this very log.

Which bytes those were is noted outside of the run (:mod:`moloch.notebook`), under a name that holds the chain's hash: who edits
a run's folder, or sends one, cannot have his own bytes believed. Whatever is in doubt is made again. Knows no format.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from moloch.content import canonical, digest
from moloch.notebook import note, noted

KIND = "files"
"""Of the notes."""


def vouch(about: object, sha256: str) -> None:
    """Note that we wrote these bytes; forgotten where nothing can be noted.

    Args:
        about: what the file holds, as JSON: all that decides its content, the hash of the chain among it.
    """
    note(KIND, digest(canonical(about)), sha256)


def vouched(about: object, sha256: str) -> bool:
    """Return whether we wrote these bytes for what ``about`` says."""
    return noted(KIND, digest(canonical(about))) == sha256


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file; empty if it cannot be read. One that has not changed is read once per process."""
    try:
        return _digest(path, stamp(path))
    except OSError:
        return ""


def stamp(path: Path) -> tuple[int, ...]:
    """Return what tells that a file was not changed since; nothing if it cannot be looked at."""
    try:
        stat = path.stat()
    except OSError:
        return ()
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


@lru_cache(1 << 14)
def _digest(path: Path, seen: tuple[int, ...]) -> str:
    """Return the SHA-256 of a file; ``seen`` is what tells that it was not changed since."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
