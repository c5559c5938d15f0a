"""The digest of a run: SHA-256 over its decisions, so without when they were made and how often it was interrupted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from abm.events import AdapterTrained, Event
from abm.journal.decisions import Decision, Decisions
from moloch.content import canonical

if TYPE_CHECKING:
    from abm.log import EventLog


class Digest:
    """A running digest; equal settings and seed give an equal one, interrupted or not."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()
        self._decisions = Decisions()

    def update(self, event: Event, line: bytes | None = None) -> None:
        """Add the next event of the log.

        Args:
            line: as it was written, if that was in an older schema: a digest is of what the log holds.
        """
        for decision in self._decisions.add(event, line):
            self._sha.update(_text(decision))

    def hexdigest(self) -> str:
        """Return the digest so far, 64 hex characters."""
        sha = self._sha.copy()
        for decision in self._decisions.waiting():
            sha.update(_text(decision))
        return sha.hexdigest()


def _text(decision: Decision) -> bytes:
    """Return a decision as JSON bytes."""
    return canonical(decision.event) if decision.line is None else _old_text(decision.event, decision.line)


def _old_text(event: Event, line: bytes) -> bytes:
    """Return what :func:`_text` gave when ``line`` was written: the same fields, in the line's order."""
    fields = msgspec.json.decode(line) | {"at": 0.0, "cause": event.cause}
    if isinstance(event, AdapterTrained):
        fields["data_range"] = event.data_range
    left_out = {"seq"} | ({"cause"} if event.cause == -1 else set())
    parts = [canonical(key) + b":" + canonical(value) for key, value in fields.items() if key not in left_out]
    return b"{" + b",".join(parts) + b"}"


def run_digest(events: Iterable[Event]) -> str:
    """Return the digest of a whole log."""
    digest = Digest()
    for event in events:
        digest.update(event)
    return digest.hexdigest()


def log_digest(log: EventLog) -> str:
    """Return the digest of a whole log, of old schemas too."""
    digest = Digest()
    for event, line in log.written():
        digest.update(event, line)
    return digest.hexdigest()
