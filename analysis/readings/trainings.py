"""What each arm learnt from in each epoch, and how far that is from what its learner did, for arms that were brought to another's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from abm.events import AdapterTrained, Event, Forked, RunConfigured
from analysis.readings.reading import frame_of
from learning.arms.arm import arms_of

if TYPE_CHECKING:
    import polars as pl


class ArmTraining(msgspec.Struct, frozen=True):
    """One training.

    Attributes:
        rows: that were learnt from, and ``own_rows``: those of the arm's own contests, before it was brought to another's number.
        tokens: that carried loss, over all steps.
        rows_of: the arm whose number of rows it has; empty for none.
        more_tokens: than that arm's, as a share of them; None without one.
        figures: what the method's loss says: name -> mean over the training.
        mitigated: mitigation -> contests and rows that it changed or took away.
        adapter: that was learnt.
    """

    arm: str
    epoch: int
    method: str
    rows: int
    own_rows: int
    steps: int
    tokens: int
    rows_of: str = ""
    more_tokens: float | None = None
    figures: dict[str, float] = {}
    mitigated: dict[str, int] = {}
    adapter: str = ""


class TrainingReading:
    """Reads the trainings in the order of the log; a row of its frame is one."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({AdapterTrained, Forked, RunConfigured})

    def __init__(self) -> None:
        self._trained: list[AdapterTrained] = []
        self._rows_of: dict[str, str] = {}  # of the arms that train now; a fork may change it
        self._learners: list[str] = []

    def take(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, RunConfigured | Forked):
            self._rows_of = {arm.name: arm.rows_of for arm in arms_of(event.config).values()}
        elif isinstance(event, AdapterTrained):
            self._trained.append(event)
            self._learners.append(self._rows_of.get(event.arm, ""))

    def result(self) -> list[ArmTraining]:
        """Return the trainings so far."""
        tokens = {(event.arm, event.epoch): event.tokens for event in self._trained}
        found = []
        for event, learner in zip(self._trained, self._learners, strict=True):
            of = tokens.get((learner, event.epoch), 0)
            own = event.own_rows if event.rows_of else event.rows
            counted = event.rows, own, event.steps, event.tokens
            more = event.tokens / of - 1 if of else None
            said = event.figures, event.mitigated, event.adapter
            found.append(ArmTraining(event.arm, event.epoch, event.method, *counted, learner, more, *said))
        return found

    def frame(self) -> pl.DataFrame:
        """Return a row per training, without its figures and mitigations."""
        schema = {
            "arm": str, "epoch": int, "method": str, "rows": int, "own_rows": int, "steps": int, "tokens": int,
            "rows_of": str, "more_tokens": float,
        }  # fmt: skip
        return frame_of(([getattr(row, name) for name in schema] for row in self.result()), schema)
