"""One event of a log: what it says, which events led to it, and by which hash the log vouches for it.

Knows logs; knows nothing of what events mean.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from abm.events import Event
from abm.log import EventLog
from moloch.errors import InputError


class LoggedEvent(msgspec.Struct, frozen=True):
    """An event where it stands.

    Attributes:
        event: what it says, of today's schema.
        sha256: of its line, as it was written.
        first, events: the commit that holds it: that commit's first event, and how many it has.
        prev, hash: ``hash = SHA-256(prev || lines of the commit)``, so that the event is part of every later hash of the log.
    """

    event: Event
    sha256: str
    first: int
    events: int
    prev: str
    hash: str


def logged_event(log: EventLog, seq: int) -> LoggedEvent:
    """Return an event of a log; the commits of its segment are verified up to it.

    Raises:
        InputError: the log has no such event.
        LogError: the log is damaged, or a newer version wrote it.
    """
    if 0 <= seq < log.head().seq:
        for block in log.blocks(seq):
            commit, place = block.commit, seq - block.commit.seq
            if 0 <= place < commit.n:
                line = block.lines.splitlines()[place]
                sha256 = hashlib.sha256(line).hexdigest()
                return LoggedEvent(block.events()[place], sha256, commit.seq, commit.n, commit.prev, commit.hash)
    why = f"the log has events 0 to {log.head().seq - 1:,}" if log.head().seq else "the log has no events"
    raise InputError(f"no event {seq:,}", where=str(log.path), why=why)


def event_dict(log: EventLog, seq: int) -> dict[str, Any]:
    """Return an event, the chain of its causes up to the one that has none, and its hash, as a JSON-able mapping.

    The first of ``causes`` led to the event itself, each next one to the one before it.

    Raises:
        InputError, LogError: as :func:`logged_event`.
    """
    found = logged_event(log, seq)
    causes, cause = list[Event](), found.event.cause
    while cause >= 0:
        causes.append(logged_event(log, cause).event)
        cause = causes[-1].cause
    commit = {"first": found.first, "events": found.events, "prev": found.prev, "hash": found.hash}
    return {
        "event": msgspec.to_builtins(found.event),
        "causes": [msgspec.to_builtins(each) for each in causes],
        "sha256": found.sha256,
        "commit": commit,
    }


def led_to(run: Path, seq: int, most: int) -> tuple[int, list[dict[str, Any]]]:
    """Return how many events an event led to at once, and the first ones of them: seq and type.

    Raises:
        LogError: the log is damaged, or a newer version wrote it.
    """
    import polars as pl

    from abm.log.projection import scan

    effects = scan(run).filter(pl.col("cause") == seq).select("seq", "type").collect()
    return effects.height, effects.head(most).to_dicts()
