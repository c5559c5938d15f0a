"""Whose mind changed in a society, when, after what and with whom; and how often each member chose whom.

Two things count as a changed mind. In the networked world a member *leans* to the competitor of which it thinks best, by
:data:`LEAD` at least: it changes its mind when it leans to another one than the last that it leaned to. Anywhere, it changes its
mind when it chooses another competitor about an anchor than the last time it was asked about that anchor. Polls are in the log as
sums only: who answered what is not known. Held as columns; knows events, knows nothing of pages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.columns import Int8s, Int16s, Int32s, unpack
from abm.events import (
    ContestDecided,
    ContestOpened,
    CrowdJoined,
    Event,
    FeedOpened,
    FeedServed,
    Forked,
    MembersPosted,
    MessagePublished,
    OpinionsShifted,
    PersonasJoined,
    PlatformOpened,
    PollTaken,
    Reacted,
    ReactedMany,
    ReactionInvalid,
    RunConfigured,
    StepEnded,
    StepStarted,
    split_of,
)
from abm.reactions import members
from abm.state.platform import UNIT
from analysis.readings.reading import frame_of
from analysis.readings.society import SocietyKey, slot_names

if TYPE_CHECKING:
    import polars as pl

LEAD = 0.01
"""By how much an opinion, -1 .. 1, has to exceed all others for a member to lean to that competitor."""
NOBODY = -1
ABSTAINED, INVALID = -1, -2
"""Choices that are no slot."""
COLUMNS = {
    "persona": int,
    "kind": str,
    "before": str,
    "after": str,
    "why": str,
    "contest": str,
    "epoch": int,
    "step": int,
    "round": int,
    "messages": str,
    "sources": str,
    "seq": int,
}
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
class _Moment:
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
    moments: list[_Moment] = field(default_factory=list)

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


class MindsReading:
    """Reads :class:`Minds` of one society. A row of its frame is a change of one member's mind."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({
        ContestDecided, ContestOpened, CrowdJoined, FeedOpened, FeedServed, Forked, MembersPosted, MessagePublished, OpinionsShifted,
        PersonasJoined, PlatformOpened, PollTaken, Reacted, ReactedMany, ReactionInvalid, RunConfigured, StepEnded, StepStarted,
    })  # fmt: skip

    def __init__(self, key: SocietyKey) -> None:
        self.key = key
        self.minds: Minds | None = None
        self._config: dict[str, Any] = {}
        self._sides: dict[str, list[tuple[int, int]]] = {}
        self._step: StepStarted | None = None
        self._anchors: dict[str, str] = {}
        self._items: list[str] = []
        self._served: FeedServed | None = None
        self._shifted: OpinionsShifted | None = None
        self._opinions: NDArray[np.int32] | None = None
        self._leaned = np.zeros(0, dtype=np.int8)
        self._cast: defaultdict[str, list[tuple[Ints, Ints]]] = defaultdict(list)
        self._single: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        self._chose: dict[str, NDArray[np.int8]] = {}

    def result(self) -> Minds | None:
        """Return the members as they are now; None until the society has begun."""
        if self.minds is not None and self._opinions is not None:
            self.minds.opinions = (self._opinions / UNIT).astype(np.float32)
        return self.minds

    def frame(self) -> pl.DataFrame:
        """Return a row per change: ``messages`` that the member saw in that round and their ``sources``, each with spaces between."""
        minds = self.minds
        rows = []
        for each in minds.each() if minds is not None else ():
            sides = (
                minds.slots[side] if minds and side < len(minds.slots) else "" for side in (each.before, each.after)
            )
            place = each.why, each.contest, each.epoch, each.step, each.round
            saw = " ".join(one.message for one in each.saw), " ".join(str(one.source) for one in each.saw)
            rows.append((each.persona, each.kind, *sides, *place, *saw, each.seq))
        return frame_of(rows, COLUMNS)

    def take(self, event: Event) -> None:
        """Take the next event of the log."""
        match event:
            case StepStarted():
                self._begin(event)
            case _ if self._step is not None and self.minds is not None:
                self._happen(event, self._step, self.minds)
            case RunConfigured() | Forked():
                self._config = event.config
            case PersonasJoined() | CrowdJoined():
                size = event.size if isinstance(event, CrowdJoined) else len(event.ids)
                self._sides.setdefault(event.split, []).append((event.first, size))
            case _:
                pass

    def _begin(self, event: StepStarted) -> None:
        self._step = event if self.key.holds(event, self._config) else None
        if self._step is None:
            return
        if self.minds is None:
            parts = [first + np.arange(size) for first, size in self._sides.get(split_of(event.phase), [])]
            self._join(np.concatenate([np.zeros(0, dtype=np.int64), *parts]))

    def _join(self, personas: Ints) -> None:
        names, n = slot_names(self.key, self._config), len(personas)
        self.minds = Minds(personas, names, np.zeros((len(names) + 2, n), dtype=np.int64), np.zeros(n, dtype=np.int64))
        self._chose, self._leaned = {}, np.full(n, NOBODY, dtype=np.int8)

    def _happen(self, event: Event, step: StepStarted, minds: Minds) -> None:
        match event:
            case Reacted() | ReactionInvalid():
                choice = event.choice if isinstance(event, Reacted) else INVALID
                self._single[event.contest].append((event.persona, choice))
            case ReactedMany():
                who = members(event).astype(np.int64)
                self._cast[event.contest].append((who, unpack(event.choices, Int8s).astype(np.int64)))
            case MessagePublished() | ContestOpened():
                self._anchors[event.contest] = event.anchor
            case PlatformOpened():
                self._open(event)
            case FeedOpened():
                self._items = list(event.messages)
            case MembersPosted():
                self._items = [*self._items, *event.messages]
            case FeedServed():
                self._settle(step, minds, event.seq)
                self._served = event
            case OpinionsShifted(about="opinion") if self._opinions is not None:
                rows = self._rows(unpack(event.members, Int32s))
                self._opinions[event.slot, rows[rows >= 0]] = unpack(event.values, Int16s)[rows >= 0]
                self._shifted = event
            case PollTaken():
                place = event.contest, event.seq, step.epoch, event.round, event.asked
                minds.polls.append(Poll(*place, tuple(event.votes)))
            case ContestDecided():
                self._settle(step, minds, event.seq)
            case StepEnded():
                self._settle(step, minds, event.seq)
                self._step = self._served = None

    def _open(self, event: PlatformOpened) -> None:
        personas = (
            unpack(event.personas, Int32s).astype(np.int64) if event.personas else event.first + np.arange(event.size)
        )
        if self.minds is None or not np.array_equal(personas, self.minds.personas):
            self._join(personas)
        self._opinions = np.zeros((event.competitors, len(personas)), dtype=np.int32)
        self._leaned = np.full(len(personas), NOBODY, dtype=np.int8)

    def _rows(self, personas: NDArray[Any]) -> Ints:
        """Return the rows of personas; -1 for who is no member."""
        assert self.minds is not None
        known = self.minds.personas
        rows = np.minimum(np.searchsorted(known, personas), max(0, len(known) - 1))
        return np.where(known[rows] == personas, rows, -1) if len(known) else np.full(len(personas), -1)

    def _settle(self, step: StepStarted, minds: Minds, seq: int) -> None:
        """Note whose mind the round that is over changed."""
        if self._shifted is not None and self._opinions is not None:
            shifted, self._shifted = self._shifted, None
            now = leaning(self._opinions)
            changed = np.flatnonzero((now >= 0) & (self._leaned >= 0) & (now != self._leaned))
            why = "opinion", shifted.why, "", shifted.round
            self._note(minds, step, why, shifted.seq, changed, self._leaned[changed], now[changed])
            self._leaned = np.where(now >= 0, now, self._leaned)
        for contest in [*dict.fromkeys([*self._single, *self._cast])]:
            self._count(step, minds, contest, seq)

    def _count(self, step: StepStarted, minds: Minds, contest: str, seq: int) -> None:
        singles = np.array(self._single.pop(contest, []), dtype=np.int64).reshape(-1, 2)
        parts = [(singles[:, 0], singles[:, 1]), *self._cast.pop(contest, [])]
        personas, choices = (np.concatenate(column) for column in zip(*parts, strict=True))
        rows = self._rows(personas)
        rows, choices = rows[rows >= 0], choices[rows >= 0]
        slots = len(minds.slots)
        line = np.where(choices >= 0, np.minimum(choices, slots - 1), np.where(choices == ABSTAINED, slots, slots + 1))
        np.add.at(minds.votes, (line, rows), 1)
        before = self._chose.setdefault(self._anchors.get(contest, contest), np.full(minds.n, NOBODY, dtype=np.int8))
        other = (choices >= 0) & (before[rows] >= 0) & (before[rows] != choices)
        at = np.argsort(rows[other], kind="stable")
        changed, after = rows[other][at], choices[other][at].astype(np.int8)
        round_ = self._served.round if self._served is not None else -1
        self._note(minds, step, ("choice", "", contest, round_), seq, changed, before[changed], after)
        before[rows[choices >= 0]] = choices[choices >= 0]

    def _note(
        self,
        minds: Minds,
        step: StepStarted,
        why: tuple[str, str, str, int],
        seq: int,
        rows: Ints,
        before: NDArray[np.int8],
        after: NDArray[np.int8],
    ) -> None:
        if not len(rows):
            return
        minds.changes[rows] += 1
        kind, cause, contest, round_ = why
        moment = _Moment(
            kind,
            cause,
            contest,
            step.epoch,
            step.step,
            round_,
            seq,
            rows,
            before,
            after,
            self._seen_by(rows),
            self._items,
        )
        minds.moments.append(moment)

    def _seen_by(self, rows: Ints) -> Ints:
        """Return what members were served in the last round."""
        if self._served is None:
            return np.zeros((0, 3), dtype=np.int64)
        whose = self._rows(unpack(self._served.members, Int32s))
        inside = np.flatnonzero(np.isin(whose, rows))
        inside = inside[np.argsort(whose[inside], kind="stable")]
        items, sources = (unpack(self._served.items, Int16s), unpack(self._served.sources, Int32s))
        return np.stack([whose[inside], items[inside], sources[inside]], axis=1).astype(np.int64)


def _place(rows: Ints, row: int) -> int:
    at = int(np.searchsorted(rows, row))
    return at if at < len(rows) and rows[at] == row else -1


def _one(moment: _Moment, at: int, persona: int) -> MindChange:
    row = moment.rows[at]
    start, stop = np.searchsorted(moment.served[:, 0], [row, row + 1])
    saw = tuple(
        Sight(moment.items[item], source)
        for _, item, source in moment.served[start:stop].tolist()
        if item < len(moment.items)
    )
    place = moment.why, moment.contest, moment.epoch, moment.step, moment.round
    return MindChange(persona, moment.kind, int(moment.before[at]), int(moment.after[at]), *place, saw, moment.seq)
