"""Replay: fold a log again, with no model, through the same ``apply`` as live."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec

from abm.events import RunEnded
from abm.journal._adapters import AdaptersHeld, told
from abm.journal.digest import Digest
from abm.log import open_log
from abm.state.state import State, apply
from moloch.errors import CorruptLog


class Replayed(msgspec.Struct, frozen=True):
    """What a replay found.

    Attributes:
        head: hash of the log's chain; digest: of the deterministic events.
        ended: whether the run had ended.
        adapters, adapters_missing: ids of those that are there and are what the log says, and of those that are not
            there; none of either unless they were asked to be verified.
    """

    run: str
    events: int
    steps: int
    head: str
    digest: str
    ended: bool
    verified: bool
    seconds: float
    adapters: list[str] = []
    adapters_missing: list[str] = []

    @property
    def adapters_told(self) -> str:
        """What was found of adapters, in words; empty if there are none."""
        return told(self.adapters, self.adapters_missing)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a mapping."""
        return msgspec.structs.asdict(self)


def replay(run: Path | str, *, verify: bool = False) -> Replayed:
    """Fold the whole log of ``run``; every step's recorded state hash is checked as it is applied.

    Args:
        verify: also check that the digest equals the one with which the run ended, and each adapter that is there
            against the log.

    Raises:
        CorruptLog: the chain is broken, an event contradicts the state, or an adapter is not what the log says.
    """
    began = time.perf_counter()
    log = open_log(run, write=False)
    state, digest, ended, adapters = State(), Digest(), False, AdaptersHeld(run)
    count = 0
    for event, line in log.written():
        if isinstance(event, RunEnded):
            ended = True
            if verify and event.digest != digest.hexdigest():
                raise CorruptLog(
                    "the digest differs from the recorded one",
                    where=f"event {event.seq}",
                    why=f"digest {digest.hexdigest()[:12]}, recorded {event.digest[:12]}",
                )
        if verify:
            adapters.look(event)
        apply(state, event)
        digest.update(event, line)
        count += 1
    return Replayed(
        run=str(run),
        events=count,
        steps=state.step,
        head=log.head().hash,
        digest=digest.hexdigest(),
        ended=ended,
        verified=verify,
        seconds=time.perf_counter() - began,
        adapters=adapters.checked,
        adapters_missing=adapters.missing,
    )
