"""Replay: fold a log again, with no model, through the same ``apply`` as live."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec

from abm.events import RunEnded
from abm.journal.digest import Digest
from abm.log import open_log
from abm.state.state import State, apply
from moloch.errors import CorruptLog


class Replayed(msgspec.Struct, frozen=True):
    """What a replay found.

    Attributes:
        head: hash of the log's chain; digest: of the deterministic events.
        ended: whether the run had ended.
    """

    run: str
    events: int
    steps: int
    head: str
    digest: str
    ended: bool
    verified: bool
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a mapping."""
        return msgspec.structs.asdict(self)


def replay(run: Path | str, *, verify: bool = False) -> Replayed:
    """Fold the whole log of ``run``; every step's recorded state hash is checked as it is applied.

    Args:
        verify: also check that the digest equals the one with which the run ended.

    Raises:
        CorruptLog: the chain is broken, or an event contradicts the state.
    """
    began = time.perf_counter()
    log = open_log(run, write=False)
    state, digest, ended = State(), Digest(), False
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
        apply(state, event)
        digest.update(event, line)
        count += 1
    return Replayed(
        str(run), count, state.step, log.head().hash, digest.hexdigest(), ended, verify, time.perf_counter() - began
    )
