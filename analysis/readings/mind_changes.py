"""Reads whose mind changed in a society from a log, round by round. Knows events; knows nothing of pages."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, ClassVar

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
from analysis.readings.minds import NOBODY, Ints, MindMoment, Minds, Poll, leaning
from analysis.readings.reading import frame_of
from analysis.readings.society import SocietyKey, slot_names

if TYPE_CHECKING:
    import polars as pl

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
        """Return the rows of personas; -1 for who is not a member."""
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
        moment = MindMoment(
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
