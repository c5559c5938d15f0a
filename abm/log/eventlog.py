"""A run's log: the front door. One writer appends commits, any number of readers follow the verified prefix.

Who can rewrite every byte can also recompute the chain: print the head's hash where it cannot be rewritten.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from abm.content import canonical
from abm.errors import InputError, LogError
from abm.events import Event
from abm.log import disk
from abm.log.codec import decode
from abm.log.segments import FORMAT, read_config, walk
from abm.log.writer import Head, Writer

if TYPE_CHECKING:
    import polars as pl

_OURS = {"run.json", "run.json.new", "LOCK", "log", "quarantine", "adapters"}


def create(run: Path | str, config: dict[str, Any]) -> EventLog:
    """Begin a run in a new or empty folder and return its log, open for writing.

    Args:
        config: the settings, JSON-able; the chain starts from their bytes in ``run.json``.

    Raises:
        InputError: the folder holds something else.
        Locked: another process begins a run there.
        LogError: it cannot be written.
    """
    run = Path(run)
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
        text = msgspec.json.format(canonical({"format": FORMAT, "config": config}), indent=2)
        disk.write_durably(run / "run.json", text + b"\n")
        disk.sync_folder(run.parent)
    except BaseException as error:
        os.close(lock)
        if isinstance(error, OSError):
            raise disk.unwritable(run, error) from error
        raise
    return _opened(run, lock)


def open_log(run: Path | str, *, write: bool) -> EventLog:
    """Open a run's log.

    Opening for writing takes the lock and recovers: an incomplete last commit, which nobody was told about, moves to
    ``quarantine/`` and a :class:`~abm.events.Recovered` event is appended. Anything else wrong is refused. Reading
    takes no lock and changes nothing.

    Raises:
        LogError: no run, it cannot be read, or a newer version wrote it.
        Locked: another process writes it.
        CorruptLog: damaged; nothing was changed.
    """
    run = Path(run)
    config, genesis = read_config(run)
    return _opened(run, disk.lock(run)) if write else EventLog(run, config, genesis, None)


def read_events(run: Path | str) -> Iterator[Event]:
    """Yield a run's events in order, verified, without a lock; see :meth:`EventLog.read`."""
    return open_log(run, write=False).read()


def verify(run: Path | str) -> Head:
    """Check the whole chain of a run, from ``run.json`` to the last complete commit, and return its head.

    Checks bytes, not meanings: checksums, hashes, counts and the places of commits and segments, whatever version
    wrote the events.

    Raises:
        CorruptLog: bytes that contradict the chain.
        LogError: no run, or it cannot be read.
    """
    run = Path(run)
    _, genesis = read_config(run)
    head = Head(0, genesis)
    for block in walk(run, genesis):
        head = Head(block.commit.seq + block.commit.n, block.commit.hash)
    return head


class EventLog:
    """A run's log; make one with :func:`create` or :func:`open_log`.

    Attributes:
        path: the run's folder.
        config: the settings in ``run.json``.
    """

    def __init__(self, run: Path, config: dict[str, Any], genesis: str, writer: Writer | None) -> None:
        self.path, self.config = run, config
        self._genesis, self._writer = genesis, writer

    def head(self) -> Head:
        """Return where the log ends; a reader verifies the whole log for it, as it is now."""
        return self._writer.head if self._writer is not None else verify(self.path)

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Event]:
        """Yield the events ``start <= seq < stop``; each commit is verified before its events are yielded.

        Segments that end before ``start`` are not touched. A reader's iteration ends where the log ended when it got
        to the last segment; read on from there with ``start``.

        Raises:
            CorruptLog: bytes that contradict the chain.
            LogError: an event of a newer version.
        """
        for block in walk(self.path, self._genesis, start):
            first, after = block.commit.seq, block.commit.seq + block.commit.n
            if stop is not None and first >= stop:
                return
            if after <= start:
                continue
            events = decode(block.lines, block.commit, block.where)
            yield from events[max(start - first, 0) : None if stop is None else stop - first]

    def frame(self, kind: str | type[Event]) -> pl.DataFrame:
        """Return all events of one type as a Polars frame with typed columns; see :func:`abm.log.frames.frame`.

        >>> log.frame("reacted").group_by("contest").len()  # doctest: +SKIP
        """
        from abm.log.frames import frame

        return frame(walk(self.path, self._genesis), kind)

    def append(self, events: Sequence[Event], expected_head: int | None = None) -> Head:
        """Append ``events`` as one commit and return the new head once it is durable.

        Each event gets its ``seq`` and the time. Nothing of the commit is in the log unless all of it is.

        Raises:
            Conflict: the log's next ``seq`` is not ``expected_head``, or its file changed under the writer.
            LogError: not open for writing here, or a write failed, now or before; see :mod:`abm.log.writer`.
        """
        if self._writer is None:
            raise LogError("the log is open for reading only", where=str(self.path), mend="Open it with write=True.")
        return self._writer.append(events, expected_head)

    def close(self) -> None:
        """Release the file and the lock; closing twice does nothing."""
        if self._writer is not None:
            self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _opened(run: Path, lock: int) -> EventLog:
    """Return the log of a run whose lock we hold; the lock is released if it cannot be opened."""
    try:
        config, genesis = read_config(run)
    except BaseException:
        os.close(lock)
        raise
    return EventLog(run, config, genesis, Writer(run, genesis, lock))


def _taken(run: Path, by: str) -> InputError:
    return InputError(
        "the folder cannot take a new run",
        where=str(run),
        why=f"it holds {by}",
        mend="Choose one that is new or empty.",
    )
