"""One segment as one Parquet file: disposable, and used only byte for byte as it was made from this segment.

A projection says which events it holds and the chain's hash after them. One of other bytes or of another log, or that
another version made, is never opened but made again (:mod:`abm.log.disposable`). The last segment of a run is believed to be
the one that was projected only while its file has the same bytes. Knows nothing of runs as a whole.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from abm.events import SCHEMA_VERSION
from abm.log import disk
from abm.log.codec import HEADER_SIZE, PREAMBLE, Torn, read_header, split
from abm.log.disposable import file_digest, vouch, vouched
from abm.log.frames import wide_columns, wide_frames
from abm.log.recovery import Head
from abm.log.segments import Segment, blocks, damaged, unreadable
from moloch.content import content_id
from moloch.errors import LogError

if TYPE_CHECKING:
    import polars as pl

VERSION = 1
"""Of how events are laid out in a projection; their columns count too."""

GROUP_ROWS, GROUP_BYTES = 2**18, 8 * 2**20
"""A row group of a projection holds about so much at most."""

_KEY = "moloch"  # of the Parquet file's metadata


class Projected(msgspec.Struct, frozen=True):
    """What a projection says about itself: events ``first <= seq < end``, and the chain's hash after them."""

    version: str
    first: int
    end: int
    hash: str


class Projection(NamedTuple):
    """What a projection holds of a segment's events, and where it lies.

    Attributes:
        folder, prefix: of its file, in the run's folder.
        columns: the columns that it may have.
        write: writes the rows of events (:func:`abm.log.frames.wide`) to a file, with metadata.
    """

    folder: str
    prefix: str
    columns: Callable[[], Mapping[str, pl.DataType]]
    write: Callable[[pl.DataFrame, Path, dict[str, str]], None]


def _write_events(frame: pl.DataFrame, path: Path, metadata: dict[str, str]) -> None:
    frame.write_parquet(
        path, compression="zstd", compression_level=1, row_group_size=_group(frame), metadata=dict(metadata)
    )


EVENTS = Projection("parquet", "", wide_columns, _write_events)
"""One row per event."""


class Last(msgspec.Struct, frozen=True):
    """What the projection of a last segment is made of: no segment comes after it that would confirm the chain's hash.

    Attributes:
        version: of the projection.
        genesis: from which the run's chain starts.
        first: its first event.
        file: SHA-256 of its file, as it is now.
    """

    version: str
    genesis: str
    first: int
    file: str


@cache
def version(which: Projection = EVENTS) -> str:
    """Return the id of what today's files hold: it differs where the same events would give another file."""
    return content_id([VERSION, SCHEMA_VERSION, {name: str(dtype) for name, dtype in which.columns().items()}])


def path_of(run: Path, segment: Segment, which: Projection = EVENTS) -> Path:
    """Return where the projection of a segment is, or will be."""
    return run / which.folder / f"{which.prefix}{segment.first:020d}.parquet"


def project(run: Path, segment: Segment, which: Projection = EVENTS) -> Projected:
    """Write the projection of a whole segment, so that it is there complete or not at all; verifies the segment.

    Raises:
        CorruptLog: the segment is damaged, or ends within a commit.
        LogError: a newer version wrote it.
        OSError: the projection cannot be written.
    """
    frame, end = read(segment)
    return write(run, segment, frame, end, which)


def derive(run: Path, segment: Segment, which: Projection) -> Projected:
    """As :func:`project`, from the segment's current projection of its events instead of from the log."""
    import polars as pl

    path = path_of(run, segment)
    said = msgspec.json.decode(pl.read_parquet_metadata(path)[_KEY], type=Projected)
    return write(run, segment, pl.read_parquet(path), Head(said.end, said.hash), which)


def write(
    run: Path, segment: Segment, frame: pl.DataFrame, end: Head, which: Projection = EVENTS, last: Last | None = None
) -> Projected:
    """Write the projection of a segment whose events were read and verified, up to ``end``; as :func:`project`.

    Args:
        last: what it was made of, if it is the run's last segment.
    """
    projected = Projected(version(which), segment.first, end.seq, end.hash)
    path = path_of(run, segment, which)
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.new")  # readers may make it too
    try:
        which.write(frame, new, {_KEY: msgspec.json.encode(projected).decode()})
        file = os.open(new, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
        sha256 = file_digest(new)
        vouch(projected, sha256)
        if last is not None:
            vouch(last, sha256)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    disk.sync_folder(path.parent)
    return projected


def _group(frame: pl.DataFrame) -> int:
    """Return how many rows make a row group: a group is held several times while it is written."""
    bulky = max(1, int(frame.estimated_size()) // GROUP_BYTES)
    return max(1, min(GROUP_ROWS, len(frame) // bulky))


def read(segment: Segment) -> tuple[pl.DataFrame, Head]:
    """Return a whole segment's events, and where they lead.

    Raises:
        CorruptLog: the segment is damaged, or ends within a commit.
        LogError: a newer version wrote it.
    """
    frames, end = [], Head(segment.first, "")
    try:
        for frame, last in wide_frames(blocks(segment, None)):
            frames.append(frame)
            end = Head(last.seq + last.n, last.hash)
    except Torn:
        raise damaged(str(segment.path), "it ends within a commit, and is not the last segment") from None
    return together(frames), end


def together(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return consecutive events as one frame, with the columns that any of them has."""
    import polars as pl

    frame = pl.concat(frames, how="diagonal", rechunk=False) if frames else pl.DataFrame(schema={"seq": pl.Int64})
    return frame.select([name for name in wide_columns() if name in frame.columns])


def project_or_explain(run: Path, segment: Segment, which: Projection = EVENTS) -> Projected:
    """As :func:`project`, for callers that cannot do without: what the system refuses is a LogError too."""
    try:
        return project(run, segment, which)
    except OSError as error:
        raise LogError(
            "cannot write a projection",
            where=str(path_of(run, segment, which)),
            why=error.strerror or str(error),
            fix="The log itself is safe. Make room, or check that you may write there, and try again.",
        ) from error


def is_current(run: Path, segment: Segment, after: Segment, which: Projection = EVENTS) -> bool:
    """Tell whether the projection of ``segment`` is the file that was made of it: ``after`` continues from its hash."""
    if not (sha256 := file_digest(path_of(run, segment, which))):
        return False
    hashed = _prev_of(after) or _end_of(segment)
    return vouched(Projected(version(which), segment.first, after.first, hashed), sha256)


def is_last_current(run: Path, segment: Segment, genesis: str, which: Projection = EVENTS) -> bool:
    """Tell whether the projection of a run's last segment is the file that was made of what the segment is now."""
    sha256 = file_digest(path_of(run, segment, which))
    return bool(sha256) and vouched(last_of(segment, genesis, which), sha256)


def last_of(segment: Segment, genesis: str, which: Projection = EVENTS) -> Last:
    """Return what a projection of the last segment of a run would be made of now."""
    return Last(version(which), genesis, segment.first, file_digest(segment.path))


def _prev_of(segment: Segment) -> str:
    """Return the hash from which a segment's first commit continues, reading no further; empty if it has none."""
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
        return split(header, body)[-1].prev
    except ValueError as error:
        raise damaged(f"{segment.path}, byte {len(PREAMBLE)}", str(error)) from error


def _end_of(segment: Segment) -> str:
    reached = ""
    for block in blocks(segment, None):
        reached = block.commit.hash
    return reached
