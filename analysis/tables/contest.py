"""One contest as a mapping: anchor, messages with their verdicts, each member's order, thought and vote, the tally.

Every part names the ``seq`` of its event. Makes no judgement of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from abm.events import Event, Reacted, ReactedMany, ReactionInvalid
from abm.reactions import each
from analysis.readings.book import Book, Contest, Message
from analysis.readings.reading import read, result_of
from analysis.readings.spreads import SpreadReading
from moloch.errors import InputError

TALLY = ("seq", "votes", "abstained", "invalid", "outcome", "winner", "ties")
"""Fields of a decided contest."""


def contest_dict(events: Iterable[Event], contest: str, members: int | None = None) -> dict[str, Any]:
    """Return one contest as a JSON-able mapping; every part names the ``seq`` of its event.

    Args:
        contest: the contest's id, or a part of it that no other contest has.
        members: how many of a crowd that reacted at once are among the ``reactions``, by default all; ``not_shown`` is the
            number of others. Members who were asked one by one are always among them.

    Raises:
        InputError: no contest, or more than one, has such an id.
    """
    events = list(events)
    book = result_of(events, Book())
    shown = _named(book, contest)
    reactions, spreads = _ReactionReading(shown.contest, members), SpreadReading()
    read(events, reactions, spreads)
    reached = {spread.message: spread for spread in spreads.result()}
    messages = [_message(message) for message in shown.messages.values()]
    for message in messages:
        if (spread := reached.get(message["message"])) is not None:
            counts = {"likes": spread.likes, "shares": len(spread.sharers), "replies": spread.replies}
            message["reach"] = {"seen": spread.seen} | counts
    return {
        "contest": shown.contest,
        "anchor": _anchor(book, shown.anchor),
        "messages": messages,
        "reactions": [_reaction(book, reaction) for reaction in reactions.result()],
        "not_shown": reactions.left_out,
        "decided": {name: getattr(shown, name) for name in TALLY} if shown.outcome else {},
    }


def _named(book: Book, contest: str) -> Contest:
    names = [name for name in book.contests if name == contest] or [name for name in book.contests if contest in name]
    if len(names) == 1:
        return book.contests[names[0]]
    if not names:
        why = f"the log has {len(book.contests)} contests"
        raise InputError(f"no contest {contest!r}", why=why, fix="List them first.")
    why = f"{names[0]}, {names[1]}, ..."
    raise InputError(f"{len(names)} contests hold {contest!r}", why=why, fix="Give more of the id.")


def _anchor(book: Book, anchor: str) -> dict[str, Any]:
    row = book.anchors.get(anchor, {})
    return {"id": anchor, "subject": row.get("subject", ""), "text": row.get("text", ""), "facts": row.get("facts", {})}


def _message(message: Message) -> dict[str, Any]:
    place = {f: getattr(message, f) for f in ("seq", "message", "slot", "competitor", "adapter")}
    published = {"thinking": message.thinking, "text": message.text}
    wrote: dict[str, Any] = {"rejected": message.rejected} if message.rejected else published
    if message.attempt > 1 or message.cut:
        wrote |= {"attempt": message.attempt, "cut": message.cut}
    fields = ("seq", "probe", "judge", "label", "evidence")
    return place | wrote | {"verdicts": [{f: getattr(verdict, f) for f in fields} for verdict in message.verdicts]}


def _reaction(book: Book, event: Reacted | ReactionInvalid) -> dict[str, Any]:
    name = book.name_of(event.persona)
    place = {"seq": event.seq, "persona": event.persona, "name": name, "order": event.order}
    if isinstance(event, ReactionInvalid):
        return place | {"invalid": event.raw}
    return place | {"thought": event.thought, "choice": event.choice}


class _ReactionReading:
    """Reads the reactions to one contest, and at most ``members`` of a crowd's.

    Attributes:
        left_out: members of the crowd beyond those.
    """

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({Reacted, ReactedMany, ReactionInvalid})

    def __init__(self, contest: str, members: int | None) -> None:
        self._contest, self._members = contest, members
        self._reactions: list[Reacted | ReactionInvalid] = []
        self.left_out = 0

    def take(self, event: Event) -> None:
        if isinstance(event, Reacted | ReactionInvalid) and event.contest == self._contest:
            self._reactions.append(event)
        elif isinstance(event, ReactedMany) and event.contest == self._contest:
            shown = list(each(event, self._members))
            self._reactions += shown
            self.left_out += len(event.choices) - len(shown)
            self._members = None if self._members is None else self._members - len(shown)

    def result(self) -> list[Reacted | ReactionInvalid]:
        return self._reactions
