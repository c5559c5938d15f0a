"""Events that were decided together, on their way to the log: what caused what among them is settled here.

Deciding functions return events. An event that another one of the same list caused has no ``seq`` of that one yet: it says
:data:`FIRST`, and gets the number when the first is appended. Knows nothing of what events mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from abm.events import Event

FIRST = -2
"""Cause of an event: the first of those that were decided with it."""


class Emits(Protocol):
    """Takes one event at a time, and says which ``seq`` it has; a journal does."""

    def emit(self, event: Event) -> int:
        """Match ``event`` with the log, or hold it for the next commit."""
        ...


def emit_all(journal: Emits, events: Iterable[Event]) -> list[int]:
    """Emit what was decided together, in order; return the ``seq`` of each."""
    seqs: list[int] = []
    for event in events:
        if event.cause == FIRST:
            event = msgspec.structs.replace(event, cause=seqs[0])
        seqs.append(journal.emit(event))
    return seqs
