"""A persona's story in one order of time: contests, and between them polls, changes of its mind, interventions and questionnaires."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.ui.address import PageAddress
from analysis.ui.data.doors import event_url, message_url
from analysis.ui.data.story import StoryNote

MOST_NOTES = 30
"""Notes that are shown between two contests."""
Item = dict[str, Any]


def timeline(
    rows: Sequence[Item],
    notes: Sequence[StoryNote],
    answers: Sequence[Item],
    address: PageAddress,
    since: int,
    *,
    last: bool,
) -> list[Item]:
    """Return what a page of a story shows, in the order of the log; ``kind`` says what an item is.

    Args:
        rows: contests of this page, as :func:`analysis.ui.data.told.story_rows` makes them.
        notes: in the order of the log; ``answers``: to questionnaires, as :func:`analysis.ui.data.asked.answer_rows` makes them.
        since: what came before this event, or with it, is on pages before.
        last: what comes after these contests is on this page, too, and what was answered after the run.
    """
    items: list[Item] = []
    for row in rows:
        items += _between(notes, answers, address, since, row["seq"])
        items.append(
            {
                "kind": "contest",
                "id": row["contest"],
                "here": since < address.seq <= row["seq"] and not _noted(items, address.seq),
            }
            | row
        )
        since = max(since, row["seq"])
    if last:
        items += _between(notes, answers, address, since, None)
        if later := [each for each in answers if each["at"] < 0]:
            items.append({"kind": "answers", "id": "later", "answers": later, "here": False})
    return items


def page_of_moment(seqs: Sequence[int], seq: int, size: int) -> int:
    """Return which page of contests shows an event: the page of the first contest that it is part of or comes before.

    Args:
        seqs: of the contests, ascending.
    """
    at = next((number for number, each in enumerate(seqs) if each >= seq), len(seqs) - 1)
    return max(0, at) // size


def _noted(items: Sequence[Item], seq: int) -> bool:
    return any(item.get("seq") == seq for item in items)


def _between(
    notes: Sequence[StoryNote], answers: Sequence[Item], address: PageAddress, since: int, until: int | None
) -> list[Item]:
    """Return what happened after one event, and not after another one, in the order of the log."""

    def inside(seq: int) -> bool:
        return seq > since and (until is None or seq <= until)

    found: list[tuple[int, Item]] = [
        (note.seq, _shown(note, address)) for note in sorted(notes, key=lambda note: note.seq) if inside(note.seq)
    ]
    hidden, found = len(found[MOST_NOTES:]), found[:MOST_NOTES]
    if hidden:
        text = f"… and {hidden:,} more"
        found.append(
            (found[-1][0], {"kind": "more", "id": f"more {since}", "seq": -1, "text": text, "url": "", "here": False})
        )
    if asked := [each for each in answers if each["at"] >= 0 and inside(each["at"])]:
        group = {"kind": "answers", "id": f"answers {since}", "answers": asked, "here": False}
        found.append((min(each["at"] for each in asked), group))
    return [item for _, item in sorted(found, key=lambda pair: pair[0])]


def _shown(note: StoryNote, address: PageAddress) -> Item:
    url = event_url(address, note.seq)
    return {
        "kind": note.kind,
        "id": f"{note.kind} {note.seq}",
        "seq": note.seq,
        "text": note.text,
        "url": url,
        "message": message_url(address, *note.message) if note.message else "",
        "here": note.seq == address.seq,
    }
