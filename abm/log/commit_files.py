"""Commits as files of their own, for a log that several machines write; locks of files need not hold between machines.

The file of the commit that begins with event N is made once, whole, by a hard link, and is never changed or deleted: it settles which
commit that is. Who made it, or finds it, writes its bytes into the log, at the place where the commits before it end; they are
the same bytes at the same place, whichever process does it, however often and however late. So a writer that was stopped at any point,
and goes on when others have written, changes nothing; and what it had not written is written by the next one.
"""

from __future__ import annotations

import os
from pathlib import Path

from abm.log.codec import HEADER_SIZE, PREAMBLE, Torn, read_header, split
from abm.log.segments import damaged
from moloch.durable import make_once

FOLDER = "commits"
"""Within the log's folder."""


class CommitFiles:
    """The commits of one log.

    Args:
        run: the log's folder.
    """

    def __init__(self, run: Path) -> None:
        self._folder = run / FOLDER

    def make(self, seq: int, data: bytes) -> bool:
        """Settle, durably, that ``data`` is the commit that begins with event ``seq``; return False if another one is.

        Raises:
            OSError: it cannot be written, and is not settled.
        """
        self._folder.mkdir(exist_ok=True)
        return make_once(self._path(seq), data)

    def after(self, seq: int, prev: str) -> bytes | None:
        """Return the bytes of the commit that is to follow where the log ends, as its writer wrote them; None if none is settled.

        Args:
            seq: of the next event; ``prev``: hash of the chain so far.

        Raises:
            CorruptLog: it does not continue this log.
            OSError: it cannot be read.
        """
        path = self._path(seq)
        try:
            os.close(os.open(self._folder, os.O_RDONLY))  # over a network: look again whether a name is there
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        body = data.removeprefix(PREAMBLE)
        try:
            _, _, commit = split(read_header(body), body[HEADER_SIZE:])
        except (Torn, ValueError) as error:
            raise damaged(str(path), str(error) or "it ends early") from error
        if (commit.seq, commit.prev) != (seq, prev):
            raise damaged(str(path), f"it does not follow event {seq - 1} of the log")
        return data

    def from_on(self, seq: int) -> list[Path]:
        """Return the files of the commits that begin with event ``seq`` or later."""
        paths = sorted(self._folder.glob("[0-9]*.zst")) if self._folder.is_dir() else []
        return [path for path in paths if path.name >= self._path(seq).name]

    def _path(self, seq: int) -> Path:
        return self._folder / f"{seq:020d}.zst"
