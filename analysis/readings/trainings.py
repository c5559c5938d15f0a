"""What arms learnt: the trainings of a run, by arm and epoch. A function of a log's events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from abm.events import AdapterTrained, Event
from analysis.readings.reading import frame_of, result_of

if TYPE_CHECKING:
    import polars as pl

Trainings = dict[tuple[str, int], AdapterTrained]
"""(arm, epoch) -> its training."""
COLUMNS = {
    "arm": str,
    "epoch": int,
    "method": str,
    "rows": int,
    "steps": int,
    "tokens": int,
    "over_long": int,
    "loss_before": float,
    "loss_after": float,
    "adapter": str,
    "parent": str,
    "data": str,
    "seq": int,
}


def trainings(events: Iterable[Event]) -> Trainings:
    """Return the trainings of a log, by arm and epoch."""
    return result_of(events, TrainingReading())


class TrainingReading:
    """Reads what :func:`trainings` returns; a row of its frame is a training."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({AdapterTrained})

    def __init__(self) -> None:
        self._trainings: Trainings = {}

    def take(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, AdapterTrained):
            self._trainings[event.arm, event.epoch] = event

    def result(self) -> Trainings:
        """Return the trainings so far."""
        return self._trainings

    def frame(self) -> pl.DataFrame:
        """Return a row per training."""
        rows = [tuple(getattr(event, name) for name in COLUMNS) for event in self._trainings.values()]
        return frame_of(rows, COLUMNS)
