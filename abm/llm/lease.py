"""A bound on spending that several processes share: each takes a part of what is left before it spends it, and gives back the rest.

One file holds, line by line, what each run may have spent at most; who writes holds its lock, and a line is durable before
anything is spent that only it allows. So the sum never crosses the bound, whichever process is killed when; what a killed
one had taken and not spent is free again when it settles, that is, when the same run goes on. Knows files; knows no models.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from abm.llm.ledger import Cost
from moloch.durable import sync
from moloch.errors import LogError

FILE = "leases.jsonl"


class _Taken(msgspec.Struct, forbid_unknown_fields=True):
    run: str
    calls: int
    tokens: int
    usd: float


class Lease:
    """One run's part of what several may spend.

    Args:
        folder: of the file that they share; made if need be.
        run: its name among them.
        most: what all of them together may spend; None: no bound on that.
    """

    def __init__(self, folder: Path, run: str, most: tuple[int | None, int | None, float | None]) -> None:
        self._path, self._run, self._most = folder / FILE, run, most
        self._taken: dict[str, Cost] = {}
        self._read = 0

    def elsewhere(self) -> Cost:
        """Return what other runs may have spent, at most, as the file has it now.

        Raises:
            LogError: it cannot be read.
        """
        with self._locked() as file:
            return self._others(file)

    def take(self, least: Cost, wish: Cost) -> Cost | None:
        """Take from what is left, so that this run may have spent ``wish`` in all, or as much of it as there is.

        Returns:
            What it may have spent from now on, no less than ``least``; None, and nothing is taken, where that does not fit.

        Raises:
            LogError: the file cannot be written; nothing may be spent then.
        """
        with self._locked() as file:
            others = self._others(file)
            left = [None if most is None else most - used for most, used in zip(self._most, others, strict=True)]
            if any(
                room is not None and need > room + _SLACK * abs(room) for need, room in zip(least, left, strict=True)
            ):
                return None
            granted = [
                wished if room is None else max(need, min(wished, room))
                for need, wished, room in zip(least, wish, left, strict=True)
            ]
            taken = Cost(int(granted[0]), int(granted[1]), float(granted[2]))
            self._write(file, taken, durable=True)
            return taken

    def settle(self, spent: Cost) -> None:
        """Give back what was taken and not spent; a power cut that takes this line leaves it taken.

        Raises:
            LogError: the file cannot be written.
        """
        with self._locked() as file:
            self._others(file)
            if self._taken.get(self._run) != spent:
                self._write(file, spent, durable=False)

    def _others(self, file: int) -> Cost:
        """Return what others have taken, after a look at what was written since the last one."""
        data = os.pread(file, os.fstat(file).st_size - self._read, self._read)
        whole, _, _ = data.rpartition(b"\n")
        for line in whole.split(b"\n") if whole else ():
            try:
                taken = msgspec.json.decode(line, type=_Taken)
            except (
                msgspec.DecodeError,
                UnicodeDecodeError,
            ):  # begun by a process that was killed, and never relied upon
                continue
            self._taken[taken.run] = Cost(taken.calls, taken.tokens, taken.usd)
        self._read += len(whole) + 1 if whole else 0
        total = Cost()
        for run, taken in self._taken.items():
            total = total if run == self._run else total.plus(taken)
        return total

    def _write(self, file: int, cost: Cost, *, durable: bool) -> None:
        end = os.fstat(file).st_size
        line = msgspec.json.encode(_Taken(self._run, *cost)) + b"\n"
        if end and os.pread(file, 1, end - 1) != b"\n":  # a killed process left a line without its end
            line = b"\n" + line
        if os.pwrite(file, line, end) != len(line):
            raise OSError("the line was written in part")
        if durable:
            os.fsync(file)
        if os.pread(file, len(line), end) != line:  # a lock that does not hold between machines
            raise OSError("another machine wrote over it: the file system's locks do not hold between machines")
        self._taken[self._run], self._read = cost, end + len(line)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        try:
            new = not self._path.exists()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                if new:
                    sync(self._path.parent)
                fcntl.flock(file, fcntl.LOCK_EX)
                yield file
            finally:
                os.close(file)
        except OSError as error:
            raise LogError(
                "cannot write what is spent together",
                where=str(self._path),
                why=error.strerror or str(error),
                fix="No call was sent that is not in it; make room, then the same command resumes.",
            ) from error


_SLACK = 1e-12
"""Of rounding, in sums of prices."""
