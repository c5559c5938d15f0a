"""Two events side by side: which fields differ, and where in them. Knows nothing of logs or runs."""

from __future__ import annotations

from itertools import takewhile
from typing import Any

import msgspec

from abm.content import canonical
from abm.events import AdapterTrained, EpochEnded, Event, StepStarted

NOT_DECIDED = ("seq", "at", "v")
"""Fields that the log gives, not the decision."""

WIDTH = 56
"""Characters shown of a value; of a longer text, those around the first difference."""

NOTHING = "–"
"""What is shown of a value that is not there."""


class Difference(msgspec.Struct, frozen=True):
    """One field that differs.

    Attributes:
        field: its name; of nested values, the path to the first that differs, as ``anchors.3.text``.
        left, right: both values, shortened.
    """

    field: str
    left: str
    right: str


def differences(left: Event, right: Event) -> list[Difference]:
    """Return what differs between two events of one type, without ``seq``, ``at`` and ``v``; nothing for two types."""
    if type(left) is not type(right):
        return []
    names = (name for name in left.__struct_fields__ if name not in NOT_DECIDED)
    return [
        _first(name, getattr(left, name), getattr(right, name))
        for name in names
        if not _equal(getattr(left, name), getattr(right, name))
    ]


def equal(left: Event, right: Event) -> bool:
    """Return whether two events say the same, whatever their ``seq`` and time."""
    changed: dict[str, Any] = {name: getattr(right, name) for name in NOT_DECIDED}
    return msgspec.structs.replace(left, **changed) == right or (
        type(left) is type(right) and not differences(left, right)
    )


def kind(event: Event) -> str:
    """Return the event's type, as the log writes it."""
    return str(event.__struct_config__.tag)


def place(event: Event) -> str:
    """Return what an event is about: a site, message or contest; empty where it names none."""
    if isinstance(event, AdapterTrained):
        return f"{event.arm}, epoch {event.epoch}"
    if isinstance(event, StepStarted):
        return f"{event.phase}/{event.epoch}/{event.arm}"
    if isinstance(event, EpochEnded):
        return f"epoch {event.epoch}"
    return next(
        (str(getattr(event, name)) for name in ("site", "message", "contest", "split") if hasattr(event, name)), ""
    )


def _equal(left: Any, right: Any) -> bool:
    return left == right or canonical(left) == canonical(right)  # a tuple is a list in the log, and NaN is null


def _first(path: str, left: Any, right: Any) -> Difference:
    """Return the first difference within two unequal values."""
    if isinstance(left, dict) and isinstance(right, dict):
        key = next(
            key for key in {**left, **right} if key not in left or key not in right or not _equal(left[key], right[key])
        )
        if key in left and key in right:
            return _first(f"{path}.{key}", left[key], right[key])
        return Difference(f"{path}.{key}", *(shown(side[key]) if key in side else NOTHING for side in (left, right)))
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        if len(left) == len(right) > 8:
            at = next(i for i, pair in enumerate(zip(left, right, strict=True)) if not _equal(*pair))
            return _first(f"{path}.{at}", left[at], right[at])
        if max(len(left), len(right)) > 8:
            return Difference(path, f"{len(left)} items", f"{len(right)} items")
    if isinstance(left, bytes) and isinstance(right, bytes):
        at = _common(left, right)
        return Difference(path, f"{len(left)} bytes", f"{len(right)} bytes, other from byte {at}")
    return Difference(path, *excerpts(_text(left), _text(right)))


def shown(value: Any) -> str:
    """Return a value as text, its beginning where it is long."""
    text = _text(value)
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def excerpts(left: str, right: str) -> tuple[str, str]:
    """Return two different texts, each cut to :data:`WIDTH` characters around where they part."""
    start = max(0, _common(left, right) - WIDTH // 4) if max(len(left), len(right)) > WIDTH else 0
    return _cut(left, start), _cut(right, start)


def _cut(text: str, start: int) -> str:
    before = "…" if start else ""
    room = WIDTH - len(before)
    rest = text[start:]
    return before + (rest if len(rest) <= room else rest[: room - 1] + "…")


def _common(left: Any, right: Any) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False)))


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value else canonical(value).decode()
