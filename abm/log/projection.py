"""A run's projections: sealed segments become Parquet in the background; one lazy frame over them and the live log.

Deleting ``parquet/`` and ``frames/`` loses nothing: what is missing is made again by :func:`rebuild`, or by the next scan.
The last segment of a run is projected when somebody scans it after the run has ended.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from abm.columns import Int8s, Int32s, unpack
from abm.log.disposable import stamp
from abm.log.frames import wide_columns, wide_frames
from abm.log.parquet import (
    EVENTS,
    Projection,
    derive,
    is_current,
    is_last_current,
    last_of,
    path_of,
    project,
    project_or_explain,
    read,
    together,
    write,
)
from abm.log.recovery import Head
from abm.log.segments import Segment, parent_of, read_manifest, segments, walk
from abm.log.stored import lineage
from abm.log.votes import VOTES, votes
from moloch.errors import InputError

if TYPE_CHECKING:
    import polars as pl


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
            project_or_explain(run, segment)
            made.append(segment)
        progress(done, len(sealed))
    return made


class Projector:
    """Projects a run's sealed segments in a separate thread; a failure there never reaches the writer.

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
        for which in (EVENTS, VOTES):
            with contextlib.suppress(OSError):
                for left in (self._run / which.folder).glob("*.new"):  # by a process that was killed
                    left.unlink()
        while (segment := self._queue.get()) is not None:
            if self._dropped:
                continue
            try:
                project(self._run, segment)
            except Exception as error:
                self.failures.append((segment, error))


class _Part(NamedTuple):
    """Events ``start <= seq < stop`` of ``run``, which are in ``segment``; ``after`` follows it if it is sealed and whole."""

    run: Path
    start: int
    stop: int | None
    segment: Segment
    after: Segment | None = None


def _parts(run: Path, stop: int | None = None) -> Iterator[_Part]:
    """Yield what a run consists of, before event ``stop``: a fork's begin with those of the run that it comes from."""
    fork = read_manifest(run).fork
    if fork is not None:
        before = fork.seq if stop is None else min(stop, fork.seq)
        yield from _parts(parent_of(run, fork), before)
        if stop is not None and stop <= fork.seq:
            return
    sealed = segments(run, fork.seq if fork is not None else 0)
    for segment, after in pairwise(sealed):
        if stop is not None and after.first > stop:
            yield _Part(run, segment.first, stop, segment)
            return
        yield _Part(run, segment.first, after.first, segment, after)
    if sealed and (stop is None or sealed[-1].first < stop):
        yield _Part(run, sealed[-1].first, stop, sealed[-1])


def scan(run: Path | str) -> pl.LazyFrame:
    """Return all events of a run as one lazy frame, in order: Parquet of its segments, and its live end.

    The columns are seq, type, v, step, cause, at, then the fields of all event types (null where a type has no such
    field; see :mod:`abm.log.frames`). The live end is read and verified now: what is appended later needs another scan.
    Projections that are missing are made now; where they cannot be written, they are held in memory.

    >>> scan(run).filter(pl.col("type") == "reacted").group_by("contest", "choice").len().collect()  # doctest: +SKIP

    Args:
        run: its folder; or a URL to which it was uploaded (``s3://``, ...): then its Parquet is read there, unverified, when
            rows are asked for, and no more of it than they take. A fork takes its first rows from the run that it comes from,
            which must be there too.

    Raises:
        LogError: no run, it is damaged, or a newer version wrote it.
    """
    if "://" in str(run):
        return _scan_stored(str(run), EVENTS)
    return _scan(Path(run), EVENTS, lambda frames: [_with_all_columns(frame).lazy() for frame in frames])


def scan_votes(run: Path | str) -> pl.LazyFrame:
    """Return all reactions of a run a row each, those of crowds too, in order; as :func:`scan`.

    The columns are seq, step, contest, the contest's place (phase, epoch, arm, anchor), persona, choice (slot; -1: none), first
    (the slot that was shown first), order and thought.

    >>> scan_votes(run).group_by("arm", "choice").len().collect(engine="streaming")  # doctest: +SKIP

    Raises:
        LogError: as :func:`scan`.
    """
    if "://" in str(run):
        return _scan_stored(str(run), VOTES)
    return _scan(Path(run), VOTES, lambda frames: [votes(frames)] if frames else [])


def _scan_stored(url: str, which: Projection) -> pl.LazyFrame:
    """Return what ``which`` holds of a run in object storage, in the order of its segments; a fork's begins with that of the run that it
    comes from.

    Raises:
        LogError: there is no run, or not the one that it was forked from.
    """
    import polars as pl

    schema, parts = dict(which.columns()), list[pl.LazyFrame]()
    first = 0
    for run in lineage(url.rstrip("/")):
        if run.stop is not None and run.stop <= first:
            continue
        pattern = f"{run.url}/{which.folder}/{which.prefix}*.parquet"
        part = pl.scan_parquet(pattern, schema=schema, missing_columns="insert", extra_columns="ignore")
        parts.append(part if run.stop is None else part.filter(pl.col("seq") < run.stop))
        first = run.stop or 0
    return pl.concat(parts)


def _scan(run: Path, which: Projection, lazy: Callable[[list[pl.DataFrame]], list[pl.LazyFrame]]) -> pl.LazyFrame:
    """Return what ``which`` holds of a run's events.

    Args:
        lazy: how frames of events that have no projection become rows.
    """
    import polars as pl

    genesis = read_manifest(run).genesis
    schema = dict(which.columns())
    frames: list[pl.LazyFrame] = []
    paths: list[Path] = []

    def scanned() -> None:
        if paths:
            frames.append(pl.scan_parquet(list(paths), schema=schema, missing_columns="insert", glob=False))
            paths.clear()

    for part in _parts(run):
        events = _unprojected(part, run, genesis, which)
        if events is None:
            paths.append(path_of(part.run, part.segment, which))
            continue
        scanned()
        frames += lazy(events)
    scanned()
    return pl.concat(frames) if frames else pl.LazyFrame(schema=schema)


def _unprojected(part: _Part, run: Path, genesis: str, which: Projection) -> list[pl.DataFrame] | None:
    """Return the events of a part; None if its projection can be read, made now if need be."""
    if part.after is not None:
        return None if _available(part.run, part.segment, part.after, which) else [read(part.segment)[0]]
    if part.stop is not None:
        return [frame for frame, _ in wide_frames(walk(run, genesis, part.start, part.stop))]
    if is_last_current(run, part.segment, genesis, which):
        return None
    before = stamp(part.segment.path)
    held = list(wide_frames(walk(run, genesis, part.start)))
    frames = [frame for frame, _ in held]
    if held and frames[-1]["type"][-1] == "run_ended":
        end, last = Head(held[-1][1].seq + held[-1][1].n, held[-1][1].hash), last_of(part.segment, genesis, which)
        unchanged = stamp(part.segment.path) == before  # nothing was appended since it was read
        if unchanged and _done(lambda: write(run, part.segment, together(frames), end, which, last)):
            return None
    return frames


def _available(run: Path, segment: Segment, after: Segment, which: Projection) -> bool:
    """Tell whether a sealed segment's projection can be read, made now if need be."""
    if is_current(run, segment, after, which):
        return True
    if which is not EVENTS and is_current(run, segment, after):
        return _done(lambda: derive(run, segment, which))
    return _done(lambda: project(run, segment, which))


def _done(work: Callable[[], object]) -> bool:
    """Do what writes a projection; tell whether that could be done."""
    import polars as pl

    try:
        work()
    except (OSError, pl.exceptions.PolarsError):
        return False
    return True


def _with_all_columns(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    return pl.concat([pl.DataFrame(schema=wide_columns()), frame], how="diagonal", rechunk=False)


def scan_study(study: Path | str) -> pl.LazyFrame:
    """Return the events of many runs as one lazy frame, with a column ``run``: its folder, relative to ``study``.

    Args:
        study: a folder with runs anywhere below it: each is scanned as by :func:`scan`, live ends too. Or a URL
            (``s3://``, ``gs://``, ``az://``, ``file://``, ...) to which runs were uploaded: their Parquet is read in place,
            unverified; a fork then has only its own events.

    Raises:
        InputError: no runs there.
        LogError: one of them cannot be read.
    """
    import polars as pl

    if "://" in str(study):
        root = str(study).rstrip("/")
        frame = pl.scan_parquet(
            f"{root}/**/parquet/*.parquet",
            schema=wide_columns(),
            missing_columns="insert",
            extra_columns="ignore",
            include_file_paths="run",
        )
        relative = pl.col("run").str.strip_prefix(root + "/").str.replace(r"/?parquet/[^/]*$", "")
        return frame.with_columns(relative)
    study = Path(study)
    runs = sorted(path.parent for path in study.rglob("run.json"))
    if not runs:
        raise InputError("no runs here", where=str(study), fix="Give a folder that holds runs.")
    return pl.concat([scan(run).with_columns(pl.lit(run.relative_to(study).as_posix()).alias("run")) for run in runs])


def reactions(events: pl.LazyFrame) -> pl.LazyFrame:
    """Return one row per reaction of a scan, those of crowds too: seq, contest, persona, choice; and run, if there is one.

    >>> reactions(scan(run)).group_by("contest", "choice").len().collect()  # doctest: +SKIP
    """
    import polars as pl

    run = ["run"] if "run" in events.collect_schema() else []
    one = events.filter(pl.col("type") == "reacted").select("seq", "contest", "persona", "choice", *run)
    many = events.filter(pl.col("type") == "reacted_many").select(
        "seq", "contest", "first", "personas", "choices", *run
    )
    return pl.concat([one, many.map_batches(_exploded, schema=one.collect_schema())])


def _exploded(many: pl.DataFrame) -> pl.DataFrame:
    """Return bulk reactions a row each."""
    import polars as pl

    choices = [unpack(column, Int8s).astype(np.int64) for column in many["choices"]]
    personas = [
        unpack(column, Int32s).astype(np.int64) if column else np.arange(first, first + len(chosen))
        for first, column, chosen in zip(many["first"], many["personas"], choices, strict=True)
    ]
    lists = many.with_columns(
        pl.Series("persona", personas, dtype=pl.List(pl.Int64)), pl.Series("choice", choices, dtype=pl.List(pl.Int64))
    ).filter(pl.col("persona").list.len() > 0)
    run = ["run"] if "run" in many.columns else []
    return lists.select("seq", "contest", "persona", "choice", *run).explode("persona", "choice")
