"""Anchors of a source that a run left out, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from abm.events import AnchorsListed, Event
from analysis.readings.reading import frame_of

if TYPE_CHECKING:
    import polars as pl


class LeftOutReading:
    """Reads reason -> number of anchors; a row of its frame is a reason."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({AnchorsListed})

    def __init__(self) -> None:
        self._anchors: dict[str, int] = {}

    def take(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, AnchorsListed):
            self._anchors |= {why: number for why, number in event.dropped.items() if number}

    def result(self) -> dict[str, int]:
        """Return reason -> anchors that were left out for it."""
        return dict(self._anchors)

    def frame(self) -> pl.DataFrame:
        """Return a row per reason."""
        return frame_of(self._anchors.items(), {"reason": str, "anchors": int})
