"""A run's log: the front door. One writer appends commits, any number of readers follow the verified prefix.

Anyone who can rewrite every byte can also recompute the chain: print the head's hash where it cannot be rewritten.
"""

from __future__ import annotations

import errno
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from abm.events import Event, RunEnded
from abm.log import disk
from abm.log.commit_files import FOLDER, CommitFiles
from abm.log.projection import Projector
from abm.log.recovery import Head, check_not_lost, find_end, head_after
from abm.log.segments import FORMAT, Block, Fork, Manifest, read_manifest, walk
from abm.log.tail import Ending, Tail
from abm.log.upcast import changed_since
from abm.log.writer import Writer
from moloch.content import canonical
from moloch.errors import InputError, LogError

if TYPE_CHECKING:
    import polars as pl

_OURS = {
    "run.json", "run.json.new", "LOCK", "log", "quarantine", "adapters", "parquet", "frames", "snap", "inputs", FOLDER,
}  # fmt: skip


_NEVER = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTSUP)
"""Errors of places where nothing can be written, whenever one tries."""


def check_folder(run: Path | str) -> None:
    """See that a run could begin in a folder, before work for it does; nothing is left there.

    Raises:
        InputError: it is a file, below one, or nothing can be written there.
    """
    run = Path(run)
    there = next(folder for folder in (run, *run.parents) if os.path.exists(folder))  # noqa: PTH110 (it never raises)
    if not there.is_dir():
        raise InputError("no folder for a run", where=str(run), why=f"{there} is a file", fix="Choose another --out.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(
            "no folder for a run",
            where=str(run),
            why=f"you may not write in {there}",
            fix="Choose another --out, or check who may.",
        )
    try:  # the superuser is told everywhere that it may
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        if error.errno not in _NEVER:  # a full disk is the log's to report: it may have room later
            return
        why = f"nothing can be written in {there}: {error.strerror or error}"
        raise InputError("no folder for a run", where=str(run), why=why, fix="Choose another --out.") from error


def create(run: Path | str, config: dict[str, Any], *, fork: Fork | None = None, seal_events: int = 0) -> EventLog:
    """Begin a run in a new or empty folder and return its log, open for writing.

    Args:
        config: the settings, JSON-able; the chain starts from their bytes in ``run.json``.
        fork: where in another run it begins; see :func:`abm.log.fork.fork_point`.
        seal_events: as of :func:`open_log`.

    Raises:
        InputError: the folder holds something else.
        Locked: another process begins a run there.
        LogError: it cannot be written.
    """
    run = Path(run)
    check_folder(run)
    try:
        run.mkdir(parents=True, exist_ok=True)
        strangers = sorted({entry.name for entry in run.iterdir()} - _OURS)
    except OSError as error:
        raise disk.unwritable(run, error) from error
    if strangers:
        raise _taken(run, strangers[0])
    lock = disk.lock(run)
    try:
        if (run / "run.json").exists():
            raise _taken(run, "a run")
        (run / "log").mkdir(exist_ok=True)
        manifest = {"format": FORMAT, "config": config} | ({"fork": fork} if fork is not None else {})
        text = msgspec.json.format(canonical(manifest), indent=2)
        disk.write_durably(run / "run.json", text + b"\n")
        disk.sync_folder(run.parent)
    except BaseException as error:
        os.close(lock)
        if isinstance(error, OSError):
            raise disk.unwritable(run, error) from error
        raise
    return _opened(run, lock, seal_events)


def open_log(run: Path | str, *, write: bool, seal_events: int = 0) -> EventLog:
    """Open a run's log.

    Opening for writing takes the lock and recovers: an incomplete last commit, which was never acknowledged, moves to
    ``quarantine/`` and a :class:`~abm.events.Recovered` event is appended. Anything else wrong is refused. Reading
    takes no lock and changes nothing.

    Args:
        seal_events: events after which a segment is sealed, for a log that many processes, also of several machines, open in turn:
            opening reads the last one. Such a log is no run's, nothing of it is projected, and each commit is a file of its own
            besides (:mod:`abm.log.commit_files`). 0: as of runs.

    Raises:
        LogError: no run, it cannot be read, or a newer version wrote it.
        Locked: another process writes it.
        CorruptLog: damaged, or opened for writing and gone (the folder shows that there were events); nothing was changed.
    """
    run = Path(run)
    manifest = read_manifest(run)
    if not write:
        return EventLog(run, manifest, None)
    check_not_lost(run, manifest)
    return _opened(run, disk.lock(run), seal_events)


def read_events(run: Path | str) -> Iterator[Event]:
    """Yield a run's events in order, verified, without a lock; see :meth:`EventLog.read`."""
    return open_log(run, write=False).read()


def verify(run: Path | str, *, progress: Callable[[Block], None] = lambda block: None) -> Head:
    """Check the whole chain of a run, from ``run.json`` to the last complete commit, and return its head.

    Checks bytes, not meanings: checksums, hashes, counts and the places of commits and segments, no matter which version
    wrote the events; for a fork, those of the run that it comes from too.

    Args:
        progress: called with each commit that was verified.

    Raises:
        CorruptLog: bytes that contradict the chain.
        LogError: no run, or it cannot be read.
    """
    run = Path(run)
    manifest = read_manifest(run)
    head = Head(manifest.base, manifest.genesis)
    for block in walk(run, manifest.genesis):
        block.check_count()
        if block.commit.seq >= manifest.base:  # a fork without events of its own ends where its own chain begins
            head = head_after(block)
        progress(block)
    return head


class EventLog:
    """A run's log; make one with :func:`create` or :func:`open_log`.

    Attributes:
        path: the run's folder.
        config: the settings in ``run.json``.
        fork: where the run was forked from, if it was.
    """

    def __init__(self, run: Path, manifest: Manifest, lock: int | None, seal_events: int = 0) -> None:
        self.path, self.config, self.fork = run, manifest.config, manifest.fork
        self._manifest = manifest
        self._projector = Projector(run)
        self._writer = None
        if lock is not None:
            sealed = (lambda segment: None) if seal_events else self._projector.sealed
            commits = CommitFiles(run) if seal_events else None
            self._writer = Writer(run, manifest, lock, sealed, seal_events, commits)

    def head(self) -> Head:
        """Return where the log ends; a reader looks at the last segment, as it is now (see :func:`verify`).

        Raises:
            CorruptLog: the last segment is damaged.
        """
        return self._writer.head if self._writer is not None else find_end(self.path, self._manifest).head

    def ended(self) -> RunEnded | None:
        """Return the event that ended the run; None if the run has not ended. Reads the last segment.

        Raises:
            CorruptLog: the last segment is damaged.
            LogError: an event of a newer version.
        """
        return self.ending().ended

    def ending(self) -> Ending:
        """Return the end of the log as it is now; looking at it again reads only what was appended since."""
        end = find_end(self.path, self._manifest) if self._writer is None else None
        if end is not None and end.block is not None:  # the last segment was read for it, and need not be read again
            return Ending(Tail.after(self.path, self._manifest, end), end.head, end.block.events()[-1])
        head = self.head() if end is None else end.head
        ending = Ending(self.tail(max(0, head.seq - 1)), head)
        ending.look()
        return ending

    def blocks(self, start: int = 0) -> Iterator[Block]:
        """Yield verified commits, from the segment that holds event ``start``; see :func:`abm.log.segments.walk`."""
        return walk(self.path, self._manifest.genesis, start)

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Event]:
        """Yield the events ``start <= seq < stop``; each commit is verified before its events are yielded.

        Segments that end before ``start`` are not touched. A reader's iteration ends where the log ended when it got
        to the last segment; read on from there with ``start``, or :meth:`follow`.

        Raises:
            CorruptLog: bytes that contradict the chain.
            LogError: an event of a newer version.
        """
        if stop is not None and stop <= start:
            return
        for block in walk(self.path, self._manifest.genesis, start, stop):
            first, after = block.commit.seq, block.commit.seq + block.commit.n
            if after <= start:
                continue
            events = block.events()
            if first >= start and (stop is None or after <= stop):
                yield from events
            else:
                yield from events[max(start - first, 0) : None if stop is None else stop - first]

    def written(self) -> Iterator[tuple[Event, bytes | None]]:
        """Yield all events, and beside each the line as it was written, if that was in an older schema."""
        for block in self.blocks():
            events = block.events()
            if changed_since(block.commit.v):
                yield from zip(events, block.lines.splitlines(), strict=True)
            else:
                yield from ((event, None) for event in events)

    def follow(
        self, start: int = 0, *, poll: float = 0.05, stop: Callable[[], bool] = lambda: False
    ) -> Iterator[Event]:
        """Yield the events from ``start`` on, and continue as a writer appends, until the run has ended.

        Takes no lock, reads no byte twice.

        Args:
            poll: seconds between looks at the file.
            stop: asked whenever everything was read; ends the iteration.

        Raises:
            CorruptLog: bytes that contradict the chain.
            LogError: an event of a newer version.
        """
        tail = self.tail(max(0, min(start, self.head().seq) - 1) if start else 0)
        last: Event | None = None
        while True:
            done = stop()  # asked before the last look, so that nothing of before is missed
            for block in tail.new():
                events = block.events()
                last = events[-1]
                yield from events[max(start - block.commit.seq, 0) :]
            if done or isinstance(last, RunEnded):
                return
            time.sleep(poll)

    def tail(self, start: int = 0) -> Tail:
        """Return a place in the log, from the commit that holds event ``start``, for who looks at it by himself.

        >>> for block in log.tail().new(): print(block.commit.seq, len(block.events({Reacted})))  # doctest: +SKIP
        """
        return Tail(self.path, self._manifest, start)

    def scan(self) -> pl.LazyFrame:
        """Return all events as one lazy Polars frame: Parquet of sealed segments, and the live end of the log.

        See :func:`abm.log.projection.scan` for its columns.

        >>> log.scan().filter(pl.col("type") == "reacted").group_by("contest").len()  # doctest: +SKIP
        """
        from abm.log.projection import scan

        return scan(self.path)

    def frame(self, kind: str | type[Event]) -> pl.DataFrame:
        """Return all events of one type as a Polars frame with typed columns; see :func:`abm.log.frames.frame`.

        >>> log.frame("reacted").group_by("contest").len()  # doctest: +SKIP
        """
        from abm.log.frames import frame

        return frame(self.blocks(), kind)

    def append(self, events: Sequence[Event], expected_head: int | None = None, *, key: str = "") -> Head:
        """Append ``events`` as one whole and return the head once they are durable; see :meth:`submit`."""
        return self._writing().submit(events, expected_head, key=key, urgent=True).result()

    def submit(self, events: Sequence[Event], expected_head: int | None = None, *, key: str = "") -> Future[Head]:
        """Give ``events`` to the writer's thread; the future resolves to the head after them, once they are durable.

        Each event gets its ``seq`` and the time. Nothing of a submission is in the log unless all of it is; several may
        share a commit. Submissions are committed in the order in which they were given, those still on their way when
        the log is closed too.

        Args:
            expected_head: the ``seq`` that the first event must get.
            key: names this submission. If one of the last 1,024 keys in the log is the same, nothing is appended and the
                head is returned as it is then: a caller that does not know whether it was heard asks again.

        Raises:
            Conflict (from the future): the log's next ``seq`` is not ``expected_head``, its file changed under the
                writer, or the key was used for other events.
            LogError: not open for writing here, or a write failed, now or before; see :mod:`abm.log.writer`.
        """
        return self._writing().submit(events, expected_head, key=key)

    def rest(self) -> None:
        """Let other processes write until :meth:`resume`; call it when nothing that was submitted is under way."""
        self._writing().rest()

    def resume(self) -> bool:
        """Go on after :meth:`rest`, reading only what others wrote meanwhile; return False where it must be opened again: close it.

        Raises:
            Locked: another process writes now.
        """
        return self._writing().resume()

    def _writing(self) -> Writer:
        if self._writer is None:
            raise LogError("the log is open for reading only", where=str(self.path), fix="Open it with write=True.")
        return self._writer

    def close(self) -> None:
        """Commit what was submitted, then release the file and the lock; closing twice does nothing."""
        if self._writer is not None:
            self._writer.close()
            self._projector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _opened(run: Path, lock: int, seal_events: int) -> EventLog:
    """Return the log of a run whose lock we hold; the lock is released if it cannot be opened."""
    try:
        manifest = read_manifest(run)
    except BaseException:
        os.close(lock)
        raise
    return EventLog(run, manifest, lock, seal_events)


def _taken(run: Path, by: str) -> InputError:
    return InputError(
        "the folder cannot take a new run",
        where=str(run),
        why=f"it holds {by}",
        fix="Choose one that is new or empty.",
    )
