"""What a log holds, at a glance. Reads the ends and the names of things; counting types reads everything."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from abm.log import disk
from abm.log.eventlog import open_log
from abm.log.recovery import find_end
from abm.log.segments import parent_of, read_manifest, segments, walk
from moloch.errors import CorruptLog

TYPE = re.compile(rb'\{"type":"([a-z_]+)"')
"""How every line begins."""


class About(msgspec.Struct, frozen=True):
    """A run's log from outside.

    Attributes:
        events: in all; ``own_events``: without those shared with the run it was forked from.
        nbytes: of its own segments.
        lineage: the run it was forked from, that run's, and so on: ``run``, ``seq``, ``hash``.
        projections, snapshots: disposable files that are there.
        quarantine: names of what recovery or repair set aside.
    """

    run: str
    events: int
    own_events: int
    head: str
    segments: int
    nbytes: int
    lineage: list[dict[str, Any]]
    projections: int
    snapshots: int
    quarantine: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a mapping."""
        return msgspec.structs.asdict(self)


class Standing(msgspec.Struct, frozen=True):
    """How the end of a run's log stands.

    Attributes:
        events: up to its last whole commit, ``own_events``: without those shared with the run it was forked from.
        ended: whether the run has ended.
        incomplete_bytes: of a commit that was begun at the end and is not whole.
        being_written: whether a process holds the run's lock; looked at only where a commit is not whole.
    """

    events: int
    own_events: int
    ended: bool
    incomplete_bytes: int
    being_written: bool

    @property
    def why_not_whole(self) -> str:
        """What keeps the log from being all that was written, as a sentence; empty for nothing."""
        if self.incomplete_bytes and not self.being_written:
            return (
                f"it ends within a commit: {self.incomplete_bytes:,} bytes follow event {self.events:,}, and the rest is missing; "
                "a writer was killed, or the file was cut"
            )
        if not self.own_events:
            return (
                "it holds no events"
                + (" of its own" if self.events else "")
                + ": nothing happened yet, or its log is gone"
            )
        return ""


def standing(run: Path | str) -> Standing:
    """Return how the end of a run's log stands; reads no more than its last segment.

    Raises:
        LogError: no run, or it cannot be read.
        CorruptLog: the last segment is damaged.
    """
    run = Path(run)
    manifest = read_manifest(run)
    end = find_end(run, manifest)
    writing = end.torn and disk.is_locked(run)
    if end.torn and not writing:  # its writer may have finished in between
        end = find_end(run, manifest)
    return Standing(
        events=end.head.seq,
        own_events=end.head.seq - manifest.base,
        ended=open_log(run, write=False).ended() is not None,
        incomplete_bytes=end.segment.path.stat().st_size - end.at if end.torn else 0,
        being_written=writing,
    )


def about(run: Path | str) -> About:
    """Return what can be said of a run's log without reading more than its last segment.

    Raises:
        LogError: no run, or it cannot be read.
        CorruptLog: the last segment is damaged.
    """
    run = Path(run)
    manifest = read_manifest(run)
    own = segments(run, manifest.base)
    head = find_end(run, manifest).head
    return About(
        run=str(run),
        events=head.seq,
        own_events=head.seq - manifest.base,
        head=head.hash,
        segments=len(own),
        nbytes=sum(segment.path.stat().st_size for segment in own),
        lineage=lineage(run),
        projections=len(list((run / "parquet").glob("*.parquet"))),
        snapshots=len(list((run / "snap").glob("*.json"))),
        quarantine=sorted(path.name for path in (run / "quarantine").glob("*.bin")),
    )


def lineage(run: Path) -> list[dict[str, Any]]:
    """Return where a run was forked from, and where that one was, nearest first.

    Raises:
        LogError: one of them is gone.
    """
    parents = []
    while (fork := read_manifest(run).fork) is not None:
        run = parent_of(run, fork)
        parents.append({"run": str(run), "seq": fork.seq, "hash": fork.hash})
    return parents


def count_types(run: Path | str) -> dict[str, int]:
    """Return type -> events, most frequent first; reads and verifies the whole log, but decodes no event."""
    counts: dict[str, int] = {}
    run = Path(run)
    for block in walk(run, read_manifest(run).genesis):
        for line in block.lines.splitlines():
            if (start := TYPE.match(line)) is None:
                raise CorruptLog("a line of the log is not an event", where=block.where)
            kind = start[1].decode()
            counts[kind] = counts.get(kind, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
