"""Who was chosen over whom in all held-out contests of two writers: each arm against base, and arms against each other.

Votes are counted by pair, order and anchor as they come: what is held grows with anchors and pairs, not with votes. A member who
read both messages and chose neither counts as a tie. Knows events; knows nothing of statistics.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from abm.columns import Int8s, unpack
from abm.events import ContestDecided, Event, Reacted, ReactedMany, StepStarted
from analysis.readings.pair_contests import FIRST, OpenContests, comparisons_in
from analysis.readings.reading import frame_of
from analysis.statistics.bradley_terry import Comparisons
from learning.arms.base_models import is_base
from learning.plan.order import BASE
from learning.plan.parts import is_head_to_head

if TYPE_CHECKING:
    import polars as pl

COLUMNS = {"epoch": int, "anchor": str, "first": str, "second": str, "ordered": bool, "outcome": int, "votes": int}


@dataclass
class Meetings:
    """Comparisons of one epoch's evaluation.

    Attributes:
        votes: anchor -> (first shown, second shown, whether that order is known, outcome) -> votes.
        forfeits: anchor -> (who published, who did not) -> contests that were decided so.
        contests: (writer, writer), by slot -> contests that both published in.
        wins: (writer, other writer) -> contests that the majority decided for the first; ``ties``: for neither, by slot.
        written: whether arms met each other, not base alone.
    """

    votes: defaultdict[str, Counter[tuple[str, str, bool, int]]] = field(default_factory=lambda: defaultdict(Counter))
    forfeits: defaultdict[str, Counter[tuple[str, str]]] = field(default_factory=lambda: defaultdict(Counter))
    contests: Counter[tuple[str, str]] = field(default_factory=Counter)
    wins: Counter[tuple[str, str]] = field(default_factory=Counter)
    ties: Counter[tuple[str, str]] = field(default_factory=Counter)
    written: bool = False

    def writers(self) -> list[str]:
        """Return who took part: base models, that of the run first, then arms in the order of the log."""
        met = [name for pair in self.contests for name in pair]
        met += [name for pairs in self.forfeits.values() for pair in pairs for name in pair]
        bases = sorted({name for name in met if is_base(name)}) or [BASE]
        return list(dict.fromkeys([*bases, *met]))

    def comparisons(self, forfeits: Literal["lost", "left out"] = "lost") -> Comparisons:
        """Return all votes, clustered on anchors.

        Args:
            forfeits: of a contest that one writer could not write for, ``lost`` counts as many votes for the other as a contest has on
                average, in no order.
        """
        players = self.writers()
        anchors = list(dict.fromkeys([*self.votes, *self.forfeits]))
        held = sum(self.contests.values())
        size = sum(sum(votes.values()) for votes in self.votes.values()) / held if held else 0.0
        cells: dict[tuple[str, str, bool], int] = {}
        entries: list[tuple[int, int, int, float]] = []
        for row, anchor in enumerate(anchors):
            counted = [((a, b, known), outcome, float(n)) for (a, b, known, outcome), n in self.votes[anchor].items()]
            if forfeits == "lost":
                counted += [((a, b, False), FIRST, n * size) for (a, b), n in self.forfeits[anchor].items()]
            entries += [(row, cells.setdefault(cell, len(cells)), outcome, n) for cell, outcome, n in counted]
        counts = np.zeros((len(anchors), len(cells), 3))
        for row, cell, outcome, n in entries:
            counts[row, cell, outcome] += n
        first = np.array([players.index(a) for a, _, _ in cells], dtype=np.int64)
        second = np.array([players.index(b) for _, b, _ in cells], dtype=np.int64)
        return Comparisons(tuple(players), first, second, np.array([cell[2] for cell in cells], dtype=np.bool_), counts)


class HeadToHeadReading:
    """Reads :class:`Meetings` by epoch. A row of its frame counts votes of one outcome about an anchor."""

    TAKES: ClassVar[frozenset[type[Event]]] = OpenContests.TAKES | {ContestDecided, Reacted, ReactedMany}

    def __init__(self) -> None:
        self._epochs: dict[int, Meetings] = {}
        self._open = OpenContests()

    def take(self, event: Event) -> None:
        """Take the next event."""
        self._open.take(event)
        if (step := self._open.step) is None:
            return
        match event:
            case Reacted():
                self._count(event.contest, np.array([event.order]), np.array([event.choice]), step)
            case ReactedMany():
                choices = unpack(event.choices, Int8s)
                self._count(event.contest, unpack(event.orders, Int8s).reshape(len(choices), -1), choices, step)
            case ContestDecided():
                self._decide(event, step)
            case _:
                pass

    def result(self) -> dict[int, Meetings]:
        """Return epoch -> what was evaluated after it."""
        return self._epochs

    def frame(self) -> pl.DataFrame:
        """Return the votes; ``outcome`` is 0 for who was shown first, 1 for who was shown second, 2 for neither."""
        rows = [
            (epoch, anchor, *cell, votes)
            for epoch, met in self._epochs.items()
            for anchor, counted in met.votes.items()
            for cell, votes in counted.items()
        ]
        return frame_of(rows, COLUMNS)

    def _count(self, contest: str, orders: np.ndarray, choices: np.ndarray, step: StepStarted) -> None:
        """Count the votes of members who saw both messages."""
        for each in comparisons_in(self._open.wrote[contest], orders, choices):
            votes = self._epochs.setdefault(step.epoch, Meetings()).votes[self._open.anchor[contest]]
            outcomes, numbers = np.unique(each.outcomes, return_counts=True)
            for outcome, n in zip(outcomes.tolist(), numbers.tolist(), strict=True):
                votes[(each.first, each.second, True, outcome)] += n

    def _decide(self, event: ContestDecided, step: StepStarted) -> None:
        met = self._epochs.setdefault(step.epoch, Meetings())
        met.written = met.written or is_head_to_head(step.arm)
        pair, wrote = self._open.pair(step), self._open.wrote[event.contest]
        if event.outcome == "forfeit" and event.winner in (0, 1):
            winner = pair[event.winner]
            met.forfeits[self._open.anchor[event.contest]][(winner, pair[1 - event.winner])] += 1
        if len(wrote) < 2:
            return
        met.contests[pair] += 1
        if event.outcome == "majority" and event.winner in (0, 1):
            met.wins[(pair[event.winner], pair[1 - event.winner])] += 1
        elif event.outcome == "tie":
            met.ties[pair] += 1


def read_meetings(events: Iterable[Event]) -> dict[int, Meetings]:
    """Return epoch -> meetings of a log's events."""
    reading = HeadToHeadReading()
    for event in events:
        reading.take(event)
    return reading.result()
