"""The digest of a run: what was decided, without when and how often it was interrupted.

Folds deterministic events only. Lifecycle events, ``seq`` and wall-clock time are left out; fields that name an event
by its ``seq`` are counted among the deterministic events, whose places an interruption does not shift.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

import msgspec

from abm.content import canonical
from abm.events import AdapterTrained, Event, Lifecycle


class Digest:
    """A running digest; equal settings and seed give an equal one, interrupted or not."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()
        self._lifecycle: list[int] = []

    def update(self, event: Event) -> None:
        """Add the next event of the log."""
        if isinstance(event, Lifecycle):
            self._lifecycle.append(event.seq)
            return
        changed: dict[str, Any] = {"seq": -1, "at": 0.0, "cause": self._place(event.cause)}
        if isinstance(event, AdapterTrained):
            changed["data_range"] = [self._place(seq) for seq in event.data_range]
        self._sha.update(canonical(msgspec.structs.replace(event, **changed)))

    def hexdigest(self) -> str:
        """Return the digest so far, 64 hex characters."""
        return self._sha.hexdigest()

    def _place(self, seq: int) -> int:
        """Return the place of event ``seq`` among the deterministic ones; -1 for none, or a lifecycle event."""
        before = bisect_left(self._lifecycle, seq)
        if seq < 0 or (before < len(self._lifecycle) and self._lifecycle[before] == seq):
            return -1
        return seq - before


def run_digest(events: Iterable[Event]) -> str:
    """Return the digest of a whole log."""
    digest = Digest()
    for event in events:
        digest.update(event)
    return digest.hexdigest()
