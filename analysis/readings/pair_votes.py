"""Who chose whose message over whose, vote by vote: what strengths over several runs are made of.

As :mod:`analysis.readings.head_to_head`, with the people who voted, so that runs can be clustered on who is who. What is held grows with
the votes. Knows events; knows nothing of statistics.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.columns import Int8s, unpack
from abm.events import ContestDecided, CrowdJoined, Event, PersonasJoined, Reacted, ReactedMany, StepStarted
from abm.reactions import members
from analysis.readings.originals import Originals
from analysis.readings.pair_contests import OpenContests, comparisons_in

Ints = NDArray[np.int64]


class PairVote(NamedTuple):
    """Votes of one contest in one order: who voted, by persona index, and how (0 for who was shown first, 1 for second, 2 for neither)."""

    anchor: str
    first: str
    second: str
    people: Ints
    outcomes: Ints


@dataclass
class PairVotes:
    """The votes of one epoch's evaluation.

    Attributes:
        votes: of members who saw both messages.
        forfeits: (anchor, who published, who did not).
    """

    votes: list[PairVote] = field(default_factory=list)
    forfeits: list[tuple[str, str, str]] = field(default_factory=list)


class PairVotesReading:
    """Reads :class:`PairVotes` by epoch.

    Attributes:
        originals: whom each member was drawn from; ``panel``: persona indices of those who evaluate.
    """

    TAKES: ClassVar[frozenset[type[Event]]] = OpenContests.TAKES | {
        ContestDecided, CrowdJoined, PersonasJoined, Reacted, ReactedMany,
    }  # fmt: skip

    def __init__(self) -> None:
        self.originals = Originals()
        self.panel: list[int] = []
        self._epochs: dict[int, PairVotes] = {}
        self._open = OpenContests()
        self._cast: defaultdict[str, list[tuple[Ints, Ints, Ints]]] = defaultdict(list)
        self._single: defaultdict[str, list[tuple[int, int, int, int]]] = defaultdict(list)

    def take(self, event: Event) -> None:
        """Take the next event."""
        self._open.take(event)
        match event:
            case PersonasJoined() | CrowdJoined():
                self.originals.take(event)
                if event.split == "evaluate":
                    size = len(event.ids) if isinstance(event, PersonasJoined) else event.size
                    self.panel += range(event.first, event.first + size)
            case _ if self._open.step is None:
                pass
            case Reacted() if len(event.order) == 2:
                self._single[event.contest].append((event.persona, event.order[0], event.order[1], event.choice))
            case ReactedMany():
                choices = unpack(event.choices, Int8s).astype(np.int64)
                orders = unpack(event.orders, Int8s).reshape(len(choices), -1).astype(np.int64)
                if orders.shape[1] == 2:
                    self._cast[event.contest].append((members(event).astype(np.int64), orders, choices))
            case ContestDecided():
                self._decide(event, self._open.step)
            case _:
                pass

    def result(self) -> dict[int, PairVotes]:
        """Return epoch -> what was voted after it."""
        return self._epochs

    def _decide(self, event: ContestDecided, step: StepStarted) -> None:
        found = self._epochs.setdefault(step.epoch, PairVotes())
        wrote, anchor = self._open.wrote[event.contest], self._open.anchor.get(event.contest, "")
        if event.outcome == "forfeit" and event.winner in (0, 1):
            pair = self._open.pair(step)
            found.forfeits.append((anchor, pair[event.winner], pair[1 - event.winner]))
        rows = self._cast.pop(event.contest, [])
        if singles := self._single.pop(event.contest, []):
            table = np.array(singles, dtype=np.int64)
            rows.append((table[:, 0], table[:, 1:3], table[:, 3]))
        for people, orders, choices in rows:
            found.votes += [
                PairVote(anchor, each.first, each.second, people[each.rows], each.outcomes)
                for each in comparisons_in(wrote, orders, choices)
                if each.rows.any()
            ]
