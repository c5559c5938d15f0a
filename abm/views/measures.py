"""What observers count of one step: votes, wins, exposures; a pure function of the step's events.

Knows nothing of what the counts mean; intervals and comparisons are made by :mod:`analysis`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.columns import Int8s, Int16s, unpack
from abm.events import (
    ContestDecided,
    Event,
    FeedOpened,
    FeedServed,
    MessagePublished,
    MessageRejected,
    Reacted,
    ReactedMany,
    VerdictGiven,
)
from abm.reactions import members
from abm.state.state import Tally


class Measures(msgspec.Struct):
    """The counts of one step.

    Attributes:
        contests: decided.
        votes: valid ones; ``abstained`` and ``invalid``: answers without one.
        exposures: times that a member was shown a message: in a feed, or where there is none, as an option.
        competitors: name -> what it did in this step.
    """

    contests: int = 0
    votes: int = 0
    abstained: int = 0
    invalid: int = 0
    exposures: int = 0
    competitors: dict[str, Tally] = msgspec.field(default_factory=dict)

    @property
    def invalid_rate(self) -> float:
        """Share of answers that named no option, 0 .. 1; NaN where nobody answered."""
        return _share(self.invalid, self.votes + self.abstained + self.invalid)

    def win_share(self, competitor: str) -> float:
        """Return the share of the step's valid votes that a competitor won, 0 .. 1; NaN without a vote or a rival."""
        tally = self.competitors.get(competitor)
        return float("nan") if tally is None or len(self.competitors) < 2 else _share(tally.votes, self.votes)


def measure(events: Iterable[Event]) -> Measures:
    """Return the counts of one step's ``events``."""
    measures = Measures()
    authors: dict[str, dict[int, Tally]] = {}
    shown, served, feeds = 0, 0, False
    for event in events:
        match event:
            case MessagePublished() | MessageRejected():
                tally = measures.competitors.setdefault(event.competitor, Tally())
                authors.setdefault(event.contest, {})[event.slot] = tally
                if isinstance(event, MessagePublished):
                    tally.published += 1
                else:
                    tally.rejected += 1
            case Reacted():
                shown += len(event.order)
            case ReactedMany():
                shown += int(np.count_nonzero(unpack(event.orders, Int8s) >= 0))
            case FeedOpened():
                feeds = True
            case FeedServed():
                served += len(unpack(event.items, Int16s))
            case ContestDecided():
                _count(measures, event, authors.get(event.contest, {}))
            case VerdictGiven(label=1):
                contest, slot = event.message.rsplit("/", 1)
                authors[contest][int(slot)].misbehaved += 1
    measures.exposures = served if feeds else shown
    return measures


def last_choices(events: Sequence[Event], ids: NDArray[np.int64]) -> NDArray[np.int8]:
    """Return what members chose in a step's last contest, as slots, shape (members,); -1: nothing.

    Args:
        ids: their persona indices, ascending.
    """
    chosen = np.full(len(ids), -1, dtype=np.int8)
    last = next((event.contest for event in reversed(events) if isinstance(event, ContestDecided)), None)
    for event in events:
        match event:
            case Reacted() if event.contest == last:
                chosen[np.searchsorted(ids, event.persona)] = event.choice
            case ReactedMany() if event.contest == last:
                chosen[np.searchsorted(ids, members(event))] = unpack(event.choices, Int8s)
    return chosen


def _count(found: Measures, decided: ContestDecided, authors: dict[int, Tally]) -> None:
    found.contests += 1
    found.votes += sum(decided.votes)
    found.abstained += decided.abstained
    found.invalid += decided.invalid
    for slot, tally in authors.items():
        tally.votes += decided.votes[slot]
        tally.wins += slot == decided.winner


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
