"""What other audiences voted on the held-out messages of a run, each as an evaluation of its own. Knows nothing of statistics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from abm.events import (
    CompetitorsJoined,
    CrowdJoined,
    Event,
    Forked,
    PersonasJoined,
    RunConfigured,
    RunResumed,
    RunStarted,
)
from analysis.readings.contests import Evaluation
from analysis.readings.evaluation import EvaluationReading
from analysis.readings.reading import result_of
from learning.settings.audiences import recorded_audiences

if TYPE_CHECKING:
    import polars as pl

BEFORE_VOTES = (RunStarted, RunResumed, CompetitorsJoined, PersonasJoined, CrowdJoined)
"""What an audience has to know that begins to vote later."""


class TransferReading:
    """Reads an :class:`Evaluation` for each evaluation audience. A row of its frame is a contest before one of them."""

    TAKES: ClassVar[frozenset[type[Event]]] = EvaluationReading.TAKES

    def __init__(self) -> None:
        self._joined = EvaluationReading()
        self._of: dict[str, EvaluationReading] = {}

    def take(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, RunConfigured | Forked):
            for audience in recorded_audiences(event.config.get("evaluation_audiences")):
                if audience not in self._of:
                    self._of[audience] = self._joined.beside(audience)
            self._joined.take(event)
        elif isinstance(event, BEFORE_VOTES):
            self._joined.take(event)
        for reading in self._of.values():
            reading.take(event)

    def result(self) -> Mapping[str, Evaluation]:
        """Return audience -> what it voted so far."""
        return {audience: reading.result() for audience, reading in self._of.items()}

    def frame(self) -> pl.DataFrame:
        """Return :meth:`Evaluation.frame` of all audiences, which ``audience`` names."""
        import polars as pl

        frames = [
            found.frame().with_columns(pl.lit(audience).alias("audience")) for audience, found in self.result().items()
        ]
        none = Evaluation().frame().with_columns(pl.lit("").alias("audience"))
        return pl.concat([none, *frames])


def read_transfer(events: Iterable[Event]) -> Mapping[str, Evaluation]:
    """Return audience -> what it voted on the held-out messages of a log."""
    return result_of(events, TransferReading())
