"""One bound on calls at once, for all processes of this machine that ask the same server. Knows files; knows no calls.

A call on its way holds a slot: the lock of a file, which the operating system gives back when its process ends, however it ends.
Each process takes its fair share of them, so that a busy one does not keep the others out; and where the server asks to be left
alone, it says so to all.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from abm.llm.http._exchange import Address
from moloch.content import content_id
from moloch.errors import LogError

COUNTED_FOR = 1.0
"""Seconds for which a count of the processes is believed."""


class Slots(Protocol):
    """Leave to send a call."""

    def take(self) -> bool:
        """Take a slot, if there is one for this process."""
        ...

    def give(self) -> None:
        """Give a slot back."""
        ...

    def pause(self, seconds: float) -> None:
        """Say that the server wants to be left alone for so long."""
        ...

    def paused(self) -> bool:
        """Return whether somebody said so."""
        ...


class Unshared:
    """No other process asks the server: its window is all that bounds the calls."""

    def take(self) -> bool:
        """See :class:`Slots`."""
        return True

    def give(self) -> None:
        """See :class:`Slots`."""

    def pause(self, seconds: float) -> None:
        """See :class:`Slots`."""

    def paused(self) -> bool:
        """See :class:`Slots`."""
        return False


class SharedSlots:
    """Slots that processes share through a folder.

    Args:
        folder: of all servers; made if need be.
        address: the server.
        most: calls at once, of all processes together.

    Raises:
        LogError: the folder cannot be written.
    """

    def __init__(self, folder: Path, address: Address, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder / content_id(list(address))
        self._most, self._clock = most, clock
        self._counted, self._share = float("-inf"), most
        self._held: list[int] = []
        try:
            (self._folder / "processes").mkdir(parents=True, exist_ok=True)
            self._free = [_opened(self._folder / str(number)) for number in range(most)]
            self._self = _opened(self._folder / "processes" / f"{os.getpid()}-{id(self):x}")
            fcntl.flock(self._self, fcntl.LOCK_EX)
        except OSError as error:
            raise LogError(
                "cannot share a limit on calls", where=str(self._folder), why=error.strerror or str(error)
            ) from error

    def take(self) -> bool:
        """See :class:`Slots`."""
        if len(self._held) >= self._fair():
            return False
        for place, slot in enumerate(self._free):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._held.append(self._free.pop(place))
                return True
        return False

    def give(self) -> None:
        """See :class:`Slots`."""
        slot = self._held.pop()
        fcntl.flock(slot, fcntl.LOCK_UN)
        self._free.append(slot)

    def pause(self, seconds: float) -> None:
        """See :class:`Slots`; it is for the clock of this machine, which its processes share."""
        pause = self._folder / "pause"
        until = time.time() + seconds
        with contextlib.suppress(OSError):
            pause.touch()
            if pause.stat().st_mtime < until:
                os.utime(pause, (until, until))

    def paused(self) -> bool:
        """See :class:`Slots`."""
        try:
            return (self._folder / "pause").stat().st_mtime > time.time()
        except OSError:
            return False

    def close(self) -> None:
        """Leave the slots to the others."""
        for file in (*self._held, *self._free, self._self):
            os.close(file)
        self._held, self._free = [], []

    def _fair(self) -> int:
        """Return how many slots this process may hold: the slots, parted among the processes that are there."""
        if self._clock() - self._counted >= COUNTED_FOR:
            self._counted = self._clock()
            self._share = max(1, self._most // max(1, self._alive()))
        return self._share

    def _alive(self) -> int:
        alive = 1  # this one, whose own lock looks free to itself
        for path in (self._folder / "processes").iterdir():
            if path.name == f"{os.getpid()}-{id(self):x}":
                continue
            with contextlib.suppress(OSError):
                file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()  # nobody holds it: its process is gone
                except BlockingIOError:
                    alive += 1
                finally:
                    os.close(file)
        return alive


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
