"""A log folded as it grows, each event once: who looks again reads on from where the last look stopped. Takes no lock."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import ClassVar, Generic, Protocol, TypeVar

from abm.events import Event
from abm.log import open_log
from abm.log.segments import Block
from abm.log.tail import Tail
from moloch.errors import MolochError


class Fold(Protocol):
    """What is made of a run's events, one by one; ``TAKES`` are the types that it looks at."""

    TAKES: ClassVar[frozenset[type[Event]]]

    def take(self, event: Event) -> None:
        """Take the next event."""
        ...


F = TypeVar("F", bound=Fold)
T = TypeVar("T")


class Folded(Generic[F]):
    """A fold of a run's log, and the place up to which it has read.

    Args:
        fold: takes the events from the log's beginning.
    """

    def __init__(self, path: Path, fold: F) -> None:
        self.fold, self._path = fold, path
        self._lock = threading.Lock()
        self._tail: Tail | None = None
        self._ahead: Block | None = None

    def look(self, look: Callable[[F], T], until: int) -> T:
        """Read on to event ``until``, or to where the log is damaged, and return what ``look`` makes of the fold then."""
        with self._lock:
            with contextlib.suppress(MolochError):  # damaged from here on; the header says so
                self._read(until)
            return look(self.fold)

    def _read(self, until: int) -> None:
        if self._tail is None:
            self._tail = open_log(self._path, write=False).tail()
        waiting, self._ahead = self._ahead, None
        for block in chain([waiting] if waiting is not None else [], self._tail.new()):
            if block.commit.seq >= until:
                self._ahead = block
                return
            for event in block.events(self.fold.TAKES):
                self.fold.take(event)
