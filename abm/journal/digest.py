"""The digest of a run: what was decided, without when and how often it was interrupted.

Folds deterministic events only. Lifecycle events, ``seq`` and wall-clock time are left out; fields that name an event
by its ``seq`` are counted among the deterministic events, whose places an interruption does not shift. Answers of models
that follow each other are folded in the order of their sites, since those of remote models come in any order.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from abm.events import AdapterTrained, Event, Lifecycle, LLMReplied
from moloch.content import canonical

if TYPE_CHECKING:
    from abm.log import EventLog


class Digest:
    """A running digest; equal settings and seed give an equal one, interrupted or not."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()
        self._lifecycle: list[int] = []
        self._answers: list[tuple[str, int, Event]] = []
        self._moved: dict[int, int] = {}
        """``seq`` of an answer -> place, where sorting moved it; later steps may use an answer again."""

    def update(self, event: Event, line: bytes | None = None) -> None:
        """Add the next event of the log.

        Args:
            line: as it was written, if that was in an older schema: a digest is of what the log holds.
        """
        if isinstance(event, Lifecycle):
            self._lifecycle.append(event.seq)
            return
        if isinstance(event, LLMReplied) and line is None:  # older schemas folded them in the order of the log
            self._answers.append((event.site, event.seq, event))
            return
        self._fold_answers(self._sha)
        self._sha.update(self._line(event) if line is None else self._old_line(event, line))

    def hexdigest(self) -> str:
        """Return the digest so far, 64 hex characters."""
        sha = self._sha.copy()
        self._fold_answers(sha, keep=True)
        return sha.hexdigest()

    def _fold_answers(self, sha: Any, *, keep: bool = False) -> None:
        """Fold the answers that came since, by site."""
        if not self._answers:
            return
        places = [self._place(seq) for _, seq, _ in self._answers]
        moved = {}
        for place, (_, seq, event) in zip(places, sorted(self._answers, key=lambda a: a[:2]), strict=True):
            sha.update(self._line(event))
            if self._place(seq) != place:
                moved[seq] = place
        if not keep:
            self._moved |= moved
            self._answers = []

    def _line(self, event: Event) -> bytes:
        changed: dict[str, Any] = {"seq": -1, "at": 0.0, "cause": self._place(event.cause)}
        if isinstance(event, AdapterTrained):
            changed["data_range"] = [self._place(seq) for seq in event.data_range]
        return canonical(msgspec.structs.replace(event, **changed))

    def _old_line(self, event: Event, line: bytes) -> bytes:
        """Return what :meth:`_line` gave when the line was written: the same fields, in the line's order."""
        fields = msgspec.json.decode(line) | {"at": 0.0, "cause": self._place(event.cause)}
        if isinstance(event, AdapterTrained):
            fields["data_range"] = [self._place(seq) for seq in event.data_range]
        left_out = {"seq"} | ({"cause"} if fields["cause"] == -1 else set())
        parts = [canonical(key) + b":" + canonical(value) for key, value in fields.items() if key not in left_out]
        return b"{" + b",".join(parts) + b"}"

    def _place(self, seq: int) -> int:
        """Return the place of event ``seq`` among the deterministic ones; -1 for none, or a lifecycle event."""
        if seq in self._moved:
            return self._moved[seq]
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


def log_digest(log: EventLog) -> str:
    """Return the digest of a whole log, of old schemas too."""
    digest = Digest()
    for event, line in log.written():
        digest.update(event, line)
    return digest.hexdigest()
