"""What an interval in a figure is about: which differences between trainings, anchors and people it holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

ADAPTERS = "these adapters: other anchors and people, not other trainings"
SEEDS = "these anchors and people: other seeds, not other anchors or people"
NEW = "new trainings, anchors and people"
_BY_NAME = {"new": NEW, "adapters": ADAPTERS}


NO_INTERVALS = "No intervals: neither one society nor a single anchor gives any. Several seeds give them."


def interval_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the widest interval that a row of the tidy frame has: ``low``, ``high`` and ``scope``, which is ``new``, ``adapters`` or empty.

    A single training has no interval for others; its own, for other anchors and people, stands in its place and is named.
    """
    for scope, ends in (("new", ("low", "high")), ("adapters", ("low_adapters", "high_adapters"))):
        low, high = (row.get(end) for end in ends)
        if low is not None and high is not None:
            return {"low": low, "high": high, "scope": scope}
    return {"low": None, "high": None, "scope": ""}


def scope_of(marks: Iterable[Mapping[str, Any]]) -> str:
    """Return what the intervals of marks are about, as a sentence, or why there are none; each has a ``scope`` and a ``value``."""
    marks = list(marks)
    scopes = {mark["scope"] for mark in marks} - {"", None}
    if not scopes and marks and not any(mark["value"] for mark in marks):
        return "No intervals: all differences are 0, and nothing varied."
    if not scopes:
        return NO_INTERVALS
    said = [name for scope, name in _BY_NAME.items() if scope in scopes]
    return f"Lines: 95 % intervals for {'; for single trainings, '.join(said)}."
