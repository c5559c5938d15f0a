"""One message: its text with the evidence, who wrote it with what, its contest, who chose it, and its way through the feeds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from abm.events import Event
from analysis.judges import VerdictRow
from analysis.passages import judged_passage
from analysis.readings.book import Book, Contest
from analysis.readings.society import PHASES
from analysis.ui.address import PageAddress
from analysis.ui.data import contests
from analysis.ui.data.agents import result
from analysis.ui.data.doors import event_url, message_url, rows_url
from analysis.ui.data.failures import chips


def one_message(
    book: Book,
    contest: Contest,
    slot: int,
    events: Iterable[Event],
    address: PageAddress,
    judged: Iterable[VerdictRow] = (),
    whole: set[str] | frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Return one message of a contest as a page shows it; who chose it comes first among those who reacted.

    Args:
        events, judged, whole: as of :func:`analysis.ui.data.contests.one`.
    """
    message, judged = contest.messages[slot], list(judged)
    details = contests.one(book, contest, events, address.at(contest=""), judged, whole)
    card = next(each for each in details["messages"] if each["id"] == message.message)
    reactions = sorted(details["reactions"], key=lambda row: row["choice"] != slot)
    step, society = contest.step, address.at(contest="", page_no=0, slot=0)
    votes = f"{contest.votes[slot]:,} of {sum(contest.votes):,} votes" if slot < len(contest.votes) else ""
    return {
        "name": card["name"],
        "subject": details["subject"],
        "place": f"{PHASES.get(step.phase, step.phase)}, {step.arm}, epoch {step.epoch}, step {step.number}",
        "result": result(contest, slot),
        "failed": chips(message),
        "card": card,
        "votes": details["votes"],
        "facts": _facts(book, contest, slot, votes, rows_url(address, "votes", contest=contest.contest, choice=slot)),
        "adapter": message.adapter,
        "training": society.at(page="training", arm=step.arm).url if message.adapter else "",
        "contest": society.at(page="contests", contest=contest.contest).url,
        "outcome": details["outcome"],
        "decided": event_url(address, contest.seq),
        "anchor": details["anchor"],
        "anchor_facts": details["facts"],
        "rivals": [
            {
                "id": other.message,
                "name": contest.competitors()[number],
                "url": message_url(address, contest.contest, number),
                "won": number == contest.winner,
                "failed": chips(other),
                "text": judged_passage(
                    other.text or other.rejected, other.findings, whole=other.message in whole
                ).as_dict(),
            }
            for number, other in sorted(contest.messages.items())
            if number != slot
        ],
        "crowd": details["crowd"],
        "reactions": reactions,
        "chose": sum(row["choice"] == slot for row in reactions),
    }


def _facts(book: Book, contest: Contest, slot: int, votes: str, behind: str) -> list[list[str]]:
    """Return names, values, and what is behind each."""
    message = contest.messages[slot]
    facts = [["written by", message.competitor, ""], ["model", book.model, ""], ["votes", votes, behind]]
    if message.attempt > 1:
        facts.append(["attempt", f"{message.attempt}", ""])
    if message.cut:
        facts.append(["cut", f"{message.cut:,} characters", ""])
    return [fact for fact in facts if fact[1]]
