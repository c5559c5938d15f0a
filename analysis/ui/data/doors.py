"""Doors: addresses that lead from what a page shows to what is behind it, as an event, as rows of a frame, or as a message.

Pure functions of text. Knows which fields an address has; knows nothing of what frames hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, unquote

from analysis.ui.address import BYTES, PageAddress

Value = str | int | float | bool | tuple[str, ...]
"""What a column is to be; a tuple: any of these."""
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
    place = PageAddress(run=address.run, page="rows", frame=frame, find=str(equals.pop("find", "") or ""))
    return rows_address(place, {name: value for name, value in equals.items() if value is not None}).url


def message_url(address: PageAddress, contest: str, slot: int) -> str:
    """Return where one message is shown."""
    return PageAddress(run=address.run, page="message", contest=contest, slot=slot).url


def rows_address(address: PageAddress, equals: Mapping[str, Value]) -> PageAddress:
    """Return the address of the same frame's rows in which columns have these values, and no others; on its first page."""
    equals = {name: each[0] if isinstance(each, tuple) and len(each) == 1 else each for name, each in equals.items()}
    own = {name: _said(equals[name]) for name in OWN_FIELDS if _is_plain(name, equals.get(name))}
    others = {name: value for name, value in equals.items() if name not in own}
    fields = {name: int(text) if name == "epoch" else text for name, text in own.items()}
    return address.at(**dict.fromkeys(OWN_FIELDS, "") | {"epoch": 0, **fields}, where=where_text(others), page_no=0)


def where_text(equals: Mapping[str, Value]) -> str:
    """Return columns and their values as an address holds them.

    >>> where_text({"competitor": "base:a,b", "label": 1, "arm_won": True, "method": ("rft", "dpo")})
    'competitor:base:a%2Cb,label:1,arm_won:true,method:rft|dpo'
    """
    return ",".join(f"{name}:{_written(value)}" for name, value in equals.items())


def equals_of(address: PageAddress) -> dict[str, tuple[str, ...]]:
    """Return column -> values of the rows that an address asks for; what of it names no column is left out.

    >>> equals_of(PageAddress(arm="rft", epoch=2, where="competitor:base:a%2Cb,label:0|1,nothing"))
    {'arm': ('rft',), 'epoch': ('2',), 'competitor': ('base:a,b',), 'label': ('0', '1')}
    """
    own = {name: (str(value),) for name in OWN_FIELDS if (value := getattr(address, name))}
    parts = (part.partition(":") for part in address.where.split(","))
    return own | {name: tuple(map(_read, values.split("|"))) for name, colon, values in parts if name and colon}


_SAFE = "".join(chr(code) for code in range(32, 127) if chr(code) not in ",|%")
"""All but what separates columns and values: an address is encoded as a whole, too."""


def _written(value: Value) -> str:
    values = value if isinstance(value, tuple) else (_said(value),)
    return "|".join(quote(each, safe=_SAFE, errors=BYTES) for each in values)


def _read(text: str) -> str:
    return unquote(text, errors=BYTES)


def _said(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_plain(name: str, value: Value | None) -> bool:
    """Return whether the address's own field can hold it: not several values, not what the field has by itself."""
    if value is None or isinstance(value, tuple):
        return False
    text = _said(value)
    return text.isascii() and text.isdecimal() and 0 < int(text) < 10**9 if name == "epoch" else bool(text)
