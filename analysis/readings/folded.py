"""A reading of a growing log: each look resumes where the last one stopped. Takes no lock on the log."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any, Generic, TypeVar

from abm.log import open_log
from abm.log.segments import Block
from abm.log.tail import Tail
from analysis.readings.reading import Reading, dispatch
from moloch.errors import ContradictoryLog, MolochError

R = TypeVar("R", bound=Reading[Any])
T = TypeVar("T")


class Folded(Generic[R]):
    """A reading of a run's log, and the place up to which it has read.

    Args:
        reading: takes the events from the log's beginning.
    """

    def __init__(self, path: Path, reading: R) -> None:
        self.reading, self._path, self._hand = reading, path, dispatch(reading)
        self._lock = threading.Lock()
        self._tail: Tail | None = None
        self._ahead: Block | None = None
        self._contradicted: ContradictoryLog | None = None

    def look(self, look: Callable[[R], T], until: int) -> T:
        """Read on to event ``until``, or to where the log is damaged, and return what ``look`` makes of the reading then.

        Raises:
            ContradictoryLog: an event cannot be so after those before it; so does each further look.
        """
        with self._lock:
            if self._contradicted is not None:
                raise self._contradicted
            try:
                self._read(until)
            except ContradictoryLog as error:
                self._contradicted = error
                raise
            except MolochError:  # damaged from here on; the header says so
                pass
            return look(self.reading)

    def _read(self, until: int) -> None:
        if self._tail is None:
            self._tail = open_log(self._path, write=False).tail()
        waiting, self._ahead = self._ahead, None
        for block in chain([waiting] if waiting is not None else [], self._tail.new()):
            if block.commit.seq >= until:
                self._ahead = block
                return
            for event in block.events(self.reading.TAKES):
                self._hand(event)
