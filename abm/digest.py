"""The digest of a run: what was decided, without when and how often it was interrupted.

Folds deterministic events only. Lifecycle events, ``seq`` and wall-clock time are left out; ``cause`` is counted
among the deterministic events, which an interruption does not shift.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable

import msgspec

from abm.content import canonical
from abm.events import Event, Lifecycle


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
        cause = event.cause - bisect_left(self._lifecycle, event.cause) if event.cause >= 0 else -1
        self._sha.update(canonical(msgspec.structs.replace(event, seq=-1, at=0.0, cause=cause)))

    def hexdigest(self) -> str:
        """Return the digest so far, 64 hex characters."""
        return self._sha.hexdigest()


def run_digest(events: Iterable[Event]) -> str:
    """Return the digest of a whole log."""
    digest = Digest()
    for event in events:
        digest.update(event)
    return digest.hexdigest()
