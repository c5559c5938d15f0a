"""One sealed segment as one Parquet file: disposable, and used only byte for byte as it was made from this segment.

A projection says which events it holds and the chain's hash after them. One of other bytes or of another log, or that
another version made, is never opened but made again (:mod:`abm.log.disposable`). Knows nothing of runs as a whole.
"""

from __future__ import annotations

import os
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from abm.events import SCHEMA_VERSION
from abm.log import disk
from abm.log.codec import HEADER_SIZE, PREAMBLE, Torn, read_header, split
from abm.log.disposable import file_digest, vouch, vouched
from abm.log.frames import wide_columns, wide_frames
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
    frame, projected = read(segment)
    path = path_of(run, segment)
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.new")  # readers may make it too
    try:
        frame.write_parquet(
            new,
            compression="zstd",
            compression_level=1,
            row_group_size=_group(frame),
            metadata={_KEY: msgspec.json.encode(projected).decode()},
        )
        file = os.open(new, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
        vouch(projected, file_digest(new))
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


def read(segment: Segment) -> tuple[pl.DataFrame, Projected]:
    """Return a whole segment's events, and what a projection of them says."""
    import polars as pl

    frames, end, reached = [], segment.first, ""
    try:
        for frame, last in wide_frames(blocks(segment, None)):
            frames.append(frame)
            end, reached = last.seq + last.n, last.hash
    except Torn:
        raise damaged(str(segment.path), "it ends within a commit, and is not the last segment") from None
    frame = pl.concat(frames, how="diagonal", rechunk=False) if frames else pl.DataFrame(schema={"seq": pl.Int64})
    ordered = [name for name in wide_columns() if name in frame.columns]
    return frame.select(ordered), Projected(version(), segment.first, end, reached)


def project_or_explain(run: Path, segment: Segment) -> Projected:
    """As :func:`project`, for callers that cannot do without: what the system refuses is a LogError too."""
    try:
        return project(run, segment)
    except OSError as error:
        raise LogError(
            "cannot write a projection",
            where=str(path_of(run, segment)),
            why=error.strerror or str(error),
            fix="The log itself is safe. Make room, or check that you may write there, and try again.",
        ) from error


def is_current(run: Path, segment: Segment, after: Segment) -> bool:
    """Tell whether the projection of ``segment`` is the file that was made of it: ``after`` continues from its hash."""
    if not (sha256 := file_digest(path_of(run, segment))):
        return False
    hashed = _prev_of(after) or _end_of(segment)
    return vouched(Projected(version(), segment.first, after.first, hashed), sha256)


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
