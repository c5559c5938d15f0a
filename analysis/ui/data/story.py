"""One persona in one society: what it saw, in its own order, what it thought, chose and passed on, and how its opinions changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from abm.columns import Int8s, Int16s, Int32s, unpack
from abm.events import (
    ContestDecided,
    Engaged,
    Event,
    FeedOpened,
    FeedServed,
    Intervened,
    MembersPosted,
    OpinionsShifted,
    PollTaken,
    Reacted,
    ReactedMany,
    ReactionInvalid,
    StepStarted,
)
from abm.reactions import members
from abm.state.platform import RECOMMENDED, UNIT
from analysis.formats import percent, short, signed
from analysis.readings.book import Book, Message
from analysis.readings.reading import result_of
from analysis.readings.society import SocietyKey
from analysis.ui.data.persona import Person
from learning.plan.parts import writers_in


@dataclass(frozen=True)
class SeenMessage:
    """One message as the persona saw it.

    Attributes:
        message: as the book has it, with the verdicts that came later.
        letter: how its own order named it; empty where it was only in the feeds.
        came: how it reached the feeds of the persona, in words.
        did: ``liked``, ``shared``, ``replied``.
    """

    letter: str
    slot: int
    competitor: str
    message: Message
    chosen: bool
    came: str = ""
    did: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What was written."""
        return self.message.text


@dataclass(frozen=True)
class MemberText:
    """A reply or a comment that a member wrote, as the persona saw it, or wrote it itself.

    Attributes:
        author: its name.
        what: what it is, and about what, in words.
        own: whether the persona wrote it.
        came, did: as of a :class:`SeenMessage`.
    """

    message: str
    author: str
    what: str
    text: str
    own: bool
    came: str = ""
    did: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Encounter:
    """One contest as the persona saw it. ``said``: what it chose, in words; ``raw``: an answer that named no option.

    ``texts``: what members wrote about it that the persona saw, and what it wrote itself.
    """

    contest: str
    seq: int
    epoch: int
    arm: str
    subject: str
    seen: list[SeenMessage]
    said: str
    thought: str
    raw: str
    outcome: str
    texts: list[MemberText] = field(default_factory=list)


@dataclass(frozen=True)
class StoryNote:
    """Something between two contests that has a sentence: a poll, an intervention, a change of mind.

    Attributes:
        kind: ``poll``, ``intervention`` or ``change``.
        message: contest and slot of the message that it names first; None for none.
    """

    seq: int
    kind: str
    text: str
    message: tuple[str, int] | None = None


@dataclass(frozen=True)
class Story:
    """A persona's time in a society.

    Attributes:
        notes: polls about what it had seen, and what came from outside, in the order of the log.
        opinions: competitor -> points (round counted through all feeds, value -1 .. 1).
    """

    person: Person
    encounters: list[Encounter]
    opinions: dict[str, list[tuple[int, float]]]
    notes: list[StoryNote] = field(default_factory=list)


def read_story(events: Iterable[Event], book: Book, person: Person, key: SocietyKey) -> Story:
    """Return a persona's story from the events of a society's steps.

    Args:
        events: of the log, or of those steps alone, in order.
    """
    return result_of(events, StoryReading(book, person, key))


class StoryReading:
    """Reads what one persona saw, in the log's events or a society's; ``book`` holds the contests by then."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset(
        {
            ContestDecided,
            Engaged,
            FeedOpened,
            FeedServed,
            Intervened,
            MembersPosted,
            OpinionsShifted,
            PollTaken,
            Reacted,
            ReactedMany,
            ReactionInvalid,
            StepStarted,
        }
    )

    def __init__(self, book: Book, person: Person, key: SocietyKey) -> None:
        self.book, self.person, self.persona, self.key = book, person, person.persona, key
        self.encounters: list[Encounter] = []
        self.opinions: dict[str, list[tuple[int, float]]] = {}
        self.notes: list[StoryNote] = []
        self._step: StepStarted | None = None
        self._reactions: dict[str, tuple[int, list[int], int, str, str]] = {}
        self._items: list[str] = []
        self._came: dict[str, str] = {}
        self._did: dict[str, list[str]] = {}
        self._texts: dict[str, MemberText] = {}
        self._authors: dict[str, int] = {}
        self._round = 0

    def result(self) -> Story:
        """Return the persona's story so far."""
        opinions = {name: list(line) for name, line in self.opinions.items() if len(line) > 1}
        return Story(self.person, list(self.encounters), opinions, list(self.notes))

    def take(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, StepStarted):
            self._step = event if self.key.holds(event, self.book.config) else None
            return
        if self._step is None:
            return
        match event:
            case Reacted() if event.persona == self.persona:
                self._reactions[event.contest] = (event.seq, event.order, event.choice, event.thought, "")
            case ReactionInvalid() if event.persona == self.persona:
                self._reactions[event.contest] = (event.seq, event.order, -2, "", event.raw)
            case ReactedMany():
                self._react_many(event)
            case FeedOpened():
                self._items, self._came, self._did, self._texts = list(event.messages), {}, {}, {}
            case MembersPosted():
                self._post(event)
            case FeedServed():
                self._serve(event)
            case Engaged():
                self._engage(event)
            case OpinionsShifted(about="opinion"):
                self._shift(event)
            case PollTaken():
                self._poll(event)
            case Intervened():
                settings = ", ".join(f"{name} {short(str(value), 40)}" for name, value in event.settings.items())
                text = f"{event.kind.replace('_', '-').capitalize()}{f': {short(settings, 120)}' if settings else ''}"
                self.notes.append(StoryNote(event.seq, "intervention", text))
            case ContestDecided():
                self._decide(event)

    def _react_many(self, event: ReactedMany) -> None:
        who = members(event)
        row = np.flatnonzero(who == self.persona)
        if len(row):
            orders = unpack(event.orders, Int8s).reshape(len(who), -1)
            choice = int(unpack(event.choices, Int8s)[row[0]])
            self._reactions[event.contest] = (event.seq, orders[row[0]].tolist(), choice, "", "")

    def _mine(self, column: bytes) -> list[int]:
        return np.flatnonzero(unpack(column, Int32s) == self.persona).tolist()

    def _serve(self, event: FeedServed) -> None:
        self._round += 1
        for row in self._mine(event.members):
            item, source = int(unpack(event.items, Int16s)[row]), int(unpack(event.sources, Int32s)[row])
            rank = int(unpack(event.ranks, Int8s)[row]) + 1
            if source == RECOMMENDED:
                by = "recommended"
            elif source < RECOMMENDED:
                by = "from its author"
            else:
                by = f"shared by {self.book.name_of(source)}"
            if item < len(self._items):
                self._came.setdefault(self._items[item], f"round {event.round + 1}, place {rank}, {by}")
        for name in self.opinions:
            self.opinions[name].append((self._round, self.opinions[name][-1][1]))

    def _engage(self, event: Engaged) -> None:
        did = {"like": "liked", "share": "shared", "reply": "replied"}[event.action]
        for row in self._mine(event.members):
            item = int(unpack(event.items, Int16s)[row])
            if item < len(self._items):
                self._did.setdefault(self._items[item], []).append(did)

    def _post(self, event: MembersPosted) -> None:
        """Note what members wrote, by message."""
        columns = (
            event.messages,
            event.texts,
            event.kinds,
            unpack(event.personas, Int32s),
            unpack(event.items, Int16s),
        )
        for message, text, kind, persona, item in zip(*columns, strict=True):
            about = self._items[item] if item < len(self._items) else ""
            whom = self.book.name_of(self._authors[about]) if about in self._authors else "a competitor"
            what = f"{'reply to' if kind == 'reply' else 'comment on what was shared of'} {whom}"
            self._authors[message] = int(persona)
            self._texts[message] = MemberText(
                message, self.book.name_of(int(persona)), what, text, int(persona) == self.persona
            )
        self._items += event.messages

    def _texts_about(self, contest: str) -> list[MemberText]:
        """Return what members wrote about a contest that the persona saw or wrote, in the order of the log."""
        return [
            replace(each, came=self._came.get(message, ""), did=self._did.get(message, []))
            for message, each in self._texts.items()
            if message.rpartition("/said/")[0] == contest and (each.own or message in self._came)
        ]

    def _shift(self, event: OpinionsShifted) -> None:
        for row in self._mine(event.members):
            slots = [*writers_in(self.key.arm)] if self.key.phase != "train" else []
            name = slots[event.slot] if event.slot < len(slots) else f"message {event.slot + 1}"
            line = self.opinions.setdefault(name, [(0, 0.0)])
            value = float(unpack(event.values, Int16s)[row]) / UNIT
            if line[-1][0] == self._round:
                line[-1] = (self._round, value)
            else:
                line.append((self._round, value))

    def _poll(self, event: PollTaken) -> None:
        """Note a poll about what the persona had seen; who answered what is in no log."""
        contest = self.book.contests.get(event.contest)
        if contest is None or not any(message.rpartition("/")[0] == event.contest for message in self._came):
            return
        names = contest.competitors()
        shares = ", ".join(
            f"{names.get(slot, f'message {slot + 1}')} {percent(votes / event.asked if event.asked else None, 0)}"
            for slot, votes in enumerate(event.votes)
        )
        text = f"Poll after round {event.round + 1} about “{short(self.book.subject(contest.anchor), 60)}”: {shares} of {event.asked:,} asked"
        self.notes.append(StoryNote(event.seq, "poll", f"{text}{self._thought()}"))

    def _thought(self) -> str:
        """Return what the persona thought of competitors by then, to set beside a poll."""
        said = ", ".join(f"{name} {signed(line[-1][1], 2)}" for name, line in self.opinions.items())
        return f"; its own opinions then: {said}" if said else ""

    def _decide(self, event: ContestDecided) -> None:
        contest, step = self.book.contests.get(event.contest), self._step
        reaction = self._reactions.pop(event.contest, None)
        met = [message for message in self._came if message.rpartition("/")[0] == event.contest]
        texts = self._texts_about(event.contest)
        if contest is None or step is None or (reaction is None and not met and not texts):
            return
        seq, order, choice, thought, raw = reaction or (event.seq, [int(m.rpartition("/")[2]) for m in met], -3, "", "")
        names = contest.competitors()
        seen = [
            SeenMessage(
                chr(65 + place) if reaction else "",
                slot,
                names.get(slot, f"message {slot + 1}"),
                wrote,
                slot == choice,
                self._came.get(wrote.message, ""),
                self._did.get(wrote.message, []),
            )
            for place, slot in enumerate(order)
            if (wrote := contest.messages.get(slot)) is not None
        ]
        decision = {-1: "abstained", -2: "named no option", -3: "was not asked"}.get(
            choice
        ) or f"chose {names.get(choice, choice)}"
        won = "nobody" if event.winner < 0 else names.get(event.winner, str(event.winner))
        outcome = f"{event.outcome}, {won} won" if event.winner >= 0 else event.outcome
        subject = self.book.subject(contest.anchor)
        self.encounters.append(
            Encounter(
                event.contest,
                seq,
                step.epoch,
                step.arm,
                subject,
                seen,
                decision,
                thought,
                raw,
                outcome,
                texts,
            )
        )
