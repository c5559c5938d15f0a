"""The one writer of a run: recovers the end of the log when opened, then commits in groups, in a separate thread.

What is submitted while a commit is on its way to the disk goes into the next one: a group costs one write and one
``fdatasync``. A future resolves only after that. Any interruption of a write or a sync poisons the writer: what was
acknowledged is safe, what was not is set aside when the run is opened again. A sync is never tried twice: after a
failed one the system may have dropped the bytes and say nothing.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

import msgspec

from abm.events import Event, Recovered
from abm.log import disk
from abm.log.codec import PREAMBLE, Encoder, Torn, check_version, content
from abm.log.commit_files import CommitFiles
from abm.log.recovery import Head, find_end, finish, head_after, newest, set_aside
from abm.log.segments import Manifest, Segment, blocks, segment_at
from moloch.errors import Conflict, LogError

SEAL_EVENTS = 1_000_000
SEAL_BYTES = 32 * 2**20
"""Of event lines. A segment is sealed at either bound: who projects it holds several times its lines in memory."""

LINGER = 0.005
"""Seconds that a submission waits for others to join its commit; none if a caller waits for it."""
GROUP_EVENTS = 4_096
"""A group is committed once it has so many events; one submission is never split."""
QUEUED_EVENTS = 65_536
"""Submitting waits while more than these are queued, so that a fast producer cannot fill the memory."""


class _Submission(NamedTuple):
    events: Sequence[Event]
    expected_head: int | None
    key: str
    urgent: bool
    done: Future[Head]


class Writer:
    """Appends to one run; holds its lock until closed.

    Args:
        run: the run's folder.
        manifest: what ``run.json`` says.
        lock: descriptor of the lock, from :func:`abm.log.disk.lock`; the writer closes it.
        sealed: called, in the writer's thread, with each segment that was sealed.
        seal_events: events after which a segment is sealed; 0: :data:`SEAL_EVENTS`.
        commits: settles which commit comes next, where others write the log who may not see the lock.

    Raises:
        CorruptLog: the end of the log is damaged; nothing was changed.
        LogError: a newer version wrote it, or it cannot be written.
    """

    head: Head
    """Where the log ends, durably."""

    def __init__(
        self,
        run: Path,
        manifest: Manifest,
        lock: int,
        sealed: Callable[[Segment], None] = lambda segment: None,
        seal_events: int = 0,
        commits: CommitFiles | None = None,
    ) -> None:
        self._commits = commits
        self._run, self._lock, self._pid, self._sealed = run, lock, os.getpid(), sealed
        self._seal_events = seal_events
        self._file, self._is_synced = -1, True
        self._encoder = Encoder()
        self._failure: BaseException | None = None
        self._keys: dict[str, str] = {}
        self._changed = threading.Condition()
        self._queue: deque[_Submission] = deque()
        self._queued = self._urgent = 0
        self._busy = False
        """Whether a group is being committed, in the writer's thread or in that of who submitted it."""
        self._closing = self._resting = False
        self._thread: threading.Thread | None = None
        try:
            self._recover(manifest)
        except BaseException:
            self._release()
            raise

    def submit(
        self, events: Sequence[Event], expected_head: int | None = None, *, key: str = "", urgent: bool = False
    ) -> Future[Head]:
        """See :meth:`abm.log.EventLog.submit`; ``urgent``: a caller waits, so do not linger.

        An urgent submission with none ahead of it is committed in this thread: a handover would cost more than the commit.
        """
        submission = _Submission(events, expected_head, key, urgent, Future())
        alone = False
        try:
            with self._changed:
                self._check_usable()
                if urgent and not self._busy and not self._queue:
                    alone = self._busy = True
                else:
                    self._enqueue(submission)
            if alone:
                self._commit_safely([submission])
        finally:  # an interrupt may come at any moment, and close() waits for the busy thread
            if alone:
                self._idle()
        return submission.done

    def _idle(self) -> None:
        with self._changed:
            self._busy = False
            self._changed.notify_all()

    def _enqueue(self, submission: _Submission) -> None:
        while self._queued > QUEUED_EVENTS and self._failure is None:
            self._changed.wait()
        self._check_usable()
        self._queue.append(submission)
        self._queued += len(submission.events)
        self._urgent += submission.urgent
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"log {self._run.name}", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def close(self) -> None:
        """Commit what was submitted, then release the file and the lock; closing twice does nothing."""
        if self._pid == os.getpid():
            with self._changed:
                self._closing = True
                self._changed.notify_all()
                while self._busy:
                    self._changed.wait()
            if self._thread is not None:
                self._thread.join()
        self._release()

    def rest(self) -> None:
        """Let others write until :meth:`resume`; what was submitted must be durable."""
        self._check_usable()
        self._resting = True
        disk.unlock(self._lock)

    def resume(self) -> bool:
        """Go on after :meth:`rest`, behind what others wrote meanwhile; return False where only opening the log again can do that.

        Raises:
            Locked: somebody writes now.
        """
        disk.relock(self._lock, self._run)
        self._resting = False
        try:
            return self._caught_up()
        except (Torn, LogError):  # who opens the log again finishes it, or says what is wrong
            return False

    def _caught_up(self) -> bool:
        stat = os.fstat(self._file)
        if stat.st_nlink == 0 or stat.st_size < self._size:
            return False
        if stat.st_size > self._size:
            self._is_synced = False
            for block in blocks(self._segment, self.head.hash, self._size, self.head.seq):
                check_version(block.commit.v, block.where)
                block.check_count()
                self.head, self._size = head_after(block), block.end
                self._keys, self._lines = newest(self._keys | block.commit.keys), self._lines + block.size
        later = segment_at(self._run, self.head.seq)
        return later.path == self._segment.path or not later.path.exists()

    def _release(self) -> None:
        self._encoder.close()
        if (
            self._lock >= 0 and self._pid == os.getpid()
        ):  # closing alone leaves it with processes that were forked from this one
            with contextlib.suppress(OSError):
                disk.unlock(self._lock)
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        self._file = self._lock = -1

    def _check_usable(self) -> None:
        if self._pid != os.getpid():
            raise LogError("the log belongs to the process that opened it", where=str(self._run))
        if self._failure is not None:
            raise self._poisoned()
        if self._lock < 0 or self._closing:
            raise LogError("the log is closed", where=str(self._run))
        if self._resting:
            raise LogError("the log is released, and others may write it", where=str(self._run))

    def _poisoned(self) -> BaseException:
        assert self._failure is not None
        return disk.unwritable(self._segment.path, self._failure)

    # -- the writer's thread -------------------------------------------------------------------------------

    def _work(self) -> None:
        while group := self._gather():
            try:
                self._commit_safely(group)
            finally:
                self._idle()

    def _commit_safely(self, group: list[_Submission]) -> None:
        """Commit a group, or report to all waiting submissions why not; the caller has set ``_busy``."""
        try:
            self._commit(group)
        except Conflict as error:  # found before anything was written
            _refuse(group, error)
        except BaseException as error:  # an interrupt, too, leaves the file in an unknown state
            self._fail(group, error)

    def _gather(self) -> list[_Submission]:
        """Wait for submissions and return the next group; nothing once closed and done."""
        with self._changed:
            while self._busy or not (self._queue or self._closing):
                self._changed.wait()
            until = time.monotonic() + LINGER
            while not (self._urgent or self._closing or self._queued >= GROUP_EVENTS):
                if (left := until - time.monotonic()) <= 0:
                    break
                self._changed.wait(left)
            group, events = [], 0
            while self._queue and (not group or events + len(self._queue[0].events) <= GROUP_EVENTS):
                group.append(self._queue.popleft())
                events += len(group[-1].events)
                self._urgent -= group[-1].urgent
            self._queued -= events
            self._busy = bool(group)
            self._changed.notify_all()
        return group

    def _commit(self, group: list[_Submission]) -> None:
        """Commit the group's events as one frame, then resolve its futures."""
        accepted, keys = self._accepted(group)
        first, now = self.head.seq, round(time.time(), 3)
        one = accepted[0].events if len(accepted) == 1 else None
        events = one if one is not None else [event for submission in accepted for event in submission.events]
        if events:
            stamped = [msgspec.structs.replace(event, seq=seq, at=now) for seq, event in enumerate(events, first)]
            self._append(stamped, keys)
        for submission in accepted:
            submission.done.set_result(self.head)

    def _accepted(self, group: list[_Submission]) -> tuple[list[_Submission], dict[str, str]]:
        """Return what is to be appended (or, with a known key, only acknowledged); refuse the others."""
        accepted: list[_Submission] = []
        keys: dict[str, str] = {}
        head = self.head.seq
        for submission in group:
            if not submission.done.set_running_or_notify_cancel():
                continue  # cancelled before its turn
            earlier = keys.get(submission.key) or self._keys.get(submission.key)
            digest = content(submission.events) if submission.key else ""
            if earlier is not None:
                if earlier == digest:
                    accepted.append(submission._replace(events=()))
                else:
                    submission.done.set_exception(self._other_content(submission.key))
            elif submission.expected_head not in (None, head):
                submission.done.set_exception(self._moved_on(head, submission.expected_head))
            else:
                accepted.append(submission)
                head += len(submission.events)
                if submission.key:
                    keys[submission.key] = digest
        return accepted, keys

    def _append(self, events: list[Event], keys: dict[str, str]) -> None:
        first = self.head.seq
        if self._lines >= SEAL_BYTES or first - self._segment.first >= (self._seal_events or SEAL_EVENTS):
            self._rotate(segment_at(self._run, first))
        kept = newest({**self._keys, **keys})
        begins = self._size <= len(PREAMBLE)  # a segment's first commit carries the keys on: opening reads no other
        data, commit = self._encoder.encode(events, self.head.hash, kept if begins else keys)
        self._write(data if self._size else PREAMBLE + data)
        self._lines += self._encoder.size
        self._keys = kept
        self.head = Head(commit.seq + commit.n, commit.hash)

    def _write(self, data: bytes) -> None:
        stat = os.fstat(self._file)
        if stat.st_size != self._size or stat.st_nlink == 0:
            why = "its file was deleted" if stat.st_nlink == 0 else "its file has another size than this process left"
            raise Conflict(
                "another process changed the log",
                where=str(self._segment.path),
                why=why,
                fix="End that process, then run the command again.",
            )
        if self._commits is None:
            disk.write_all(self._file, data)
        elif self._commits.make(self.head.seq, data):
            disk.write_at(self._file, data, self._size)
        else:
            raise Conflict("another process wrote the log", where=str(self._run), why=f"event {self.head.seq} is there")
        disk.sync_data(self._file)
        self._size, self._is_synced = self._size + len(data), True

    def _rotate(self, segment: Segment) -> None:
        sealed = self._segment
        if not self._is_synced:  # by a process that was killed before it had done so
            disk.sync_data(self._file)
        self._open(segment)
        disk.seal(sealed.path)
        self._sealed(sealed)

    def _open(self, segment: Segment) -> None:
        """Make ``segment`` the one that is appended to."""
        file = (disk.open_appending if self._commits is None else disk.open_placing)(segment.path)
        if self._file >= 0:
            os.close(self._file)
        self._file, self._segment, self._size, self._lines = file, segment, os.fstat(file).st_size, 0

    def _fail(self, group: list[_Submission], error: BaseException) -> None:
        """Refuse what is on its way, and everything after it."""
        with self._changed:
            self._failure = error
            waiting, self._queue = [*group, *self._queue], deque()
            self._changed.notify_all()
        failure = disk.unwritable(self._segment.path, error) if isinstance(error, OSError) else error
        _refuse(waiting, failure)

    def _other_content(self, key: str) -> Conflict:
        return Conflict(
            "the key was used for other events",
            where=str(self._run),
            why=f"something else was appended under the key {key!r}",
            fix="Retry with the same events, or append under another key.",
        )

    def _moved_on(self, head: int, expected: int | None) -> Conflict:
        return Conflict("the log has grown since", where=str(self._run), why=f"event {head} is next, not {expected}")

    # -- opening -------------------------------------------------------------------------------------------

    def _recover(self, manifest: Manifest) -> None:
        """Find the head in the last segment, and set an incomplete commit at its end aside."""
        end = find_end(self._run, manifest)
        try:
            end.segment.path.parent.mkdir(exist_ok=True)
            if self._commits is not None:
                end = finish(self._run, manifest, self._commits, end)
            self.head, self._keys = end.head, end.keys
            if end.before is not None:
                disk.seal(end.before.path)  # a crash may have come between sealing and going on
            self._open(end.segment)
            self._lines = end.size
            if self._size:
                disk.sync_data(self._file)  # a killed writer may have left a commit that only the system holds
            disk.sync_folder(self._run)
            disk.sync_folder(self._run.parent)
            if end.torn:
                name, size = set_aside(self._run, end.segment.path, end.at)
                disk.truncate(self._file, end.at)
                self._size = end.at
                self._append(
                    [Recovered(seq=self.head.seq, at=round(time.time(), 3), quarantined=name, nbytes=size)], {}
                )
        except OSError as error:
            raise disk.unwritable(end.segment.path, error) from error


def _refuse(group: Sequence[_Submission], error: BaseException) -> None:
    for submission in group:
        if not submission.done.done():
            submission.done.set_exception(error)
