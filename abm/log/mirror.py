"""A log in object storage while it is written: nothing is appended there; each piece that became durable is an object of its own.

``live/<segment>/<byte>.part`` holds whole commits of a segment that is not sealed yet, from that byte on; once the segment is
sealed it is put as one, and its pieces go. So a machine that is lost takes with it only what came after the last piece.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from abm.log import disk
from abm.log.codec import Torn
from abm.log.eventlog import verify
from abm.log.objects import ObjectFolder, StoredObject
from abm.log.parquet import EVENTS
from abm.log.recovery import Head, find_end
from abm.log.segments import Segment, blocks, damaged, read_manifest, segment_at, segments
from abm.log.store import Uploaded, put_sealed
from moloch.durable import sync
from moloch.errors import Conflict, LogError

LOOKS = 4
"""Times that a log is looked at again before what is there is called another history of it."""
_PART = re.compile(r"live/(\d{20})/(\d{15})\.part")
_WHOLE = re.compile(r"log/(\d{20})\.jsonl\.zst")


class _Place(NamedTuple):
    """How far a segment is there: its first ``at`` bytes, before event ``seq``, where the chain's hash is ``hash``."""

    at: int
    seq: int
    hash: str


class LogMirror:
    """One log, and what of it is in object storage; remembers what was put, so that each call puts only what is new.

    Args:
        run: the log's folder.
        folder: in object storage; names of objects begin with ``prefix``.
        projected: with Parquet of what is sealed; see :func:`abm.log.store.put_sealed`.
    """

    def __init__(self, run: Path, folder: ObjectFolder, prefix: str = "", *, projected: bool = True) -> None:
        self._run, self._folder, self._prefix, self._projected = run, folder, prefix, projected
        self._whole: dict[str, str] = {}
        self._live: dict[int, _Place] = {}

    def put_new(self) -> Uploaded:
        """Put what is durable here and not there; safe to call while the log is written, after a kill, and by several processes.

        Raises:
            Conflict: another history of this log is there; nothing was overwritten.
            LogError: the log cannot be read, or the storage refuses.
        """
        for left in reversed(range(LOOKS)):
            try:
                return self._put_new()
            except (
                Conflict
            ):  # another process may have put a piece that ends elsewhere, or sealed the segment, just now
                self._live.clear()
                if not left:
                    raise
        raise AssertionError

    def _put_new(self) -> Uploaded:
        own = segments(self._run, read_manifest(self._run).base)
        done = put_sealed(
            self._run, self._folder, self._prefix, there=self._whole, projections=(EVENTS,) if self._projected else ()
        )
        ended = not done.left
        for segment in own if ended else own[:-1]:
            if segment.path.name not in self._whole:
                self._whole[segment.path.name] = _end_of(segment)
                self._forget(segment)
        if not own or ended:
            return done
        part = self._put_live(own[-1])
        return Uploaded([*done.put, *part], done.there, done.left, done.nbytes)

    def _put_live(self, segment: Segment) -> list[str]:
        """Put the whole commits of a segment that are not there yet, as one piece."""
        place = self._live.get(segment.first) or self._found(segment)
        sync(segment.path)  # what is there must not be lost here when the power goes
        reached = place
        try:
            for block in blocks(segment, place.hash or None, place.at, place.seq):
                reached = _Place(block.end, block.commit.seq + block.commit.n, block.commit.hash)
        except Torn:
            pass  # being written
        put = []
        if reached.at > place.at:
            with segment.path.open("rb") as file:
                file.seek(place.at)
                data = file.read(reached.at - place.at)
            name = f"live/{segment.first:020d}/{place.at:015d}.part"
            self._folder.put(f"{self._prefix}{name}", data, fixed=True)
            put = [name]
        self._live[segment.first] = reached
        return put

    def _found(self, segment: Segment) -> _Place:
        """Return how far a segment is there already, put by a process of before.

        Raises:
            Conflict: what is there is not how this log begins.
        """
        whole = f"{self._prefix}log/{segment.path.name}"
        if any(each.name == whole for each in self._folder.objects(f"{self._prefix}log")):
            raise _other(f"{self._folder.url}/{whole}", self._run, "it is longer than the log here")
        there = _joined(self._folder, _pieces(self._live_of(segment), self._prefix).get(segment.first, []))
        with segment.path.open("rb") as file:
            here = file.read(len(there))
        if here != there:
            why = "it differs from the log here, or is longer"
            raise _other(f"{self._folder.url}/{self._prefix}live/{segment.first:020d}", self._run, why)
        place = _Place(0, segment.first, "")
        try:
            for block in blocks(segment, None):
                if place.at >= len(there):
                    break
                place = _Place(block.end, block.commit.seq + block.commit.n, block.commit.hash)
        except Torn:
            pass
        return place

    def _forget(self, segment: Segment) -> None:
        """Delete the pieces of a segment that is there as one."""
        if pieces := self._live_of(segment):
            self._folder.delete([piece.name for piece in pieces])
        self._live.pop(segment.first, None)

    def _live_of(self, segment: Segment) -> list[StoredObject]:
        return self._folder.objects(f"{self._prefix}live/{segment.first:020d}")


def download(folder: ObjectFolder, prefix: str, run: Path, objects: Collection[StoredObject]) -> Head:
    """Write a log, as far as it is in object storage, into its folder here, and verify it; what is here already is gone on from.

    Args:
        prefix: with which the names of its objects begin.
        objects: those that are there, of this log and others.

    Raises:
        Conflict: the log here is another one, or another history of it; nothing was changed.
        CorruptLog: what came does not verify.
        LogError: there is no such log, the storage refuses, or the folder cannot be written.
    """
    own = [each for each in objects if each.name.startswith(prefix)]
    manifest = folder.read(f"{prefix}run.json")
    if manifest is None:
        raise LogError("no log in object storage", where=f"{folder.url}/{prefix}", why="there is no run.json")
    try:
        (run / "log").mkdir(parents=True, exist_ok=True)
        lock = disk.lock(run)
        try:
            _write(run / "run.json", manifest, folder, prefix, grows=False)
            for first, pieces in sorted(_segments(own, prefix).items()):
                _write(segment_at(run, first).path, _joined(folder, pieces), folder, prefix, grows=True)
            end = find_end(run, read_manifest(run))
        finally:
            os.close(lock)
    except OSError as error:
        raise disk.unwritable(run, error) from error
    if end.torn:  # each object ends with a whole commit
        raise damaged(f"{folder.url}/{prefix}", "what is there ends within a commit")
    return verify(run)


def _write(path: Path, data: bytes, folder: ObjectFolder, prefix: str, *, grows: bool) -> None:
    """Write a file that is not here, or make it longer; one that is longer already stays.

    Args:
        grows: the file may hold the beginning of what is there, or the reverse.
    """
    here = path.read_bytes() if path.exists() else None
    if here is not None and (here == data or (grows and here.startswith(data))):
        return
    if here is not None and not (grows and data.startswith(here)):
        where = f"{folder.url}/{prefix}{path.name}"
        raise _other(
            where, path.parent if path.name == "run.json" else path.parent.parent, "it and the file here differ"
        )
    disk.write_durably(path, data)


def _segments(objects: Collection[StoredObject], prefix: str) -> dict[int, list[StoredObject]]:
    """Return the objects that each segment consists of: one, or its pieces in order."""
    whole = {int(match[1]): [each] for each in objects if (match := _WHOLE.fullmatch(each.name.removeprefix(prefix)))}
    live = [
        each
        for each in objects
        if (match := _PART.fullmatch(each.name.removeprefix(prefix))) and int(match[1]) not in whole
    ]
    return _pieces(live, prefix) | whole


def _pieces(objects: Collection[StoredObject], prefix: str) -> dict[int, list[StoredObject]]:
    """Return the pieces of each segment, in order.

    Raises:
        CorruptLog: one does not begin where the one before it ends.
    """
    found: dict[int, list[StoredObject]] = {}
    ends: dict[int, int] = {}
    for each in sorted(objects):
        if not (match := _PART.fullmatch(each.name.removeprefix(prefix))):
            continue
        first, at = int(match[1]), int(match[2])
        if at != ends.get(first, 0):
            raise damaged(each.name, f"the piece before it ends at byte {ends.get(first, 0):,}")
        found.setdefault(first, []).append(each)
        ends[first] = at + each.nbytes
    return found


def _joined(folder: ObjectFolder, pieces: Sequence[StoredObject]) -> bytes:
    data = []
    for piece in pieces:
        if (read := folder.read(piece.name)) is None:
            raise LogError(
                "the log changed while it was read",
                where=f"{folder.url}/{piece.name}",
                fix="Run the same command again.",
            )
        data.append(read)
    return b"".join(data)


def _end_of(segment: Segment) -> str:
    reached = ""
    for block in blocks(segment, None):
        reached = block.commit.hash
    return reached


def _other(where: str, run: Path, why: str) -> Conflict:
    return Conflict(
        "object storage holds another history of this log",
        where=where,
        why=f"{why}: {run}",
        fix="Nothing was overwritten. Go on with the one that is there (moloch study fetch, into another folder), or give another URL.",
    )
