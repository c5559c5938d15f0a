"""What a run came to so far, as pages ask for it: made from one reading of its log, and again only when something was added to it."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

from analysis.figures.figure import FigureContent, LeftOut
from analysis.figures.outcomes import content
from analysis.figures.subject import RunRead, Subject
from analysis.readings.contests import Evaluation
from analysis.tables.results import TableReading
from analysis.ui.data.life import LIVE
from analysis.ui.followers import BEAT_S
from analysis.ui.library import Follower

PART = 20
"""A run that is being written is counted again in one part of the time in this many."""
LONGEST_S = 30.0
"""Most seconds until it is counted again."""


class RunResult(NamedTuple):
    """What a run came to.

    Attributes:
        tables: as :func:`analysis.tables.results.results` makes them.
        outcomes: of the forest plot; or why there is none.
    """

    tables: dict[str, Any]
    outcomes: FigureContent | LeftOut


def result(follower: Follower) -> RunResult:
    """Return what a run came to; the same until contests are evaluated, verdicts change, or an alarm is raised.

    Of a run that is being written it takes one part in :data:`PART` of the time: the call waits until then, or until the run ends.
    """
    return follower.once("result", _Latest).of(follower)


def latest(follower: Follower) -> RunResult | None:
    """Return what :func:`result` returned last, at once; None before the first."""
    return follower.once("result", _Latest).result


class _Latest:
    """The latest result of one run."""

    def __init__(self) -> None:
        self._lock, self._due = threading.Lock(), 0.0
        self._about: tuple[Evaluation | None, int] = None, 0
        self.result: RunResult | None = None

    def of(self, follower: Follower) -> RunResult:
        with self._lock:
            while time.monotonic() < self._due and follower.state() in LIVE:
                time.sleep(BEAT_S)
            began = time.monotonic()
            found = follower.fold("tables", TableReading, lambda reading: self._made(reading, follower.path))
            now = time.monotonic()
            self._due = now + min(LONGEST_S, (PART - 1) * (now - began))
            return found

    def _made(self, reading: TableReading, path: Path) -> RunResult:
        evaluation, alarms = reading.evaluation(), reading.alarms()
        if self.result is None or self._about[0] is not evaluation or self._about[1] != alarms:
            run = RunRead(path, path.name, {"arena": str(evaluation.config.get("arena", ""))}, evaluation)
            self._about, self.result = (evaluation, alarms), RunResult(reading.result(), content(Subject((run,))))
        return self.result
