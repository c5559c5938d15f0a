"""One message's way through the feeds: who saw it in which round, from whom, and what each did with it.

What :mod:`analysis.readings.spreads` counts for every message is here by member, for one. Knows events; counts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from abm.columns import Int16s, Int32s, unpack
from abm.events import Engaged, Event, FeedOpened, FeedServed, MembersPosted

Action = Literal["like", "share", "reply"]


@dataclass(frozen=True)
class CascadeAnswer:
    """What a member wrote about a message: a reply, or a comment on what it shared. ``round``: 0, 1, ...; ``seq``: of its event."""

    message: str
    persona: int
    kind: Literal["reply", "share"]
    text: str
    round: int
    seq: int


@dataclass
class Cascade:
    """A message in the feeds.

    Attributes:
        rounds: of its feeds so far.
        members: personas who saw it, in the order of rounds; ``reached``: the round, from 0, in which each first did; ``sources``: the
            account from which it came: a persona, -1 for the platform, below that its author.
        acts: what members did: (persona, action, round), in the order of the log.
        answers: what members wrote about it.
    """

    message: str
    rounds: int = 0
    members: list[int] = field(default_factory=list)
    reached: list[int] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    acts: list[tuple[int, Action, int]] = field(default_factory=list)
    answers: list[CascadeAnswer] = field(default_factory=list)

    def did(self, action: Action) -> dict[int, int]:
        """Return persona -> the round in which it first did that."""
        first: dict[int, int] = {}
        for persona, done, round_ in self.acts:
            if done == action:
                first.setdefault(persona, round_)
        return first


class CascadeReading:
    """Reads one message's cascade, from the events of its step or of the whole log.

    Args:
        message: id, as of :class:`abm.events.MessagePublished`.
    """

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({Engaged, FeedOpened, FeedServed, MembersPosted})

    def __init__(self, message: str) -> None:
        self._cascade = Cascade(message)
        self._known: set[int] = set()
        self._item = -1

    def result(self) -> Cascade:
        """Return the cascade so far; of a message that was in no feed, an empty one."""
        return self._cascade

    def take(self, event: Event) -> None:
        """Take the next event."""
        message = self._cascade.message
        match event:
            case FeedOpened():
                self._item = event.messages.index(message) if message in event.messages else -1
            case FeedServed() if self._item >= 0:
                self._serve(event)
            case Engaged() if self._item >= 0:
                members = self._rows(event.items, event.members)
                self._cascade.acts.extend((persona, event.action, event.round) for persona in members.tolist())
            case MembersPosted() if self._item >= 0:
                self._post(event)

    def _rows(self, items: bytes, column: bytes) -> NDArray[np.int32]:
        return unpack(column, Int32s)[unpack(items, Int16s) == self._item]

    def _serve(self, event: FeedServed) -> None:
        cascade = self._cascade
        cascade.rounds = event.round + 1
        members, sources = self._rows(event.items, event.members), self._rows(event.items, event.sources)
        for persona, source in zip(members.tolist(), sources.tolist(), strict=True):
            if persona not in self._known:
                self._known.add(persona)
                cascade.members.append(persona)
                cascade.reached.append(event.round)
                cascade.sources.append(source)

    def _post(self, event: MembersPosted) -> None:
        personas, items = unpack(event.personas, Int32s).tolist(), unpack(event.items, Int16s).tolist()
        columns = zip(event.messages, personas, event.kinds, event.texts, items, strict=True)
        self._cascade.answers += [
            CascadeAnswer(name, persona, kind, text, event.round, event.seq)
            for name, persona, kind, text, item in columns
            if item == self._item
        ]
