"""One study as pages ask for it: how it stands, and what it came to as far as its cells have ended. Reads while pages ask; writes nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from analysis.studies.findings.results import StudyResults, study_results
from analysis.studies.record.status import Damage, FollowedStudy, StudyStatus
from moloch.errors import InputError

LOOK_S = 1.0
"""Seconds for which a look at how a study stands holds."""
PART = 10
"""Effects of a study that is being carried out are counted again in one part of the time in this many."""
DONE = ("ended", "reused")


class ReadCells(NamedTuple):
    """How many cells were read, of how many."""

    done: int
    of: int


class ShownStudy:
    """One study, shared by all open pages.

    Args:
        key: what addresses call it.
        hidden: says whether effects are not to be seen yet, as those of a preregistered study before its end.
        damage: says what is wrong with the end of a cell's log, as far as it was read.
    """

    def __init__(
        self,
        key: str,
        path: Path,
        hidden: Callable[[Path], bool] = lambda path: False,
        damage: Damage = lambda run: None,
    ) -> None:
        self.key, self.path, self._hidden = key, path, hidden
        self.read = ReadCells(0, 0)
        self._followed = FollowedStudy(path, inputs=False, damage=damage)
        self._looking, self._counting = threading.Lock(), threading.Lock()
        self._status: tuple[float, StudyStatus] | None = None
        self._results: tuple[frozenset[str], StudyResults] | None = None
        self._due = 0.0

    @property
    def closed(self) -> bool:
        """Whether effects are not to be seen yet."""
        return self._hidden(self.path)

    @property
    def known(self) -> StudyStatus | None:
        """How it stood at the last look; None before the first."""
        return self._status[1] if self._status else None

    def status(self) -> StudyStatus:
        """Return how it stands; shows no effects.

        Raises:
            InputError: the study is gone.
            LogError: its log cannot be read.
        """
        with self._looking:
            if self._status is None or time.monotonic() > self._status[0] + LOOK_S:
                looked = self._followed.look()
                self._status = time.monotonic(), looked
            return self._status[1]

    @property
    def counted(self) -> StudyResults | None:
        """What it came to when its effects were last counted; None before, and while they are not to be seen."""
        return self._results[1] if self._results and not self.closed else None

    def results(self) -> StudyResults | None:
        """Return what it came to, counted again when further cells have ended; None where none has, or effects are not to be seen.

        Raises:
            LogError: the study's own log cannot be read.
        """
        with self._counting:
            status = self.status()
            ended = frozenset(cell.cell for cell in status.cells if cell.state in DONE)
            if not ended or self.closed:
                return None
            waits = self._results is not None and not status.over and time.monotonic() < self._due
            if self._results is None or (self._results[0] != ended and not waits):
                began = time.monotonic()
                try:
                    found = study_results(self.path, report=self._reads)
                except InputError:  # the only cells that had ended are gone
                    return None
                self._results = ended, found
                now = time.monotonic()
                self._due = now + (PART - 1) * (now - began)
            return self._results[1]

    def _reads(self, done: int, of: int) -> None:
        self.read = ReadCells(done, of)
