"""One event as a page shows it: its JSON with links, what led to it and what it led to, and by which hash the log vouches for it.

Knows :func:`analysis.tables.event.event_dict`'s mapping; reads no log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from abm.log.codec import RUN_KINDS
from analysis.formats import count, short
from analysis.frames import columns_of
from analysis.readings.book import Book
from analysis.ui.address import PageAddress
from analysis.ui.data.doors import event_url, rows_url
from analysis.ui.data.references import reference_url

VALUE = 600
"""Characters of a field's value that are shown before the whole is asked for."""
WHOLE = 200_000
"""Characters of it that are shown then; the file has all."""
WORDS = 110
"""Characters of a cause that are shown."""
EFFECTS = 20
"""Events that it led to, of which there is a line each."""
DEEDS = ("reacted_many", "engaged", "ties_formed", "ties_cut")
"""Types of events that hold what many members did, in columns."""
_FRAME = ("type", "seq", "cause", "at", "step", "v")
"""Fields that every event has."""


def event_rows(
    found: Mapping[str, Any],
    effects: tuple[int, Sequence[Mapping[str, Any]]],
    events: int,
    book: Book,
    address: PageAddress,
    whole: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Return an event as a page shows it.

    Args:
        found: as :func:`analysis.tables.event.event_dict` returns it; ``effects``: as :func:`analysis.tables.event.led_to`.
        events: of the log by now.
        whole: fields that are shown whole.
    """
    event, commit = found["event"], found["commit"]
    seq, kind, (total, led) = int(event["seq"]), str(event["type"]), effects
    return {
        "title": f"Event {seq:,}: {kind}",
        "says": " ".join((RUN_KINDS[kind].__doc__ or "").replace("``", "").split()) if kind in RUN_KINDS else "",
        "place": _place(event, book),
        "before": event_url(address, seq - 1),
        "after": event_url(address, seq + 1) if seq + 1 < events else "",
        "of": f"{seq:,} of 0 – {events - 1:,}",
        "doors": _doors(seq, kind, address),
        "fields": _fields(event, book, address, whole),
        "causes": [_line(cause, address) for cause in found["causes"]],
        "effects": [
            {"seq": f"{each['seq']:,}", "type": each["type"], "url": event_url(address, each["seq"])} for each in led
        ],
        "more_effects": f"and {total - len(led):,} more" if total > len(led) else "",
        "effect_count": count(total, "event") if total else "no event",
        "vouched": [
            ["sha256 of its line", found["sha256"]],
            ["commit", f"events {commit['first']:,} to {commit['first'] + commit['events'] - 1:,}"],
            ["hash of the commit before it", commit["prev"]],
            ["hash of this commit", commit["hash"]],
        ],
    }


def _doors(seq: int, kind: str, address: PageAddress) -> list[dict[str, str]]:
    """Return where events of its type are, and what members did in it, one row each."""
    doors = [{"text": f"all {kind} events", "url": rows_url(address, kind)}] if kind in RUN_KINDS else []
    did = {"text": "what members did in it, one row each", "url": rows_url(address, "reactions", seq=seq)}
    return [*doors, did] if kind in DEEDS else doors


def _place(event: Mapping[str, Any], book: Book) -> str:
    """Return where in the run it happened, and when, in words."""
    step = next((each for each in book.steps if each.number == event.get("step", -1)), None)
    place = f"{step.society.label}, step {step.number}" if step is not None else "outside the steps of the plan"
    return f"{place}; {datetime.fromtimestamp(event['at'], UTC):%d %B %Y, %H:%M:%S} UTC" if event.get("at") else place


def _fields(event: Mapping[str, Any], book: Book, address: PageAddress, whole: frozenset[str]) -> list[dict[str, Any]]:
    """Return each field as JSON, with its meaning and where it leads."""
    kind = str(event["type"])
    said = {column.name: column.meaning for column in columns_of(kind)} if kind in RUN_KINDS else {}
    fields = []
    for name, value in event.items():
        flat = isinstance(value, list) and not any(isinstance(each, dict | list) for each in value)
        text = json.dumps(value, indent=None if flat else 2, ensure_ascii=False).replace("\n", "\n  ")
        room = WHOLE if name in whole else VALUE
        fields.append(
            {
                "name": name,
                "text": text[:room],
                "hidden": max(0, len(text) - room),
                "more": name not in whole,
                "meaning": said.get(name, ""),
                "url": _url(name, value, event, address, book),
            }
        )
    return fields


def _url(name: str, value: Any, event: Mapping[str, Any], address: PageAddress, book: Book) -> str:
    if name == "cause" and isinstance(value, int):
        return event_url(address, value)
    url = reference_url(name, value, event, address, book) if isinstance(value, str | int) else ""
    return url if url != event_url(address, int(event["seq"])) else ""


def _line(event: Mapping[str, Any], address: PageAddress) -> dict[str, str]:
    """Return an event in a line."""
    said = {name: value for name, value in event.items() if name not in _FRAME}
    words = short(json.dumps(said, ensure_ascii=False), WORDS)
    return {"seq": f"{event['seq']:,}", "type": event["type"], "words": words, "url": event_url(address, event["seq"])}
