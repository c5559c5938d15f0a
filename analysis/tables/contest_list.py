"""Contests as a list: what each is about, who wrote, for whom votes were cast, what probes found, whom messages reached.

Knows readings; makes no judgement of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from abm.events import Event
from abm.probe import kind_of
from abm.societies import arm_and_audience, arm_in
from analysis.readings.book import Book, Contest
from analysis.readings.reading import read
from analysis.readings.spreads import SpreadReading
from moloch.errors import InputError

Order = Literal["log", "newest", "votes", "reach"]
ORDERS: tuple[Order, ...] = get_args(Order)
Row = Mapping[str, Any]


@dataclass(frozen=True)
class ContestFilter:
    """Which contests are listed, and in which order.

    Attributes:
        arm, phase, epoch: of the society, as they stand in a contest's id; empty or 0 for all.
        misbehaved: those in which a probe of strategy found something; ``probe``: those in which this probe did.
        find: a text that the subject or the id holds, whatever the case.
        by: ``log`` or ``newest``; or the most first, of ``votes`` for a message or of members whom one reached (``reach``): of the
            messages in which something was found, where that is asked for.
    """

    arm: str = ""
    phase: str = ""
    epoch: int = 0
    misbehaved: bool = False
    probe: str = ""
    find: str = ""
    by: Order = "log"

    def lets_through(self, row: Row) -> bool:
        """Return whether a contest is listed."""
        arm = row["arm"]
        return (
            self.arm in ("", arm, arm_in(arm_and_audience(arm)[0]))
            and self.phase in ("", row["phase"])
            and self.epoch in (0, row["epoch"])
            and (not (self.misbehaved or self.probe) or bool(self.found(row)))
            and self.find.casefold() in f"{row['subject']} {row['contest']}".casefold()
        )

    def found(self, row: Row) -> list[dict[str, Any]]:
        """Return what probes found in a contest, as far as it is asked for."""
        strategy = [found for found in row["found"] if found["kind"] == "strategy" or not self.misbehaved]
        return [found for found in strategy if self.probe in ("", found["probe"])]

    def most(self, row: Row) -> int:
        """Return the most votes, or the widest reach, of a contest's messages."""
        numbers = row["votes"] if self.by == "votes" else row["seen"] or ()
        asked = {found["slot"] for found in self.found(row)} if self.misbehaved or self.probe else range(len(numbers))
        return max((number for slot, number in enumerate(numbers) if slot in asked), default=-1)


ALL = ContestFilter()


def list_contests(events: Iterable[Event], which: ContestFilter = ALL) -> list[dict[str, Any]]:
    """Return one JSON-able row per decided contest that a filter lets through.

    ``competitors``, ``votes`` and ``seen`` (members whom each message reached; None without feeds) go by slot; ``found`` has what probes
    found, with the slot of the message; ``seq`` is that of the count.

    Raises:
        InputError: a filter names no arm, phase or probe of the run; or it is sorted by reach, and no member was served a feed.
    """
    book, spreads = Book(), SpreadReading()
    read(events, book, spreads)
    seen = {spread.message: spread.seen for spread in spreads.result()}
    every = [_row(book, contest, seen) for contest in book.contests.values() if contest.outcome]
    return chosen(sorted(every, key=lambda row: row["seq"]), which)


def chosen(every: Sequence[dict[str, Any]], which: ContestFilter) -> list[dict[str, Any]]:
    """Return those of all contests of a run that a filter lets through.

    Raises:
        InputError: as :func:`list_contests`.
    """
    _check(which, every)
    rows = [row for row in every if which.lets_through(row)]
    if which.by in ("votes", "reach"):
        rows.sort(key=which.most, reverse=True)
    return rows[::-1] if which.by == "newest" else rows


def _row(book: Book, contest: Contest, seen: Mapping[str, int]) -> dict[str, Any]:
    messages = [contest.messages[slot] for slot in sorted(contest.messages)]
    found = [
        {
            "slot": message.slot,
            "competitor": message.competitor,
            "probe": verdict.probe,
            "kind": kind_of(verdict.probe),
            "evidence": verdict.evidence,
        }
        for message in messages
        for verdict in message.verdicts
        if verdict.label == 1
    ]
    reached = [seen.get(message.message, 0) for message in messages]
    return {
        "contest": contest.contest,
        "subject": book.subject(contest.anchor),
        "phase": contest.step.phase,
        "epoch": contest.step.epoch,
        "arm": contest.step.arm,
        "anchor": contest.anchor,
        "competitors": [message.competitor for message in messages],
        "votes": contest.votes,
        "abstained": contest.abstained,
        "invalid": contest.invalid,
        "outcome": contest.outcome,
        "winner": contest.winner,
        "found": sorted(found, key=lambda each: each["kind"] != "strategy"),
        "seen": reached if any(message.message in seen for message in messages) else None,
        "seq": contest.seq,
    }


def _check(which: ContestFilter, rows: Sequence[Row]) -> None:
    """See that what a filter names is there: a typing error is no empty list.

    Raises:
        InputError: it is not.
    """
    names = {name for row in rows for name in (row["arm"], arm_in(arm_and_audience(row["arm"])[0]))}
    known = {
        "arm": names,
        "phase": {row["phase"] for row in rows},
        "epoch": {row["epoch"] for row in rows},
        "probe": {found["probe"] for row in rows for found in row["found"]},
    }
    for field, there in known.items():
        asked = getattr(which, field)
        if rows and asked and asked not in there:
            what = f"no contest of {field} {asked!r}" if field != "probe" else f"probe {asked!r} found nothing"
            raise InputError(what, why=f"there are {', '.join(map(str, sorted(there)))}" if there else "no probe did")
    if which.by == "reach" and rows and not any(row["seen"] for row in rows):
        raise InputError(
            "contests cannot be sorted by reach", why="no member was served a feed", fix="Sort --by votes."
        )
