"""Held-out contests of two writers before a run's own audience: each arm against base, and arms against each other.

What readings of such contests share is here: which are open, who wrote in each, and who of the two a member chose. Knows events; knows
nothing of statistics.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.events import (
    ContestDecided,
    Event,
    Forked,
    MessagePublished,
    MessageRejected,
    RunConfigured,
    StepEnded,
    StepStarted,
)
from learning.arms.arm import arms_of, bases_of
from learning.plan.parts import is_head_to_head, writers_in

FIRST, SECOND, NEITHER = 0, 1, 2
"""Outcomes of a comparison: who was shown first was chosen, who was shown second, or neither."""


class OpenContests:
    """Follows the contests that are open; what is known of a contest is forgotten as its step ends.

    Attributes:
        step: that of such contests; None outside of one.
        anchor: contest -> what it is about; ``wrote``: contest -> slot -> who published.
    """

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({
        Forked, MessagePublished, MessageRejected, RunConfigured, StepEnded, StepStarted,
    })  # fmt: skip

    def __init__(self) -> None:
        self.step: StepStarted | None = None
        self.anchor: dict[str, str] = {}
        self.wrote: defaultdict[str, dict[int, str]] = defaultdict(dict)
        self._bases: dict[str, str] = {}

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case StepStarted():
                self.step = event if event.phase == "evaluate" and not event.audience else None
            case RunConfigured() | Forked():
                self._bases = bases_of(event.config, arms_of(event.config))
            case StepEnded():
                self.step = None
                self.anchor.clear()
                self.wrote.clear()
            case MessagePublished() | MessageRejected() if self.step is not None:
                self.anchor[event.contest] = event.anchor
                if isinstance(event, MessagePublished):
                    self.wrote[event.contest][event.slot] = event.competitor
            case _:
                pass

    def pair(self, step: StepStarted) -> tuple[str, str]:
        """Return who was to write in a step's contests, by slot."""
        return writers_in(step.arm, self._bases)


class OrderedPair(NamedTuple):
    """Members who saw both messages in one order: their rows, and whom each chose, shape (n,)."""

    first: str
    second: str
    rows: NDArray[np.bool_]
    outcomes: NDArray[np.int64]


def comparisons_in(
    wrote: Mapping[int, str], orders: NDArray[np.integer], choices: NDArray[np.integer]
) -> Iterator[OrderedPair]:
    """Yield both orders of a contest's two messages, with the members who saw both so; nothing where there are not two.

    Args:
        orders: shape (n, 2): slots as a member saw them, -1 for none; ``choices``: the slot that was chosen, -1 for neither.
    """
    if len(wrote) != 2 or orders.shape[1] != 2:
        return
    saw_both = (orders >= 0).all(axis=1)
    for first in wrote:
        (second,) = wrote.keys() - {first}
        rows = saw_both & (orders[:, 0] == first)
        chosen = choices[rows]
        outcomes = np.where(chosen == first, FIRST, np.where(chosen == second, SECOND, NEITHER))
        yield OrderedPair(wrote[first], wrote[second], rows, outcomes)


class DecidedPair(NamedTuple):
    """A contest in which two arms met.

    Attributes:
        seq: of the event that decided it.
        pair: who was to write, by slot; ``votes``: for each.
        outcome: as :class:`abm.events.ContestDecided` has it; ``winner``: a slot, or -1.
    """

    seq: int
    epoch: int
    anchor: str
    pair: tuple[str, str]
    votes: tuple[int, int]
    outcome: str
    winner: int


class DecidedPairsReading:
    """Reads the contests of arms that met each other, in the order of the log."""

    TAKES: ClassVar[frozenset[type[Event]]] = OpenContests.TAKES | {ContestDecided}

    def __init__(self) -> None:
        self._open = OpenContests()
        self._decided: list[DecidedPair] = []

    def take(self, event: Event) -> None:
        """Take the next event."""
        self._open.take(event)
        step = self._open.step
        if isinstance(event, ContestDecided) and step is not None and is_head_to_head(step.arm):
            votes = dict(enumerate(event.votes))
            place = event.seq, step.epoch, self._open.anchor.get(event.contest, ""), self._open.pair(step)
            self._decided.append(DecidedPair(*place, (votes.get(0, 0), votes.get(1, 0)), event.outcome, event.winner))

    def result(self) -> list[DecidedPair]:
        """Return the contests decided so far."""
        return self._decided
