"""All messages of a run as a table: who wrote each, how many it reached, how it was received, and what probes found in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from analysis.formats import DASH, short
from analysis.readings.book import Book, Contest, Message
from analysis.readings.society import PHASES
from analysis.ui.address import PageAddress
from analysis.ui.data.agents import result
from analysis.ui.data.cascade import SEEN, VOTERS
from analysis.ui.data.columns import TableOrder, heading, order_of, plain_heading
from analysis.ui.data.doors import event_url, message_url, rows_url
from analysis.ui.data.failures import FAILURES, chips, failures

PAGE = 25
"""Messages on one page."""
RESULTS = ("won", "lost", "tie", "rejected")
COLUMNS = ("writer", "words", "votes", "reach", "shares", "misbehaved", "seq")
"""What messages can be sorted by."""
MISLEADING = "-misbehaved"
"""The order of a table that nobody sorted: those that misbehaved first, of these the ones that reached most."""
Found = tuple[Contest, Message]


class Reached(NamedTuple):
    """How far a message came in the feeds: members who saw it, likes, shares."""

    seen: int
    likes: int
    shares: int


def message_table(book: Book, reached: Mapping[str, Reached], address: PageAddress) -> dict[str, Any]:
    """Return the page of messages that an address asks for: ``head``, ``rows``, how many there are in ``total``, and what is ``said`` of them.

    Args:
        reached: by message; in a world without feeds, where it is empty, a message reached all who were asked.
    """
    order = order_of(address, COLUMNS, MISLEADING)
    found = _sorted([pair for pair in _all(book) if _fits(book, *pair, address)], reached, order)
    start = min(address.page_no, max(0, (len(found) - 1) // PAGE)) * PAGE
    return {
        "head": _head(book, address, order),
        "rows": [_row(book, *pair, reached, address) for pair in found[start : start + PAGE]],
        "total": len(found),
        "said": _unjudged(found),
        "voters": VOTERS if book.networked and found else "",
    }


def message_choices(book: Book, address: PageAddress) -> list[dict[str, Any]]:
    """Return by what messages can be chosen."""
    messages = [message for _, message in _all(book)]
    writers = list(dict.fromkeys(message.competitor for message in messages))
    probes = sorted({probe for message in messages for probe in (*message.misbehaved, *message.miscopied)})
    epochs = sorted({step.epoch for step in book.steps})
    phases = [phase for phase in PHASES if any(step.phase == phase for step in book.steps)]
    named = [*RESULTS, *FAILURES, *(probe for probe in probes if probe not in FAILURES)]

    def choice(name: str, label: str, value: str, none: str, options: list[list[str]]) -> dict[str, Any]:
        return {"name": name, "label": label, "value": value, "options": [[none, "all"], *options]}

    return [
        choice("arm", "Writer", address.arm, "", [[each, short(each, 40)] for each in writers]),
        choice("phase", "Phase", address.phase, "", [[each, PHASES[each].lower()] for each in phases]),
        choice("epoch", "Epoch", str(address.epoch), "0", [[str(each), str(each)] for each in epochs]),
        choice("outcome", "Messages", address.outcome, "", [[each, short(each, 40)] for each in named]),
    ]


def reach_of(contest: Contest, message: Message, reached: Mapping[str, Reached], networked: bool) -> int | None:
    """Return how many members a message reached; None where that is not known yet."""
    if networked:
        return reached[message.message].seen if message.message in reached else None
    return (
        sum(contest.votes) + contest.abstained + contest.invalid if contest.outcome and not message.rejected else None
    )


def _all(book: Book) -> list[Found]:
    return [(contest, message) for contest in book.contests.values() for message in contest.messages.values()]


def _fits(book: Book, contest: Contest, message: Message, address: PageAddress) -> bool:
    phrase = address.find.strip().casefold()
    return (
        address.arm in ("", message.competitor)
        and address.phase in ("", contest.step.phase)
        and address.epoch in (0, contest.step.epoch)
        and (not address.outcome or address.outcome in _said_of(contest, message))
        and (not phrase or phrase in message.text.casefold() or phrase in book.subject(contest.anchor).casefold())
    )


def _said_of(contest: Contest, message: Message) -> set[str]:
    return {result(contest, message.slot), *failures(message), *message.misbehaved, *message.miscopied}


def _sorted(found: list[Found], reached: Mapping[str, Reached], order: TableOrder) -> list[Found]:
    """Return messages in order; those alike by reach, then by votes, from the most, and then as they were written."""

    def reach(pair: Found) -> int:
        return reach_of(*pair, reached, bool(reached)) or 0

    keys = {
        "writer": lambda pair: pair[1].competitor.casefold(),
        "words": lambda pair: len(pair[1].text.split()),
        "votes": _votes,
        "reach": reach,
        "shares": lambda pair: reached[pair[1].message].shares if pair[1].message in reached else 0,
        "misbehaved": lambda pair: bool(pair[1].misbehaved),
        "seq": lambda pair: pair[1].seq,
    }
    alike = sorted(found, key=lambda pair: (-reach(pair), -_votes(pair), pair[1].seq))
    return sorted(alike, key=keys[order.column], reverse=order.descending)


def _votes(pair: Found) -> int:
    contest, message = pair
    return contest.votes[message.slot] if message.slot < len(contest.votes) else 0


def _unjudged(found: list[Found]) -> str:
    """Return how many of these messages no probe has judged, as those of training are not; an empty text for none."""
    some = sum(not message.verdicts for _, message in found)
    return f"no probe has judged {some:,} of them" if some else ""


def _head(book: Book, address: PageAddress, order: TableOrder) -> list[dict[str, Any]]:
    reach = "Members who saw it in their feeds" if book.networked else "Members who were asked about it"
    heads = [
        heading(address, order, "seq", "Message", title="In the order of the log"),
        heading(address, order, "writer", "Writer"),
        heading(
            address,
            order,
            "misbehaved",
            "Found by probes",
            number=True,
            left=True,
            title="Those in which a probe of strategy found something, of these the ones first that reached most",
        ),
        heading(address, order, "reach", "Reached", number=True, title=reach),
    ]
    if book.networked:
        heads.append(heading(address, order, "shares", "Shares", number=True))
    heads.append(heading(address, order, "votes", "Votes", number=True))
    return [*heads, heading(address, order, "words", "Words", number=True), plain_heading("Outcome")]


def _row(
    book: Book, contest: Contest, message: Message, reached: Mapping[str, Reached], address: PageAddress
) -> dict[str, Any]:
    reach = reach_of(contest, message, reached, book.networked)
    came = reached.get(message.message)
    phase = PHASES.get(contest.step.phase, contest.step.phase).lower()
    return {
        "id": message.message,
        "subject": short(book.subject(contest.anchor), 60),
        "url": message_url(address, contest.contest, message.slot),
        "text": short(message.text or message.rejected, 160),
        "writer": short(message.competitor, 40),
        "place": f"{phase}, epoch {contest.step.epoch}{_against(contest, message)}",
        "failed": chips(message),
        "judged": bool(message.verdicts),
        "reach": f"{reach:,}" if reach is not None else DASH,
        "reach_url": _behind_reach(contest, message, address, came) if reach else "",
        "shares": (f"{came.shares:,}" if came is not None else DASH) if book.networked else None,
        "shares_url": rows_url(address, "reactions", message=message.message, kind="share") if came is not None else "",
        "votes_url": rows_url(address, "votes", contest=contest.contest, choice=message.slot)
        if contest.outcome
        else "",
        "votes": f"{_votes((contest, message)):,} of {sum(contest.votes):,}" if contest.outcome else DASH,
        "words": f"{len(message.text.split()):,}" if message.text else DASH,
        "result": result(contest, message.slot),
        "event": event_url(address, message.seq),
        "seq": message.seq,
    }


def _against(contest: Contest, message: Message) -> str:
    """Return whom a message competed with: the base model writes the same text against several arms."""
    others = [name for slot, name in contest.competitors().items() if slot != message.slot]
    return f", against {short(' and '.join(others), 60)}" if others else ""


def _behind_reach(contest: Contest, message: Message, address: PageAddress, came: Reached | None) -> str:
    """Return where the members are listed whom a message reached: those who saw it, or without feeds those who were asked."""
    if came is None:
        return rows_url(address, "reactions", contest=contest.contest)
    return PageAddress.parse(message_url(address, contest.contest, message.slot)[2:]).at(frame=SEEN).url
