"""Two events side by side: which fields differ, and where in them. Knows nothing of logs or runs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.columns import unpack
from abm.events import AdapterTrained, AnswerJudged, EpochEnded, Event, StepStarted, TaskAnswered
from abm.journal.decisions import same_value, unequal_fields
from moloch.content import canonical

WIDTH = 56
"""Characters shown of a value; of a longer text, those around the first difference."""

VALUES = 4
"""Values shown of a column, from the first that differs."""

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
    unequal = unequal_fields(left, right)
    kinds = get_type_hints(type(left), include_extras=True) if unequal else {}
    return [_first(name, getattr(left, name), getattr(right, name), kinds[name]) for name in unequal]


def kind(event: Event) -> str:
    """Return the event's type, as the log writes it."""
    return str(event.__struct_config__.tag)


def place(event: Event) -> str:
    """Return what an event is about: a site, message, contest, or round of the feeds; empty where it names none."""
    if isinstance(event, AdapterTrained):
        return f"{event.arm}, epoch {event.epoch}"
    if isinstance(event, StepStarted):
        return f"{event.phase}/{event.epoch}/{event.arm}"
    if isinstance(event, EpochEnded):
        return f"epoch {event.epoch}"
    if isinstance(event, TaskAnswered | AnswerJudged):
        return f"{event.task_set}/{event.task}, {event.competitor}"
    for name in ("site", "message", "contest", "split", "task_set"):
        if hasattr(event, name):
            return str(getattr(event, name))
    what = getattr(event, "action", "") or getattr(event, "about", "")
    at = getattr(event, "round", None)
    return f"{what}, round {at + 1}".removeprefix(", ") if at is not None else ""


def _first(path: str, left: Any, right: Any, of: Any = None) -> Difference:
    """Return the first difference within two unequal values; ``of`` is their type, where that is known."""
    if isinstance(left, dict) and isinstance(right, dict):
        key = next(
            key
            for key in {**left, **right}
            if key not in left or key not in right or not same_value(left[key], right[key])
        )
        if key in left and key in right:
            return _first(f"{path}.{key}", left[key], right[key], get_args(of)[-1] if get_args(of) else None)
        return Difference(f"{path}.{key}", *(shown(side[key]) if key in side else NOTHING for side in (left, right)))
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        if len(left) == len(right) > 8:
            at = next(i for i, pair in enumerate(zip(left, right, strict=True)) if not same_value(*pair))
            return _first(f"{path}.{at}", left[at], right[at])
        if max(len(left), len(right)) > 8:
            return Difference(path, f"{len(left)} items", f"{len(right)} items")
    if isinstance(left, bytes) and isinstance(right, bytes):
        one, other = (unpack(side, of) if get_origin(of) is Annotated else side for side in (left, right))
        at = _common(one, other)
        return Difference(f"{path}.{at}", _values(one, at), _values(other, at))
    return Difference(path, *excerpts(_text(left), _text(right)))


def _values(column: Sequence[Any] | NDArray[Any], start: int) -> str:
    """Return a column's values from one on, and how many it holds."""
    few = [f"{value:.6g}" if isinstance(value, np.floating) else str(value) for value in column[start : start + VALUES]]
    more = ["…"] if start + VALUES < len(column) else []
    return f"{', '.join(few + more) or NOTHING} (of {len(column):,})"


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
