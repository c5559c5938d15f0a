"""The one writer of a run: recovers the end of the log when opened, then appends durable commits.

An append returns after ``fdatasync``. Whatever interrupts a write or a sync poisons the writer: what was acknowledged
is safe, what was not is set aside when the run is opened again. A sync is never tried twice: after a failed one the
system may have dropped the bytes and say nothing.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from abm.errors import Conflict, LogError
from abm.events import Event, Recovered
from abm.log import disk
from abm.log.codec import PREAMBLE, Torn, check_version, encode
from abm.log.segments import Segment, blocks, damaged, segment_at, segments

SEAL_EVENTS = 1_000_000
SEAL_BYTES = 64 * 2**20
"""A segment is sealed at either bound."""


class Head(NamedTuple):
    """Where a log ends: the next event's ``seq``, and the hash of the chain so far (64 hex characters)."""

    seq: int
    hash: str


class Writer:
    """Appends to one run; holds its lock until closed.

    Args:
        run: the run's folder.
        genesis: the hash from which the chain starts.
        lock: descriptor of the lock, from :func:`abm.log.disk.lock`; the writer closes it.

    Raises:
        CorruptLog: the end of the log is damaged; nothing was changed.
        LogError: a newer version wrote it, or it cannot be written.
    """

    head: Head

    def __init__(self, run: Path, genesis: str, lock: int) -> None:
        self._run, self._lock, self._pid = run, lock, os.getpid()
        self._file = -1
        self._failure: BaseException | None = None
        try:
            self._recover(genesis)
        except BaseException:
            self.close()
            raise

    def append(self, events: Sequence[Event], expected_head: int | None = None) -> Head:
        """See :meth:`abm.log.EventLog.append`."""
        self._check_usable()
        if expected_head is not None and expected_head != self.head.seq:
            raise Conflict(
                "the log moved on", where=str(self._run), why=f"event {self.head.seq} is next, not {expected_head}"
            )
        if not events:
            return self.head
        now, first = round(time.time(), 3), self.head.seq
        stamped = [msgspec.structs.replace(event, seq=seq, at=now) for seq, event in enumerate(events, first)]
        data, commit = encode(stamped, self.head.hash)
        try:
            if self._size >= SEAL_BYTES or first - self._segment.first >= SEAL_EVENTS:
                self._open(segment_at(self._run, first))
            self._write(data if self._size else PREAMBLE + data)
        except Conflict:
            raise
        except BaseException as error:  # an interrupt, too, leaves the file in an unknown state
            self._failure = error
            if isinstance(error, OSError):
                raise disk.unwritable(self._segment.path, error) from error
            raise
        self.head = Head(commit.seq + commit.n, commit.hash)
        return self.head

    def close(self) -> None:
        """Release the file and the lock; closing twice does nothing."""
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        self._file = self._lock = -1

    def _check_usable(self) -> None:
        if self._failure is not None:
            raise disk.unwritable(self._segment.path, self._failure)
        if self._lock < 0:
            raise LogError("the log is closed", where=str(self._run))
        if self._pid != os.getpid():
            raise LogError("the log belongs to the process that opened it", where=str(self._run))

    def _write(self, data: bytes) -> None:
        found = os.fstat(self._file)
        if found.st_size != self._size or found.st_nlink == 0:
            why = "its file was deleted" if found.st_nlink == 0 else "its file has another size than this process left"
            raise Conflict(
                "another process changed the log",
                where=str(self._segment.path),
                why=why,
                mend="End that process, then run the command again.",
            )
        disk.write_all(self._file, data)
        disk.sync_data(self._file)
        self._size += len(data)

    def _open(self, segment: Segment) -> None:
        """Make ``segment`` the one that is appended to."""
        file = disk.open_appending(segment.path)
        if self._file >= 0:
            os.close(self._file)
        self._file, self._segment, self._size = file, segment, os.fstat(file).st_size

    def _recover(self, genesis: str) -> None:
        """Find the head in the last segment, and set an incomplete commit at its end aside."""
        found = segments(self._run)
        last = found[-1] if found else segment_at(self._run, 0)
        self.head, end, torn = Head(0, genesis), 0, False
        if found:
            head, end, torn = _scan(last, genesis)
            if head is None and last.first > 0:  # made just before a crash: the one before it knows the head
                head, _, broken = _scan(found[-2], genesis)
                if head is None or broken or head.seq != last.first:
                    raise damaged(str(found[-2].path), f"it does not lead to event {last.first}, where the next begins")
            self.head = head or self.head
            if len(found) > 1:
                _check_start(found[0], genesis)
        try:
            last.path.parent.mkdir(exist_ok=True)
            self._open(last)
            if torn:
                self._set_aside(end)
        except OSError as error:
            raise disk.unwritable(last.path, error) from error

    def _set_aside(self, end: int) -> None:
        """Move the bytes after ``end``, an incomplete commit, to ``quarantine/``, and log that."""
        tail = self._segment.path.read_bytes()[end:]
        folder = self._run / "quarantine"
        folder.mkdir(exist_ok=True)
        disk.sync_folder(self._run)
        aside = folder / f"{self._segment.path.name}-{end}.bin"
        again = 0
        while aside.exists() and aside.read_bytes() != tail:  # an earlier recovery was itself cut short
            again += 1
            aside = folder / f"{self._segment.path.name}-{end}-{again}.bin"
        disk.write_durably(aside, tail)
        disk.truncate(self._file, end)
        self._size = end
        self.append([Recovered(quarantined=aside.name, nbytes=len(tail))])


def _scan(segment: Segment, genesis: str) -> tuple[Head | None, int, bool]:
    """Return where a segment's verified commits lead (None: it has none), the byte after them, and if more follows."""
    head, end = None, 0
    try:
        for block in blocks(segment, genesis if segment.first == 0 else None):
            check_version(block.commit.v, block.where)
            head, end = Head(block.commit.seq + block.commit.n, block.commit.hash), block.end
    except Torn:
        return head, end, True
    return head, end, False


def _check_start(first: Segment, genesis: str) -> None:
    """Check that the first commit goes on from ``run.json``, without reading the segments between."""
    next(blocks(first, genesis), None)
