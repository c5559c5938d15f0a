"""Doors: addresses that lead from what a page shows to what is behind it, as an event, as rows of a frame, or as a message.

Pure functions of text. Knows which fields an address has; knows nothing of what frames hold.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from analysis.ui.address import BYTES, PageAddress

Value = str | int | float | bool
OWN_FIELDS = ("arm", "phase", "epoch", "outcome")
"""Columns that an address has a field for; all others stand in its field ``where``."""


def event_url(address: PageAddress, seq: int) -> str:
    """Return where an event is shown: its JSON, what led to it, its hash; nowhere (an empty address) below 0."""
    return PageAddress(run=address.run, page="event", seq=seq).url if seq >= 0 else ""


def rows_url(address: PageAddress, frame: str, **equals: Value | None) -> str:
    """Return where the rows of a frame are shown in which columns have these values.

    Args:
        frame: one of :data:`analysis.frames.NAMES`, or a type of event.
        equals: column -> value; None for one that is not asked for. ``find`` is a text that some column holds.
    """
    asked = {name: value for name, value in equals.items() if value is not None}
    own = {name: asked.pop(name) for name in (*OWN_FIELDS, "find") if asked.get(name)}
    return PageAddress(run=address.run, page="rows", frame=frame, where=where_text(asked), **own).url  # pyright: ignore[reportArgumentType]


def message_url(address: PageAddress, contest: str, slot: int) -> str:
    """Return where one message is shown."""
    return PageAddress(run=address.run, page="message", contest=contest, slot=slot).url


def where_text(equals: dict[str, Value]) -> str:
    """Return columns and their values as an address holds them.

    >>> where_text({"competitor": "base:a,b", "label": 1, "arm_won": True})
    'competitor:base:a%2Cb,label:1,arm_won:true'
    """
    return ",".join(f"{name}:{quote(_said(value), safe=_SAFE, errors=BYTES)}" for name, value in equals.items())


def equals_of(address: PageAddress) -> dict[str, str]:
    """Return column -> value of the rows that an address asks for; what of it says no column is left out.

    >>> equals_of(PageAddress(arm="rft", epoch=2, where="competitor:base:a%2Cb,label:1,nothing"))
    {'arm': 'rft', 'epoch': '2', 'competitor': 'base:a,b', 'label': '1'}
    """
    own = {name: str(value) for name in OWN_FIELDS if (value := getattr(address, name))}
    parts = (part.partition(":") for part in address.where.split(","))
    return own | {name: unquote(value, errors=BYTES) for name, colon, value in parts if name and colon}


_SAFE = "".join(chr(code) for code in range(32, 127) if chr(code) not in ",%")
"""All but what separates columns: an address is encoded as a whole, too."""


def _said(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
