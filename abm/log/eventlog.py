"""A run's log: one writer appends commits, any number of readers follow the verified prefix.

An append returns after ``fdatasync``. A write or sync that fails poisons the writer: what was acknowledged is
safe, what was not is set aside when the run is opened again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

import msgspec

from abm.content import canonical
from abm.errors import Conflict, CorruptLog, InputError, Locked, LogError
from abm.events import Event, Recovered
from abm.log.codec import Torn, decode, encode
from abm.log.segments import Block, Segment, blocks, read_config, segment_name, segments

if TYPE_CHECKING:
    import polars as pl

SEAL_EVENTS = 1_000_000
SEAL_BYTES = 64 * 2**20
"""A segment is sealed at either bound."""

_OURS = {"run.json", "run.json.new", "LOCK", "log", "quarantine", "adapters"}
AnyKind = TypeVar("AnyKind", bound=Event)


class Head(NamedTuple):
    """Where a log ends: the next event's ``seq``, and the hash of the chain so far (64 hex characters)."""

    seq: int
    hash: str


def create(run: Path | str, config: dict[str, Any]) -> EventLog:
    """Begin a run in a new or empty folder and return its log, open for writing.

    Raises:
        InputError: the folder holds something else.
        LogError: it cannot be written.
    """
    run = Path(run)
    try:
        run.mkdir(parents=True, exist_ok=True)
        strangers = sorted({entry.name for entry in run.iterdir()} - _OURS)
        if strangers or (run / "run.json").exists():
            why = f"it holds {strangers[0]}" if strangers else "it holds a run"
            raise InputError("the folder cannot take a new run", where=str(run), why=why, mend="Choose one that is new or empty.")
        (run / "log").mkdir(exist_ok=True)
        _write_durably(run / "run.json", canonical({"format": 1, "config": config}) + b"\n")
    except OSError as error:
        raise LogError("cannot begin the run", where=str(run), why=error.strerror or str(error)) from error
    return open_log(run, write=True)


def open_log(run: Path | str, *, write: bool) -> EventLog:
    """Open a run's log.

    Opening for writing takes the lock and recovers: an incomplete last commit, which nobody was told about, moves to
    ``quarantine/`` and a :class:`~abm.events.Recovered` event is appended. Anything else wrong is refused.

    Raises:
        LogError: no run, or it cannot be read.
        Locked: another process writes it.
        CorruptLog: damaged; nothing was changed.
    """
    run = Path(run)
    config, genesis = read_config(run)
    if not write:
        return EventLog(run, config, genesis, None)
    lock = _lock(run)
    try:
        return EventLog(run, config, genesis, lock)
    except BaseException:
        os.close(lock)
        raise


def read_events(run: Path | str) -> Iterator[Event]:
    """Yield a run's events in order, verified, without a lock; see :meth:`EventLog.read`."""
    return open_log(run, write=False).read()


def verify(run: Path | str) -> Head:
    """Check the whole chain of a run, from ``run.json`` to the last commit, and return its head.

    Raises:
        CorruptLog: bytes that contradict the chain.
    """
    log = open_log(run, write=False)
    head = Head(0, log.genesis)
    for block in log.blocks():
        head = Head(block.commit.seq + block.commit.n, block.commit.hash)
    return head


class EventLog:
    """A run's log; make one with :func:`create` or :func:`open_log`."""

    def __init__(self, run: Path, config: dict[str, Any], genesis: str, lock: int | None) -> None:
        self.path, self.config, self.genesis = run, config, genesis
        self._lock, self._pid = lock, os.getpid()
        self._file = -1
        self._poison: OSError | None = None
        if lock is not None:
            self._open_for_writing()

    # -- reading -------------------------------------------------------------------------------------------

    def head(self) -> Head:
        """Return where the log ends; for a reader, the end of what is verified now."""
        return self._head if self._lock is not None else verify(self.path)

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Event]:
        """Yield the events ``start <= seq < stop``; each commit is verified before its events are yielded.

        Segments that end before ``start`` are not touched.

        Raises:
            CorruptLog: bytes that contradict the chain.
            LogError: an event of a newer version.
        """
        for block in self.blocks(start):
            if stop is not None and block.commit.seq >= stop:
                return
            for event in decode(block.lines, str(self.path)):
                if start <= event.seq and (stop is None or event.seq < stop):
                    yield event

    def blocks(self, start: int = 0) -> Iterator[Block]:
        """Yield verified commits, from the segment that holds event ``start``; an incomplete last one ends them."""
        found = segments(self.path)
        if found and found[0].first != 0:
            raise CorruptLog("the log is damaged", where=str(self.path), why="its first segment is missing")
        skipped = sum(after.first <= start for _, after in pairwise(found))
        prev, seq = (self.genesis, 0) if skipped == 0 else (None, found[skipped].first)
        for segment in found[skipped:]:
            try:
                for block in blocks(segment, prev, seq):
                    prev, seq = block.commit.hash, block.commit.seq + block.commit.n
                    yield block
            except Torn:
                if segment != found[-1]:
                    raise CorruptLog("the log is damaged", where=str(segment.path), why="a sealed segment is incomplete") from None
            if segment.first > seq or (segment is not found[-1] and found[found.index(segment) + 1].first != seq):
                raise CorruptLog("the log is damaged", where=str(segment.path), why=f"the next segment does not begin with event {seq}")

    def frame(self, kind: type[AnyKind]) -> pl.DataFrame:
        """Return all events of one type as a Polars frame, one column per field."""
        import polars as pl

        events = [event for event in self.read() if isinstance(event, kind)]
        return pl.DataFrame({name: [getattr(event, name) for event in events] for name in kind.__struct_fields__})

    # -- writing -------------------------------------------------------------------------------------------

    def append(self, events: Sequence[Event], expected_head: int | None = None) -> Head:
        """Append ``events`` as one commit and return the new head once it is durable.

        Each event gets its ``seq`` and the time. Nothing of the commit is in the log unless all of it is.

        Raises:
            Conflict: the log's next ``seq`` is not ``expected_head``, or its file changed under the writer.
            LogError: not open for writing, or a write failed now or before (see the module).
        """
        self._check_writable()
        if expected_head is not None and expected_head != self._head.seq:
            raise Conflict("the log moved on", where=str(self.path), why=f"event {self._head.seq} is next, not {expected_head}")
        if not events:
            return self._head
        now = round(time.time(), 3)
        first = self._head.seq
        stamped = [msgspec.structs.replace(event, seq=first + i, at=now) for i, event in enumerate(events)]
        data, commit = encode(stamped, self._head.hash)
        try:
            self._roll()
            if os.fstat(self._file).st_size != self._size:
                raise Conflict("another process wrote this log", where=str(self.path), mend="Stop it, then run the command again.")
            _write_all(self._file, data)
            os.fdatasync(self._file)
        except OSError as error:
            self._poison = error
            raise self._failed(error) from error
        self._size += len(data)
        self._head = Head(commit.seq + commit.n, commit.hash)
        return self._head

    def close(self) -> None:
        """Release the file and the lock; closing twice does nothing."""
        for descriptor in (self._file, self._lock):
            if descriptor is not None and descriptor >= 0:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        self._file, self._lock = -1, None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _check_writable(self) -> None:
        if self._poison is not None:
            raise self._failed(self._poison)
        if self._lock is None or self._pid != os.getpid():
            raise LogError("the log is not open for writing in this process", where=str(self.path))

    def _failed(self, error: OSError) -> LogError:
        return LogError(
            "cannot write the log", where=str(self.path), why=error.strerror or str(error),
            mend="Everything acknowledged is safe. Make room, then run the same command again.",
        )

    def _open_for_writing(self) -> None:
        prev: str | None = None
        found = segments(self.path)
        # An empty last segment (made just before a crash) says nothing; its predecessor knows the head.
        live = [segment for segment in found if segment.path.stat().st_size > 0][-1:]
        self._head = Head(0, self.genesis)
        if live:
            prev, seq = (self.genesis, 0) if live[0].first == 0 else (None, live[0].first)
            self._recover_from(live[0], prev, seq)
        else:
            self._open_segment(Segment(self.path / "log" / segment_name(0), 0))

    def _recover_from(self, segment: Segment, prev: str | None, seq: int) -> None:
        end, torn = 0, False
        try:
            for block in blocks(segment, prev, seq):
                end = block.end
                self._head = Head(block.commit.seq + block.commit.n, block.commit.hash)
        except Torn:
            torn = True
            if end == 0 and segment.first > 0:
                self._head = verify(self.path)
        self._open_segment(segment)
        if torn:
            self._set_aside(segment, end)

    def _open_segment(self, segment: Segment) -> None:
        try:
            new = not segment.path.exists()
            if self._file >= 0:
                os.close(self._file)
            self._file = os.open(segment.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            if new:
                _sync_folder(segment.path.parent)
            self._size = os.fstat(self._file).st_size
            self._first = segment.first
        except OSError as error:
            raise self._failed(error) from error

    def _set_aside(self, segment: Segment, end: int) -> None:
        """Move the incomplete commit at the end of ``segment`` to ``quarantine/``."""
        try:
            tail = segment.path.read_bytes()[end:]
            aside = self.path / "quarantine" / f"{segment.path.name}-{end}.bin"
            aside.parent.mkdir(exist_ok=True)
            _write_durably(aside, tail)
            os.ftruncate(self._file, end)
            os.fsync(self._file)
        except OSError as error:
            raise self._failed(error) from error
        self._size = end
        self.append([Recovered(quarantined=aside.name, nbytes=len(tail))])

    def _roll(self) -> None:
        if self._size >= SEAL_BYTES or self._head.seq - self._first >= SEAL_EVENTS:
            self._open_segment(Segment(self.path / "log" / segment_name(self._head.seq), self._head.seq))


def _lock(run: Path) -> int:
    try:
        descriptor = os.open(run / "LOCK", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise LogError("cannot lock the run", where=str(run), why=error.strerror or str(error)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise Locked("another process is writing this run", where=str(run), why=f"process {holder} holds its lock", mend="Wait for it or stop it.") from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _write_durably(path: Path, data: bytes) -> None:
    """Write a small file so that it is there whole, or not at all, after a crash."""
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        _write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    new.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
