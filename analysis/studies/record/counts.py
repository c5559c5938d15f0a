"""How a study stands, by its log, in numbers. Shows no effects."""

from __future__ import annotations

from collections import Counter
from typing import Literal, NamedTuple

from analysis.studies.record.study_log import StudyState

Why = Literal["", "interrupted", "budget", "hours", "failed_share"]
"""Why a controller stopped before all cells had ended; empty if it did not."""


class StudyStanding(NamedTuple):
    """How a study stands, as controllers say it while they work.

    Attributes:
        ended: cells whose run is whole, here or elsewhere; ``failed``, ``running``, ``waiting``: the others.
        seconds: since this controller began.
        news: what happened since the last time, a line each.
    """

    ended: int
    failed: int
    running: int
    waiting: int
    seconds: float
    news: tuple[str, ...] = ()

    @property
    def cells(self) -> int:
        """All of them."""
        return self.ended + self.failed + self.running + self.waiting


def standing(state: StudyState, seconds: float = 0.0, news: tuple[str, ...] = ()) -> StudyStanding:
    """Return how a study stands by its log."""
    count = Counter(cell.state for cell in state.cells.values())
    ended = count["ended"] + count["reused"]
    return StudyStanding(ended, count["failed"], count["running"], count["waiting"], seconds, news)
