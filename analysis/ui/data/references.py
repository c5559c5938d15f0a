"""Where a field of an event or of a row leads by its name: a contest, a message, a persona, how an adapter was learnt.

Knows a run's book and addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from abm.events import CrowdJoined, PersonasJoined
from analysis.readings.book import Book
from analysis.ui.address import PageAddress
from analysis.ui.data.doors import event_url, message_url


def reference_url(name: str, value: Any, beside: Mapping[str, Any], address: PageAddress, book: Book) -> str:
    """Return where the value of a field leads; empty for nowhere.

    Args:
        beside: other fields of the same row or event, which say in which society it is.
    """
    here = PageAddress(run=address.run)
    if name == "contest" and value in book.contests:
        return here.at(page="contests", contest=value).url
    if name == "message" and isinstance(value, str):
        contest, _, slot = value.rpartition("/")
        known = contest in book.contests and slot.isascii() and slot.isdecimal()
        return message_url(here, contest, int(slot)) if known else ""
    if name == "persona" and isinstance(value, int) and value >= 0:
        return here.at(page="persona", persona=value, society=_society(beside, value, book)).url
    if name in ("adapter", "parent") and value:
        return event_url(here, adapter_event(book, str(value)))
    return ""


def adapter_event(book: Book, adapter: str) -> int:
    """Return the number of the event that says how an adapter was learnt; -1 for one that the run did not learn."""
    return next((trained.seq for trained in book.adapters if trained.adapter == adapter), -1)


def _society(beside: Mapping[str, Any], persona: int, book: Book) -> str:
    """Return the society in which somebody is met: that of the contest or of the step, else the last one on its side."""
    contest = book.contests.get(str(beside.get("contest", "")))
    if contest is not None:
        return str(contest.step.society)
    split = next((each.split for each in book.people if 0 <= persona - each.first < _size(each)), "")
    of_split = [step for step in book.steps if step.society.split == split]
    of_step = [step for step in of_split if step.number == beside.get("step")]
    return str((of_step or of_split)[-1].society) if of_split else ""


def _size(joined: PersonasJoined | CrowdJoined) -> int:
    return len(joined.ids) if isinstance(joined, PersonasJoined) else joined.size
