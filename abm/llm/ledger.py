"""What a run has spent on models, kept in a file beside its log: durable before a call is sent, so that no kill loses it.

The log holds the answers; attempts that came to nothing may be charged for, too. A line holds totals since the run began:
after :meth:`Ledger.reserve`, the most that will have been spent until the next line; after :meth:`Ledger.settle`, what was.
A process that is killed in between has spent, at most, what was reserved. Knows files; knows no bounds and no models.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import msgspec

from moloch.durable import sync
from moloch.errors import InputError, LogError

FILE = "spent.jsonl"


class Cost(NamedTuple):
    """Calls that were sent, tokens read and written, US dollars."""

    calls: int = 0
    tokens: int = 0
    usd: float = 0.0

    def plus(self, other: Cost, sign: int = 1) -> Cost:
        """Return the sum, or with ``sign`` -1 the difference."""
        return Cost(self.calls + sign * other.calls, self.tokens + sign * other.tokens, self.usd + sign * other.usd)

    def or_more(self, other: Cost) -> Cost:
        """Return the larger of both, each number for itself."""
        return Cost(max(self.calls, other.calls), max(self.tokens, other.tokens), max(self.usd, other.usd))


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    calls: int
    tokens: int
    usd: float


class Ledger:
    """One run's file of what it spent.

    Args:
        folder: of the run; the file is made with its first line.
    """

    def __init__(self, folder: Path, name: str = FILE) -> None:
        self._path = folder / name

    def read(self) -> Cost:
        """Return what counts as spent; nothing where there is no file.

        Raises:
            InputError: the last whole line holds no totals.
        """
        try:
            lines = self._path.read_bytes().split(b"\n")[:-1]  # what follows the last line end was never acknowledged
        except FileNotFoundError:
            return Cost()
        except OSError as error:
            raise LogError("cannot read what the run spent", where=str(self._path), why=str(error)) from error
        if not lines:
            return Cost()
        try:
            line = msgspec.json.decode(lines[-1], type=_Line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(
                "cannot say what the run spent",
                where=f"{self._path}:{len(lines)}",
                why=str(error),
                fix="Correct the line; or delete the file: then only answers in the log count as spent.",
            ) from error
        return Cost(line.calls, line.tokens, line.usd)

    def reserve(self, most: Cost) -> None:
        """Write durably that no more than ``most`` will have been spent.

        Raises:
            LogError: the file cannot be written; nothing may be sent then.
        """
        self._write(most, durable=True)

    def settle(self, spent: Cost) -> None:
        """Write what was spent; if the power takes this line, the reserve before it counts.

        Raises:
            LogError: the file cannot be written.
        """
        self._write(spent, durable=False)

    def _write(self, totals: Cost, *, durable: bool) -> None:
        line = msgspec.json.encode(_Line(*totals)) + b"\n"
        try:
            new = not self._path.exists() or _own_copy(self._path)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            try:
                _cut_unfinished(file)
                if os.write(file, line) != len(line):
                    raise OSError("the line was written in part")
                if durable:
                    os.fsync(file)
            finally:
                os.close(file)
            if new and durable:
                sync(self._path.parent)
        except OSError as error:
            raise LogError(
                "cannot write what the run spends",
                where=str(self._path),
                why=error.strerror or str(error),
                fix="No call was sent that is not in it; make room, then the same command resumes.",
            ) from error


def _own_copy(path: Path) -> bool:
    """Part from a copy of the run that shares the file (``cp -al``): what is written here is not spent there.

    Returns:
        Whether the file is a new one.
    """
    if path.stat().st_nlink == 1:
        return False
    own = path.with_name(path.name + ".new")
    own.write_bytes(path.read_bytes())
    own.replace(path)
    return True


def _cut_unfinished(file: int) -> None:
    """Cut off a line that a kill or a full disk left without its end."""
    size = os.fstat(file).st_size
    if size == 0 or os.pread(file, 1, size - 1) == b"\n":
        return
    tail = os.pread(file, 4096, max(0, size - 4096))
    os.ftruncate(file, max(0, size - 4096) + tail.rfind(b"\n") + 1)
