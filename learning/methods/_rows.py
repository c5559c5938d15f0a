"""Training rows: what a trainer learns from, each with the events that it comes from. Knows no method and no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from abm.arenas import Message
from moloch.content import content_id

RowKind = Literal["trajectory", "rejected", "thought"]
"""What a row is to its contest: a message to learn, one that it was preferred to, or what a voter thought."""

LIKELIHOOD = "learning.training.step:likelihood"
"""The loss of most methods: the weighted negative log-likelihood of the completions."""


class Row(msgspec.Struct, frozen=True):
    """One example: a chat prompt and the completion to learn.

    Attributes:
        weight: of the row's log-likelihood, where the loss is :data:`LIKELIHOOD`; below 0 the completion is unlearnt. Other losses
            take it as they say.
        kind: ``trajectory``, ``rejected`` or ``thought``. Trajectories and rejected messages of a contest are learnt
            together or, if one is too long, not at all; a thought that is too long is left out alone.
        contest, message: their ids; no message for thoughts.
        events: ``seq`` of the events that it is made of.
        persona: index of the persona whose thought it is; -1 for messages.
        ended: whether the completion ends by itself; one that was cut off at its bound teaches no end.
    """

    prompt: list[Message]
    completion: str
    weight: float
    kind: RowKind
    contest: str
    message: str
    events: list[int]
    persona: int = -1
    ended: bool = True


class LossTerm(msgspec.Struct, frozen=True):
    """What is added to the loss of a method.

    Attributes:
        place: ``"module:function"`` of a loss; its parts are added to those of the method's own.
        options: its settings, by name.
    """

    place: str
    options: dict[str, Any] = {}


class TrainingSet(msgspec.Struct, frozen=True):
    """What a trainer learns from.

    Attributes:
        digest: content id of the rows without ``events``, whose places in the log move when a run is resumed.
        data_range: first and last ``seq`` of the contests that were read; (-1, -1) if there were none.
        counts: ``contests`` seen and ``learnt``; why others gave no row (``tie``, ``forfeit``, ``void``); ``characters``
            of the trajectories and ``winner_characters`` of the winners' in the same contests.
        loss: ``"module:function"`` of the loss that the rows are learnt with; see :class:`learning.training.step.TrainingStep`.
        options: the method's settings, by name, for the loss.
        as_sampled: whether the rows are other ones than a rendering of the messages would give.
        apart: each row is learnt by itself; else the rows of a contest are learnt together.
        rows_of: the learner to whose number of rows the trainer brings this set; None for none.
        terms: what mitigations add to the loss.
        mitigated: mitigation -> how many contests or rows it decided otherwise, changed or took away, where it did.
    """

    rows: list[Row]
    digest: str
    data_range: tuple[int, int]
    counts: dict[str, int]
    loss: str = LIKELIHOOD
    options: dict[str, Any] = {}
    as_sampled: bool = False
    apart: bool = False
    rows_of: RowsOf | None = None
    terms: list[LossTerm] = []
    mitigated: dict[str, int] = {}

    @property
    def trajectories(self) -> list[Row]:
        """The rows that say what to write."""
        return [row for row in self.rows if row.kind == "trajectory"]


class RowsOf(msgspec.Struct, frozen=True):
    """What an arm learns in an epoch, for another that is brought to its number of rows.

    Attributes:
        arm: its name.
        data: its training set.
        max_length: tokens of an example; it leaves out longer ones.
    """

    arm: str
    data: TrainingSet
    max_length: int


def rows_digest(rows: Sequence[Row]) -> str:
    """Return the content id of rows, independent of where their events are in a log."""
    return content_id([_content(row) for row in rows])


def _content(row: Row) -> msgspec.Struct:
    """Return what of a row is its content; of those that ended by themselves, as nearly all do, what it was before ``ended``."""
    row = msgspec.structs.replace(row, events=[])
    return _Ended(*msgspec.structs.astuple(row)[:-1]) if row.ended else row


_Ended = msgspec.defstruct("_Ended", [name for name in Row.__struct_fields__ if name != "ended"])
