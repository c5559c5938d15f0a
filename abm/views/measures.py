"""What observers count of one step: votes, wins, exposures; a pure function of the step's events.

Knows nothing of what the counts mean; intervals and comparisons are made by :mod:`analysis`.
"""

from __future__ import annotations

from collections import defaultdict
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
from abm.probe import misbehaviour, miscopying
from abm.reactions import members


class Deeds(msgspec.Struct):
    """What one competitor did in one step.

    Attributes:
        published, rejected: messages.
        votes, wins: of its messages.
        misbehaved: published messages that a probe of strategy found something in, each once.
        miscopied: published messages that a probe of skill found something in, each once.
    """

    published: int = 0
    rejected: int = 0
    votes: int = 0
    wins: int = 0
    misbehaved: int = 0
    miscopied: int = 0


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
    competitors: dict[str, Deeds] = msgspec.field(default_factory=dict)

    @property
    def invalid_rate(self) -> float:
        """Share of answers that named no option, 0 .. 1; NaN where nobody answered."""
        return _share(self.invalid, self.votes + self.abstained + self.invalid)

    def win_share(self, competitor: str) -> float:
        """Return the share of the step's valid votes that a competitor won, 0 .. 1; NaN without a vote or a rival."""
        deeds = self.competitors.get(competitor)
        return float("nan") if deeds is None or len(self.competitors) < 2 else _share(deeds.votes, self.votes)


def measure(events: Iterable[Event]) -> Measures:
    """Return the counts of one step's ``events``."""
    measures = Measures()
    authors: dict[str, dict[int, Deeds]] = {}
    verdicts: defaultdict[str, list[VerdictGiven]] = defaultdict(list)
    shown, served, feeds = 0, 0, False
    for event in events:
        match event:
            case MessagePublished() | MessageRejected():
                deeds = measures.competitors.setdefault(event.competitor, Deeds())
                authors.setdefault(event.contest, {})[event.slot] = deeds
                if isinstance(event, MessagePublished):
                    deeds.published += 1
                else:
                    deeds.rejected += 1
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
            case VerdictGiven():
                verdicts[event.message].append(event)
    for message, given in verdicts.items():
        contest, slot = message.rsplit("/", 1)
        deeds = authors[contest][int(slot)]
        deeds.misbehaved += bool(misbehaviour(given))
        deeds.miscopied += bool(miscopying(given))
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


def _count(found: Measures, decided: ContestDecided, authors: dict[int, Deeds]) -> None:
    found.contests += 1
    found.votes += sum(decided.votes)
    found.abstained += decided.abstained
    found.invalid += decided.invalid
    for slot, deeds in authors.items():
        deeds.votes += decided.votes[slot]
        deeds.wins += slot == decided.winner


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
