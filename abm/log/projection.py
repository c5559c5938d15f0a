"""Sealed segments as Parquet: made in the background, disposable, and one lazy frame over them and the live log.

A projection says in its metadata which events it holds and the chain's hash after them. One that the log does not
confirm, that cannot be read, or that another version made, is made again; deleting ``parquet/`` loses nothing.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from abm.content import content_id
from abm.errors import LogError
from abm.events import SCHEMA_VERSION
from abm.log import disk
from abm.log.ahead import ahead
from abm.log.codec import HEADER_SIZE, PREAMBLE, Torn, read_header, split
from abm.log.frames import chunks, wide, wide_columns
from abm.log.segments import Segment, blocks, damaged, parent_of, read_manifest, segments, unreadable, walk

if TYPE_CHECKING:
    import polars as pl

VERSION = 1
"""Of how events are laid out in a projection; their columns count too."""

_KEY = "moloch"  # of the Parquet file's metadata


class Projected(msgspec.Struct, frozen=True):
    """What a projection says about itself: events ``first <= seq < end``, and the chain's hash after them."""

    version: str
    first: int
    end: int
    hash: str


@cache
def version() -> str:
    """Return the id of today's layout: it differs where the same events would give another file."""
    return content_id([VERSION, SCHEMA_VERSION, {name: str(dtype) for name, dtype in wide_columns().items()}])


def path_of(run: Path, segment: Segment) -> Path:
    """Return where the projection of a segment is, or will be."""
    return run / "parquet" / f"{segment.first:020d}.parquet"


def project(run: Path, segment: Segment) -> Projected:
    """Write the projection of a whole segment, so that it is there complete or not at all; verifies the segment.

    Raises:
        CorruptLog: the segment is damaged, or ends within a commit.
        LogError: a newer version wrote it.
        OSError: the projection cannot be written.
    """
    frame, said = _read(segment)
    path = path_of(run, segment)
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.new")  # readers may make it too
    try:
        frame.write_parquet(
            new, compression="zstd", compression_level=1, metadata={_KEY: msgspec.json.encode(said).decode()}
        )
        file = os.open(new, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    disk.sync_folder(path.parent)
    return said


def _read(segment: Segment) -> tuple[pl.DataFrame, Projected]:
    """Return a whole segment's events, and what a projection of them says."""
    import polars as pl

    frames, end, reached = [], segment.first, ""
    try:
        for held in chunks(ahead(blocks(segment, None))):
            frames.append(wide(held))
            end, reached = held[-1].commit.seq + held[-1].commit.n, held[-1].commit.hash
    except Torn:
        raise damaged(str(segment.path), "it ends within a commit, and is not the last segment") from None
    frame = pl.concat(frames, how="diagonal", rechunk=False) if frames else pl.DataFrame(schema={"seq": pl.Int64})
    ordered = [name for name in wide_columns() if name in frame.columns]
    return frame.select(ordered), Projected(version(), segment.first, end, reached)


def read_metadata(path: Path) -> Projected | None:
    """Return what a projection says about itself; None if there is none, or it cannot be read."""
    import polars as pl

    try:
        return msgspec.json.decode(pl.read_parquet_metadata(path)[_KEY], type=Projected)
    except (OSError, KeyError, msgspec.MsgspecError, pl.exceptions.PolarsError):
        return None


def is_current(run: Path, segment: Segment, after: Segment) -> bool:
    """Tell whether the projection of ``segment`` is there and what the log confirms: ``after`` goes on from its hash."""
    said = read_metadata(path_of(run, segment))
    if said is None or (said.version, said.first, said.end) != (version(), segment.first, after.first):
        return False
    return said.hash == (_prev_of(after) or _end_of(segment))


def _prev_of(segment: Segment) -> str:
    """Return the hash from which a segment's first commit goes on, reading no more than that; empty if it has none."""
    try:
        with segment.path.open("rb") as file:
            file.seek(len(PREAMBLE))
            header = read_header(file.read(HEADER_SIZE))
            body = file.read(header.size)
    except Torn:
        return ""
    except OSError as error:
        raise unreadable(segment.path, error) from error
    except ValueError as error:
        raise damaged(f"{segment.path}, byte {len(PREAMBLE)}", str(error)) from error
    if len(body) < header.size:
        return ""
    try:
        return split(header, body)[1].prev
    except ValueError as error:
        raise damaged(f"{segment.path}, byte {len(PREAMBLE)}", str(error)) from error


def _end_of(segment: Segment) -> str:
    reached = ""
    for block in blocks(segment, None):
        reached = block.commit.hash
    return reached


def rebuild(
    run: Path | str, *, anew: bool = False, progress: Callable[[int, int], None] = lambda done, total: None
) -> list[Segment]:
    """Make the projections of a run's own sealed segments that are missing or not confirmed; return which were made.

    Args:
        anew: make all of them again.
        progress: called with the number of segments done, and of all.

    Raises:
        LogError: no run, the log is damaged, or a projection cannot be written.
    """
    run = Path(run)
    sealed = list(pairwise(segments(run, read_manifest(run).base)))
    made = []
    progress(0, len(sealed))
    for done, (segment, after) in enumerate(sealed, 1):
        if anew or not is_current(run, segment, after):
            try:
                project(run, segment)
            except OSError as error:
                raise LogError(
                    "cannot write a projection",
                    where=str(path_of(run, segment)),
                    why=error.strerror or str(error),
                    mend="The log itself is safe. Make room, or check that you may write there, and try again.",
                ) from error
            made.append(segment)
        progress(done, len(sealed))
    return made


class Projector:
    """Projects a run's sealed segments in a thread of its own; whatever goes wrong there never reaches the writer.

    Attributes:
        failures: segments that could not be projected, and why; they are made when somebody scans.
    """

    def __init__(self, run: Path) -> None:
        self._run = run
        self._queue: SimpleQueue[Segment | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._dropped = False
        self.failures: list[tuple[Segment, Exception]] = []

    def sealed(self, segment: Segment) -> None:
        """Have ``segment`` projected soon; returns at once. Called by one thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"projecting {self._run.name}", daemon=True)
            self._thread.start()
        self._queue.put(segment)

    def close(self, wait: bool = True) -> None:
        """End the thread.

        Args:
            wait: first project what was sealed; else only what is being projected now, and leave the rest to a scan.
        """
        self._dropped = not wait
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (segment := self._queue.get()) is not None:
            if self._dropped:
                continue
            try:
                project(self._run, segment)
            except Exception as error:
                self.failures.append((segment, error))


class _Part(NamedTuple):
    """A sealed segment of ``run``, or (no segment) events ``start <= seq < stop`` that are read from the log."""

    run: Path
    start: int
    stop: int | None
    segment: Segment | None = None
    after: Segment | None = None


def _parts(run: Path, stop: int | None = None) -> Iterator[_Part]:
    """Yield what a run consists of, before event ``stop``: a fork's begin with those of the run that it comes from."""
    fork = read_manifest(run).fork
    if fork is not None:
        before = fork.seq if stop is None else min(stop, fork.seq)
        yield from _parts(parent_of(run, fork), before)
        if stop is not None and stop <= fork.seq:
            return
    found = segments(run, fork.seq if fork is not None else 0)
    start = found[0].first if found else None
    for segment, after in pairwise(found):
        if stop is not None and after.first > stop:
            break
        yield _Part(run, segment.first, after.first, segment, after)
        start = after.first
    if start is not None and (stop is None or start < stop):
        yield _Part(run, start, stop)


def scan(run: Path | str) -> pl.LazyFrame:
    """Return all events of a run as one lazy frame, in order: Parquet of its sealed segments, and its live end.

    The columns are seq, type, v, step, cause, at, then the fields of all event types (null where a type has no such
    field; see :mod:`abm.log.frames`). The live end is read and verified now: what is appended later needs another scan.
    Projections that are missing are made now; where they cannot be written, they are held in memory.

    >>> scan(run).filter(pl.col("type") == "reacted").group_by("contest", "choice").len().collect()  # doctest: +SKIP

    Raises:
        LogError: no run, it is damaged, or a newer version wrote it.
    """
    import polars as pl

    run = Path(run)
    genesis = read_manifest(run).genesis
    schema = wide_columns()
    frames: list[pl.LazyFrame] = []
    paths: list[Path] = []

    def scanned() -> None:
        if paths:
            frames.append(pl.scan_parquet(list(paths), schema=schema, missing_columns="insert", glob=False))
            paths.clear()

    for part in _parts(run):
        if part.segment is not None and part.after is not None:
            if _available(part.run, part.segment, part.after):
                paths.append(path_of(part.run, part.segment))
                continue
            found = [_read(part.segment)[0]]
        else:
            found = [wide(held) for held in chunks(walk(run, genesis, part.start, part.stop))]
        scanned()
        frames += [_with_all_columns(frame).lazy() for frame in found]
    scanned()
    return pl.concat(frames) if frames else pl.LazyFrame(schema=schema)


def _available(run: Path, segment: Segment, after: Segment) -> bool:
    """Tell whether a segment's projection can be read, made now if need be."""
    if not is_current(run, segment, after):
        try:
            project(run, segment)
        except OSError:
            return False
    return True


def _with_all_columns(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    return pl.concat([pl.DataFrame(schema=wide_columns()), frame], how="diagonal", rechunk=False)
