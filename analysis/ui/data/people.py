"""The members of a society as a table: what each is like, how it chose, what it thinks of competitors, and when its mind changed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.formats import DASH, LABEL, percent, short, signed
from analysis.readings.book import Book
from analysis.readings.minds import MindChange, Minds, Sight
from analysis.readings.society import SocietyKey
from analysis.ui.address import PageAddress
from analysis.ui.data.columns import TableOrder, heading, order_of, plain_heading
from analysis.ui.data.looks import ABSTAINED, NO_OPTION, css, slot_looks
from analysis.ui.data.persona import first_of
from analysis.ui.data.places import names_of, traits_of
from analysis.ui.data.story import StoryNote

PAGE = 25
"""Rows on one page."""
CHANGED = "changed"
"""What an address's ``outcome`` says where only members are shown whose mind changed."""
NAMED = 3
"""Messages and accounts that a sentence names."""


def member_table(book: Book, minds: Minds, address: PageAddress, key: SocietyKey) -> dict[str, Any]:
    """Return the page of members that an address asks for: ``head``, ``rows``, and how many there are in ``total``."""
    names = _names(book, minds, key)
    trait, values = _trait(book, minds, address, key)
    order = order_of(address, _sortable(minds, trait), "-changes" if minds.changes.any() else "name")
    rows = _filtered(minds, names, address)
    rows = rows[_sorting(minds, names, values, order, rows)]
    start = min(address.page_no, max(0, (len(rows) - 1) // PAGE)) * PAGE
    shown = rows[start : start + PAGE].tolist()
    return {
        "head": _head(minds, address, order, trait),
        "rows": [_row(book, minds, row, names[row], values, address, key) for row in shown],
        "total": len(rows),
        "of": minds.n,
        "changed": int((minds.changes > 0).sum()),
    }


def member_choices(book: Book, minds: Minds | None, address: PageAddress, key: SocietyKey) -> list[dict[str, Any]]:
    """Return by what members can be chosen, and which trait is shown."""
    traits = list(traits_of(book.people, key.split))
    options = [["", "all"]] + ([[CHANGED, "changed their mind"]] if minds is not None and minds.changes.any() else [])
    choices = [{"name": "outcome", "label": "Members", "value": address.outcome, "options": options}]
    if traits:
        value = address.across if address.across in traits else traits[0]
        options = [[trait, short(trait, 40)] for trait in traits]
        choices.append({"name": "across", "label": "Trait", "value": value, "options": options})
    return choices


def change_words(book: Book, minds: Minds, change: MindChange) -> tuple[str, str]:
    """Return what a member changed its mind from and to, and when, after what and with whom."""
    before, after = (_slot(minds, slot) for slot in (change.before, change.after))
    place = f"epoch {change.epoch}, step {change.step}"
    place += f", round {change.round + 1}" if change.round >= 0 else ""
    if change.kind == "choice":
        contest = book.contests.get(change.contest)
        about = f"“{short(book.subject(contest.anchor), 60)}”" if contest is not None else "the same anchor"
        return f"chose {after}, not {before} as before", f"about {about}: {place}"
    return f"from {before} to {after}", f"{place}, {_after(book, minds, change)}"


def change_notes(book: Book, minds: Minds, persona: int) -> list[StoryNote]:
    """Return how one member's mind changed, as its story has it."""
    return [
        StoryNote(each.seq, "change", ": ".join(change_words(book, minds, each)), _named_first(book, each))
        for each in minds.of(persona)
    ]


def _named_first(book: Book, change: MindChange) -> tuple[str, int] | None:
    """Return contest and slot of the message that a change's sentence names first; None where that is a member's text, or nothing."""
    saw = _saw(change)
    if not saw or _author(saw[0].message) < 0:
        return None
    contest = saw[0].message.rpartition("/")[0]
    return (contest, _author(saw[0].message)) if contest in book.contests else None


def _after(book: Book, minds: Minds, change: MindChange) -> str:
    """Return what came before an opinion changed, and through whom."""
    if change.why in ("shock", "fact_check"):
        return {"shock": "after a shock from outside", "fact_check": "after a fact-check"}[change.why]
    saw = _saw(change)
    if not saw:
        return "after the opinions of the people it follows"
    said = ", ".join(_sight(book, minds, each) for each in saw[:NAMED])
    return f"after {said}{f' and {len(saw) - NAMED} more' if len(saw) > NAMED else ''}"


def _saw(change: MindChange) -> list[Sight]:
    """Return what it was served by the competitor that it turned to; all that it was served where that is nothing."""
    return [each for each in change.saw if _author(each.message) == change.after] or list(change.saw)


def _sight(book: Book, minds: Minds, sight: Sight) -> str:
    contest, _, _ = sight.message.partition("/said/")
    contest = contest if contest != sight.message else sight.message.rpartition("/")[0]
    found, slot = book.contests.get(contest), _author(sight.message)
    about = f" about “{short(book.subject(found.anchor), 60)}”" if found is not None else ""
    by = f"{_slot(minds, slot)}’s message" if slot >= 0 else "a member’s text"
    through = f", through {short(book.name_of(sight.source), 40)}" if sight.source >= 0 else ""
    return f"{by}{about}{through}"


def _author(message: str) -> int:
    """Return the slot of a message's writer; -1 for what a member wrote."""
    end = message.rpartition("/")[2]
    return int(end) if end.isdecimal() and "/said/" not in message else -1


def _slot(minds: Minds, slot: int) -> str:
    return minds.slots[slot] if 0 <= slot < len(minds.slots) else f"message {slot + 1}"


def _names(book: Book, minds: Minds, key: SocietyKey) -> list[str]:
    known, first = names_of(book.people, key.split), first_of(book, key.split)
    rows = (minds.personas - first).tolist()
    names = (short(known[row], LABEL) if 0 <= row < len(known) else "" for row in rows)
    return [name or f"member {persona}" for name, persona in zip(names, minds.personas.tolist(), strict=True)]


def _trait(book: Book, minds: Minds, address: PageAddress, key: SocietyKey) -> tuple[str, NDArray[np.float32] | None]:
    """Return the trait that is shown, and its value for each member; none where members have none in common."""
    traits = traits_of(book.people, key.split)
    if not traits:
        return "", None
    name = address.across if address.across in traits else next(iter(traits))
    rows, column = minds.personas - first_of(book, key.split), traits[name]
    return name, column[np.clip(rows, 0, max(0, len(column) - 1))] if len(column) else None


def _shift(minds: Minds) -> NDArray[np.float32]:
    """Return what each thinks of the last competitor less what it thinks of the first; both begin at 0."""
    assert minds.opinions is not None
    return minds.opinions[-1] - minds.opinions[0]


def _sortable(minds: Minds, trait: str) -> list[str]:
    columns = ["name", "votes", "changes", *(["trait"] if trait else [])]
    return [*columns, "opinion"] if minds.opinions is not None else columns


def _head(minds: Minds, address: PageAddress, order: TableOrder, trait: str) -> list[dict[str, Any]]:
    last = minds.slots[-1] if minds.slots else ""
    heads = [heading(address, order, "name", "Member")]
    if trait:
        heads.append(heading(address, order, "trait", short(trait, 24), number=True, title="−1 to +1"))
    heads.append(
        heading(
            address, order, "votes", "Chose", number=True, left=True, title=f"In the order of the choices of {last}"
        )
    )
    if minds.opinions is not None:
        first = minds.slots[0] if minds.slots else ""
        title = f"Opinions now; each begins at 0. In the order of the opinion of {last} minus that of {first}"
        heads.append(heading(address, order, "opinion", "Opinions", number=True, title=title))
    heads.append(heading(address, order, "changes", "Changes of mind", number=True))
    return [*heads, plain_heading("The last one")]


def _filtered(minds: Minds, names: list[str], address: PageAddress) -> NDArray[np.int64]:
    inside = minds.changes > 0 if address.outcome == CHANGED else np.ones(minds.n, dtype=bool)
    if phrase := address.find.strip().casefold():
        inside = inside & np.fromiter((phrase in name.casefold() for name in names), dtype=bool, count=minds.n)
    return np.flatnonzero(inside)


def _sorting(
    minds: Minds, names: list[str], values: NDArray[np.float32] | None, order: TableOrder, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return in which order ``rows`` stand; those that are alike as they joined."""
    if order.column == "name":
        by = np.array(sorted(range(len(rows)), key=lambda at: names[rows[at]].casefold()), dtype=np.int64)
        return by[::-1] if order.descending else by
    if order.column == "votes":
        key = minds.votes[len(minds.slots) - 1, rows].astype(np.float64) if minds.slots else np.zeros(len(rows))
    elif order.column == "opinion":
        key = _shift(minds)[rows].astype(np.float64)
    elif order.column == "trait" and values is not None:
        key = values[rows].astype(np.float64)
    else:
        key = minds.changes[rows].astype(np.float64)
    return np.argsort(-key if order.descending else key, kind="stable")


def _row(
    book: Book,
    minds: Minds,
    row: int,
    name: str,
    values: NDArray[np.float32] | None,
    address: PageAddress,
    key: SocietyKey,
) -> dict[str, Any]:
    persona = int(minds.personas[row])
    story = address.at(
        page="persona", persona=persona, society=str(key), page_no=0, find="", outcome="", sort="", frame=""
    )
    last = minds.last(persona) if minds.changes[row] else None
    what, after = change_words(book, minds, last) if last is not None else ("", "")
    return {
        "persona": persona,
        "name": name,
        "url": story.url,
        "trait": signed(float(values[row]), 2) if values is not None else None,
        "votes": _votes(book, minds, row),
        "opinions": _opinions(minds, row),
        "changes": int(minds.changes[row]),
        "last": what,
        "after": after,
        "moment": story.at(seq=last.seq).url if last is not None else "",
    }


def _votes(book: Book, minds: Minds, row: int) -> list[dict[str, Any]]:
    names, column = [*minds.slots, "abstained", "named no option"], minds.votes[:, row].tolist()
    looks = [*slot_looks(book.config, minds.slots), ABSTAINED, NO_OPTION]
    total = max(1, sum(column))
    return [
        {"label": label, "count": times, "share": times / total, "colour": css(look)}
        for at, (label, times, look) in enumerate(zip(names, column, looks, strict=True))
        if times or at < len(minds.slots)
    ]


def _opinions(minds: Minds, row: int) -> list[list[str]] | None:
    if minds.opinions is None:
        return None
    values = minds.opinions[:, row].tolist()
    return [[_slot(minds, slot), signed(value, 2)] for slot, value in enumerate(values)]


def poll_rows(book: Book, minds: Minds, address: PageAddress) -> list[dict[str, Any]]:
    """Return the polls of a society, the newest first, each beside the votes that were counted in the end."""
    rows = []
    for poll in reversed(minds.polls):
        contest = book.contests.get(poll.contest)
        if contest is None:
            continue
        names = [_slot(minds, slot) for slot in range(len(poll.votes))]
        voted = sum(contest.votes) + contest.abstained + contest.invalid
        rows.append(
            {
                "id": f"{poll.contest} {poll.seq}",
                "subject": short(book.subject(contest.anchor), 60),
                "url": address.at(page="contests", contest=poll.contest, page_no=0, sort="", frame="").url,
                "seq": poll.seq,
                "epoch": poll.epoch,
                "round": poll.round + 1,
                "asked": poll.asked,
                "poll": _shares(names, poll.votes, poll.asked),
                "votes": _shares(names, contest.votes, voted) if contest.outcome else "not yet",
                "voted": voted if contest.outcome else DASH,
            }
        )
    return rows


def _shares(names: list[str], votes: Any, of: int) -> str:
    pairs = zip(names, votes, strict=False)
    return ", ".join(f"{name} {percent(each / of if of else None, 0)}" for name, each in pairs)
