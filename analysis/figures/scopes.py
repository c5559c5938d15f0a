"""Sentences of captions that say what an interval is about: which differences between trainings, anchors and people it holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

ADAPTERS = "these adapters: other anchors and people, not other trainings"
SEEDS = "these anchors and people: other seeds, not other anchors or people"
NEW = "new trainings, anchors and people"


def scope_of(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return what the intervals of rows of the tidy frame are about, as a sentence."""
    overs = {row["over"] for row in rows if row["low"] is not None}
    if not overs:
        return "No intervals: they take several anchors, or several seeds."
    said = []
    if any("seeds" in over and "anchors" in over for over in overs):
        said.append(f"{NEW}, clustered on seeds, anchors and the people who voted")
    if any(over == "seeds" for over in overs):
        said.append(f"{SEEDS}")
    if any("seeds" not in over for over in overs):
        said.append(ADAPTERS)
    return f"Lines: 95 % intervals for {'; or '.join(said)}."
