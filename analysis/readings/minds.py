"""Whose mind changed in a society, when, after what and with whom; and how often each member chose whom.

Two things count as a changed mind. In the networked world a member *leans* to the competitor of which it thinks best, by
:data:`LEAD` at least: it changes its mind when it leans to another one than the last that it leaned to. Anywhere, it changes its
mind when it chooses another competitor about an anchor than the last time it was asked about that anchor. Polls are in the log as
sums only: who answered what is not known. Held as columns; :mod:`analysis.readings.mind_changes` reads them from a log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.state.platform import UNIT

LEAD = 0.01
"""By how much an opinion, -1 .. 1, has to exceed all others for a member to lean to that competitor."""
NOBODY = -1
Ints = NDArray[np.int64]


class Sight(NamedTuple):
    """A message that a member was served, and the account from which it came (a persona; below 0 its author or the platform)."""

    message: str
    source: int


@dataclass(frozen=True)
class MindChange:
    """One member's mind, changed once.

    Attributes:
        persona: index.
        kind: ``opinion`` (it leans to another competitor) or ``choice`` (it chose another one about the same anchor).
        before, after: slots.
        why: ``influence``, ``fact_check``, ``shock`` or ``reader``, as the log says it of an opinion; empty for a choice.
        contest: that it chose in; empty for an opinion.
        round: of the feeds, from 0; -1 outside them.
        saw: what it was served in that round.
        seq: of the event that changed it.
    """

    persona: int
    kind: str
    before: int
    after: int
    why: str
    contest: str
    epoch: int
    step: int
    round: int
    saw: tuple[Sight, ...]
    seq: int


@dataclass(frozen=True)
class Poll:
    """A poll, or the votes that followed it.

    Attributes:
        round: after which it was taken, from 0.
        votes: members per slot, of those ``asked``; the rest chose nothing.
    """

    contest: str
    seq: int
    epoch: int
    round: int
    asked: int
    votes: tuple[int, ...]


@dataclass(frozen=True)
class MindMoment:
    """Members whose mind changed at one moment: ``rows`` ascending, ``before`` and ``after`` shape (k,); and what they were served."""

    kind: str
    why: str
    contest: str
    epoch: int
    step: int
    round: int
    seq: int
    rows: Ints
    before: NDArray[np.int8]
    after: NDArray[np.int8]
    served: Ints
    """Shape (s, 3): row, item, source; ascending by row."""
    items: list[str]


@dataclass
class Minds:
    """The members of one society, N of them, S competitors.

    Attributes:
        personas: shape (N,), ascending.
        slots: what the competitors are called.
        votes: shape (S + 2, N): how often each chose each slot, abstained, and named no option.
        opinions: shape (S, N), -1 .. 1, as they are now; None in a world without feeds. All begin at 0 in each epoch.
        changes: shape (N,), how often each changed its mind.
        polls: in the order of the log.
    """

    personas: Ints
    slots: list[str]
    votes: Ints
    changes: Ints
    opinions: NDArray[np.float32] | None = None
    polls: list[Poll] = field(default_factory=list)
    moments: list[MindMoment] = field(default_factory=list)

    @property
    def n(self) -> int:
        """Members."""
        return len(self.personas)

    def of(self, persona: int) -> list[MindChange]:
        """Return how a member's mind changed, in the order of the log."""
        row = int(np.searchsorted(self.personas, persona))
        if row >= self.n or self.personas[row] != persona:
            return []
        return [_one(moment, at, persona) for moment in self.moments if (at := _place(moment.rows, row)) >= 0]

    def last(self, persona: int) -> MindChange | None:
        """Return how a member's mind changed last; None where it never did."""
        row = int(np.searchsorted(self.personas, persona))
        found = ((moment, _place(moment.rows, row)) for moment in reversed(self.moments))
        return next((_one(moment, at, persona) for moment, at in found if at >= 0), None)

    def each(self) -> Iterator[MindChange]:
        """Yield all changes, in the order of the log."""
        for moment in self.moments:
            for at, row in enumerate(moment.rows.tolist()):
                yield _one(moment, at, int(self.personas[row]))

    @property
    def leaning(self) -> NDArray[np.int8]:
        """Whom each leans to now, shape (N,); :data:`NOBODY` for nobody."""
        if self.opinions is None:
            return np.full(self.n, NOBODY, dtype=np.int8)
        return leaning(np.rint(self.opinions * UNIT).astype(np.int64))


def leaning(opinions: NDArray[Any]) -> NDArray[np.int8]:
    """Return the slot of which each member thinks best by :data:`LEAD` or more; -1 for none.

    Args:
        opinions: shape (slots, N), units of 0.0001.
    """
    slots, n = opinions.shape
    if slots < 2:
        return np.full(n, NOBODY, dtype=np.int8)
    best = opinions.argmax(axis=0)
    second, first = np.partition(opinions, slots - 2, axis=0)[-2:]
    return np.where(first.astype(np.int64) - second >= LEAD * UNIT, best, NOBODY).astype(np.int8)


def _place(rows: Ints, row: int) -> int:
    at = int(np.searchsorted(rows, row))
    return at if at < len(rows) and rows[at] == row else -1


def _one(moment: MindMoment, at: int, persona: int) -> MindChange:
    row = moment.rows[at]
    start, stop = np.searchsorted(moment.served[:, 0], [row, row + 1])
    saw = tuple(
        Sight(moment.items[item], source)
        for _, item, source in moment.served[start:stop].tolist()
        if item < len(moment.items)
    )
    place = moment.why, moment.contest, moment.epoch, moment.step, moment.round
    return MindChange(persona, moment.kind, int(moment.before[at]), int(moment.after[at]), *place, saw, moment.seq)
