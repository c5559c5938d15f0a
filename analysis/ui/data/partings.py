"""The first decision that two runs made otherwise, as a sentence: who did, saw or wrote what in A, and what in B.

Knows the two events and the messages that were in the feeds; knows no logs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.columns import Int8s, Int16s, Int32s, unpack
from abm.events import (
    AdapterTrained,
    Engaged,
    Event,
    FeedOpened,
    FeedServed,
    LLMReplied,
    MembersPosted,
    MessagePublished,
    MessageRejected,
    OpinionsShifted,
    Reacted,
    ReactedMany,
    ReactionInvalid,
    TiesCut,
    TiesFormed,
    VerdictGiven,
)
from abm.journal import kind, place
from abm.reactions import members
from abm.state.platform import UNIT
from analysis.formats import short, signed
from analysis.readings.book import Book

NAMED = {
    "feed_served": "what members are shown",
    "feed_opened": "messages that enter the feeds",
    "poll_taken": "a poll",
    "engaged": "what members like, share or reply to",
    "opinions_shifted": "changed opinions",
    "reacted": "a member’s choice",
    "reacted_many": "the choices of a crowd",
    "reaction_invalid": "an answer that names no option",
    "message_published": "a message",
    "message_rejected": "a message that is rejected",
    "llm_replied": "a model’s answer",
    "contest_decided": "a contest that is decided",
    "contest_opened": "a contest that opens",
    "step_started": "the next step",
    "step_ended": "the end of a step",
    "intervened": "an intervention",
    "adapter_trained": "a training",
    "verdict_given": "a verdict of a probe",
    "epoch_ended": "the end of an epoch",
    "ties_formed": "new ties",
    "ties_cut": "ties that are cut",
    "run_ended": "its end",
    "run_configured": "the settings",
    "arena_set": "the arena",
    "audience_set": "the audience",
    "anchors_listed": "the anchors",
    "personas_joined": "the personas",
    "competitors_joined": "the competitors",
    "crowd_joined": "the crowd",
}
"""Types of events in plain words."""
DID = {"like": "liked", "share": "shared", "reply": "replied to"}


class PartedSide(NamedTuple):
    """One run's side: its event, its book, and the messages in the feeds by then, in the order of items."""

    event: Event
    book: Book
    items: Sequence[str] = ()


def items_before(events: Iterable[Event]) -> list[str]:
    """Return the messages that the feeds hold after these events of a step, in the order of items."""
    items: list[str] = []
    for event in events:
        if isinstance(event, FeedOpened):
            items = list(event.messages)
        elif isinstance(event, MembersPosted):
            items += event.messages
    return items


def parting_words(a: PartedSide, b: PartedSide) -> str:
    """Return a sentence about the first decision that is not the same in both."""
    if isinstance(a.event, Reacted | ReactionInvalid) and isinstance(b.event, Reacted | ReactionInvalid):
        return _reacted(a, b)
    if isinstance(a.event, MessagePublished | MessageRejected) and isinstance(
        b.event, MessagePublished | MessageRejected
    ):
        return f"{short(a.event.competitor, 40)} wrote something else about {_about(a.book, a.event.contest)}."
    if type(a.event) is not type(b.event):
        return f"A continues with {_named(a)}, B with {_named(b)}."
    match a.event:
        case ReactedMany():
            return _reacted_many(a, b)
        case FeedServed():
            return _served(a, b)
        case Engaged():
            return _engaged(a, b)
        case OpinionsShifted():
            return _shifted(a, b)
        case TiesFormed() | TiesCut():
            return "Different members began or stopped following someone."
        case LLMReplied():
            return f"A model answered differently:  {short(a.event.site, 80)}."
        case VerdictGiven():
            return f"The probe {a.event.probe} judged a message differently:  {_message(a.book, a.event.message)}."
        case AdapterTrained():
            return f"{short(a.event.arm, 40)} learnt another adapter in epoch {a.event.epoch}."
        case _:
            return f"They differ in {_named(a)}."


def _reacted(a: PartedSide, b: PartedSide) -> str:
    one, other = a.event, b.event
    assert isinstance(one, Reacted | ReactionInvalid) and isinstance(other, Reacted | ReactionInvalid)
    if (one.contest, one.persona) != (other.contest, other.persona):
        return f"A continues with what {a.book.name_of(one.persona)} chose about {_about(a.book, one.contest)}, B with what {b.book.name_of(other.persona)} chose about {_about(b.book, other.contest)}."
    choices = [
        _choice(side.book, one.contest, each.choice if isinstance(each, Reacted) else -2)
        for side, each in ((a, one), (b, other))
    ]
    name, about = short(a.book.name_of(one.persona), 60), _about(a.book, one.contest)
    if choices[0] == choices[1]:
        otherwise = "in another order" if one.order != other.order else "for another reason"
        return f"{name} {choices[0]} about {about} in both, {otherwise}."
    return f"{name} {choices[0]} about {about} in A and {choices[1]} in B."


def _reacted_many(a: PartedSide, b: PartedSide) -> str:
    one, other = a.event, b.event
    assert isinstance(one, ReactedMany) and isinstance(other, ReactedMany)
    chose = [
        dict(zip(members(each).tolist(), unpack(each.choices, Int8s).tolist(), strict=True)) for each in (one, other)
    ]
    different = [who for who in sorted({*chose[0], *chose[1]}) if chose[0].get(who) != chose[1].get(who)]
    if not different:
        return f"Members saw the messages about {_about(a.book, one.contest)} in different orders."
    first = different[0]
    words = [
        _choice(side.book, one.contest, of[first]) if first in of else "was not asked"
        for side, of in zip((a, b), chose, strict=True)
    ]
    more = f"; {len(different) - 1:,} more chose differently" if len(different) > 1 else ""
    return f"{short(a.book.name_of(first), 60)} {words[0]} about {_about(a.book, one.contest)} in A and {words[1]} in B{more}."


def _served(a: PartedSide, b: PartedSide) -> str:
    one, other = a.event, b.event
    assert isinstance(one, FeedServed) and isinstance(other, FeedServed)
    saw = [_by_member(each) for each in (one, other)]
    different = [who for who in sorted({*saw[0], *saw[1]}) if saw[0].get(who) != saw[1].get(who)]
    if not different:
        return f"Feeds of round {one.round + 1} hold the same messages, with other scores or from other accounts."
    words = [_messages(side, of.get(different[0], [])) for side, of in zip((a, b), saw, strict=True)]
    more = f"; the feeds of {len(different) - 1:,} more differ" if len(different) > 1 else ""
    return f"In round {one.round + 1} {short(a.book.name_of(different[0]), 60)} was shown {words[0]} in A and {words[1]} in B{more}."


def _engaged(a: PartedSide, b: PartedSide) -> str:
    one, other = a.event, b.event
    assert isinstance(one, Engaged) and isinstance(other, Engaged)
    if (one.action, one.round) != (other.action, other.round):
        return f"In round {one.round + 1} members {DID[one.action]} something in A, where they {DID[other.action]} something in B."
    did = [
        set(zip(unpack(each.members, Int32s).tolist(), unpack(each.items, Int16s).tolist(), strict=True))
        for each in (one, other)
    ]
    if not did[0] ^ did[1]:
        return f"What members {DID[one.action]} in round {one.round + 1} is the same, in another order."
    who, item = min(did[0] ^ did[1])
    side, inside, outside = (a, "A", "B") if (who, item) in did[0] else (b, "B", "A")
    more = f"; {len(did[0] ^ did[1]) - 1:,} more differ" if len(did[0] ^ did[1]) > 1 else ""
    what = _messages(side, [item])
    return f"In round {one.round + 1} {short(side.book.name_of(who), 60)} {DID[one.action]} {what} in {inside} and not in {outside}{more}."


def _shifted(a: PartedSide, b: PartedSide) -> str:
    one, other = a.event, b.event
    assert isinstance(one, OpinionsShifted) and isinstance(other, OpinionsShifted)
    what = f"{'opinion' if one.about == 'opinion' else 'trust'} of competitor {one.slot + 1}"
    if (one.slot, one.about, one.round) != (other.slot, other.about, other.round):
        return f"Members changed their {what} in A, and in B in another way or later."
    values = [
        dict(zip(unpack(each.members, Int32s).tolist(), unpack(each.values, Int16s).tolist(), strict=True))
        for each in (one, other)
    ]
    different = [who for who in sorted({*values[0], *values[1]}) if values[0].get(who) != values[1].get(who)]
    if not different:
        return f"The {what} changed in the same way, for another reason."
    first = different[0]
    words = [signed(of[first] / UNIT, 4) if first in of else "what it was" for of in values]
    more = f"; that of {len(different) - 1:,} more differs" if len(different) > 1 else ""
    return f"After round {one.round + 1} {short(a.book.name_of(first), 60)}’s {what} is {words[0]} in A and {words[1]} in B{more}."


def _by_member(event: FeedServed) -> dict[int, list[int]]:
    """Return member -> items as it was shown them."""
    who, items, ranks = unpack(event.members, Int32s), unpack(event.items, Int16s), unpack(event.ranks, Int8s)
    order = np.lexsort((ranks, who))
    names, starts = np.unique(who[order], return_index=True)
    parts: list[NDArray[np.int16]] = np.split(items[order], starts[1:])
    return {int(name): part.tolist() for name, part in zip(names, parts, strict=True)} if len(names) else {}


def _messages(side: PartedSide, items: Sequence[int]) -> str:
    shown = [_message(side.book, side.items[item]) for item in items[:2] if 0 <= item < len(side.items)]
    if len(items) > 2:
        shown.append(f"{len(items) - 2} more")
    return " and ".join(shown) or ("a message" if items else "nothing")


def _message(book: Book, message: str) -> str:
    if "/said/" in message:
        return "a member’s text"
    contest, _, slot = message.rpartition("/")
    found = book.contests.get(contest)
    writer = (
        found.competitors().get(int(slot), "a competitor") if found is not None and slot.isdecimal() else "a competitor"
    )
    return f"{short(writer, 40)}’s message about {_about(book, contest)}"


def _choice(book: Book, contest: str, choice: int) -> str:
    if choice < 0:
        return {-1: "abstained"}.get(choice, "named no option")
    found = book.contests.get(contest)
    return f"chose {short(found.competitors().get(choice, f'message {choice + 1}') if found else str(choice), 40)}"


def _about(book: Book, contest: str) -> str:
    found = book.contests.get(contest)
    return f"“{short(book.subject(found.anchor), 60)}”" if found is not None else "an anchor"


def _named(side: PartedSide) -> str:
    """Return what an event is, in words as far as there are any."""
    event, name = side.event, kind(side.event)
    contest = str(getattr(event, "contest", ""))
    about = f"about {_about(side.book, contest)}" if contest in side.book.contests else short(place(event), 80)
    return f"{NAMED.get(name, name.replace('_', ' '))}{f' ({about})' if about else ''}"
