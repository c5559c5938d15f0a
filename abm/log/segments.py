"""Reading a run's folder: its settings, its segments, and their commits, verified in order. Never writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from abm.content import digest
from abm.errors import CorruptLog, LogError
from abm.log.codec import HEADER_SIZE, PREAMBLE, Commit, Torn, read_header, split

FORMAT = 1
"""Version of the folder's layout, in ``run.json``; the events have their own."""

_NAME = re.compile(r"(\d{20})\.jsonl\.zst")


@dataclass(frozen=True)
class Segment:
    """One file of the log; ``first`` is the seq of its first event."""

    path: Path
    first: int


@dataclass(frozen=True)
class Block:
    """One verified commit: its event lines, and the bytes ``start .. end`` of its file that hold it."""

    lines: bytes
    commit: Commit
    path: Path
    start: int
    end: int

    @property
    def where(self) -> str:
        """The place, for messages."""
        return f"{self.path}, byte {self.start}"


def segment_at(run: Path, first: int) -> Segment:
    """Return the segment of ``run`` that begins with event ``first``, whether or not it is there."""
    return Segment(run / "log" / f"{first:020d}.jsonl.zst", first)


def segments(run: Path) -> list[Segment]:
    """Return the run's segments in order.

    Raises:
        CorruptLog: a file among them is not named as a segment, or the first one is missing.
    """
    found = []
    for path in sorted((run / "log").glob("*.zst")):
        if not (name := _NAME.fullmatch(path.name)):
            raise CorruptLog("not a segment of the log", where=str(path), mend="Move the file out of log/.")
        found.append(Segment(path, int(name[1])))
    if found and found[0].first != 0:
        raise damaged(str(found[0].path), "the segments before it are missing")
    return found


def read_config(run: Path) -> tuple[dict[str, Any], str]:
    """Return the settings in ``run.json`` and the hash from which the chain starts: SHA-256 of its bytes.

    Raises:
        LogError: the folder is no run, ``run.json`` cannot be read, or a newer version wrote it.
        CorruptLog: ``run.json`` is damaged.
    """
    path = run / "run.json"
    try:
        raw = path.read_bytes()
        value = msgspec.json.decode(raw)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise LogError(
            "no run here", where=str(run), why="there is no run.json", mend="Give a run's folder."
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error
    except msgspec.DecodeError as error:
        raise _damaged_config(path, str(error)) from error
    if not isinstance(value, dict) or not isinstance(value.get("config"), dict):
        raise _damaged_config(path, "it holds no settings")
    if value.get("format") != FORMAT:
        raise LogError(
            "the run's folder has another format",
            where=str(path),
            why=f"format {value.get('format')}; this moloch knows {FORMAT}",
            mend="Use the moloch that wrote it.",
        )
    return value["config"], digest(raw)


def walk(run: Path, genesis: str, start: int = 0) -> Iterator[Block]:
    """Yield verified commits across segments, from the segment that holds event ``start``.

    An incomplete commit at the end of the last segment ends the walk: it is being written, or was never finished.
    With ``start`` in a later segment, the chain is taken as that segment's first commit gives it.

    Raises:
        CorruptLog: bytes that contradict the chain, or a segment that is missing.
    """
    found = segments(run)
    skipped = sum(after.first <= start for _, after in pairwise(found))
    prev: str | None = genesis if skipped == 0 else None
    seq = found[skipped].first if found else 0
    for segment in found[skipped:]:
        if segment.first != seq:
            raise damaged(str(segment.path), f"event {seq} should begin it; a segment is missing or renamed")
        try:
            for block in blocks(segment, prev):
                prev, seq = block.commit.hash, block.commit.seq + block.commit.n
                yield block
        except Torn:
            if segment != found[-1]:
                raise damaged(str(segment.path), "it ends within a commit, and is not the last segment") from None


def blocks(segment: Segment, prev: str | None) -> Iterator[Block]:
    """Yield the commits of a segment, chained from ``prev`` (None: from whatever the first one says).

    Raises:
        Torn: the last commit is incomplete; everything before it was yielded.
        CorruptLog: bytes that contradict the chain.
    """
    try:
        data = segment.path.read_bytes()
    except OSError as error:
        raise unreadable(segment.path, error) from error
    if not data.startswith(PREAMBLE):
        if not PREAMBLE.startswith(data):
            raise damaged(f"{segment.path}, byte 0", "it does not begin as a segment does")
        if data:
            raise Torn
    at, seq = len(PREAMBLE), segment.first
    while at < len(data):
        try:
            header = read_header(data[at : at + HEADER_SIZE])
            end = at + HEADER_SIZE + header.size
            if end > len(data):
                raise Torn
            lines, commit = split(header, data[at + HEADER_SIZE : end])
        except ValueError as error:
            raise damaged(f"{segment.path}, byte {at}", str(error)) from error
        if prev is not None and commit.prev != prev:
            whence = "run.json was changed, or the file is another run's" if commit.seq == 0 else "commits were moved"
            raise damaged(
                f"{segment.path}, byte {at}", f"it goes on from {commit.prev[:12]}, not from {prev[:12]}: {whence}"
            )
        if commit.seq != seq:
            raise damaged(f"{segment.path}, byte {at}", f"event {seq} should come here, {commit.seq} does")
        block = Block(lines, commit, segment.path, at, end)
        prev, seq, at = commit.hash, seq + commit.n, end
        yield block


def damaged(where: str, why: str) -> CorruptLog:
    """Return the error for bytes that contradict the chain."""
    return CorruptLog(
        "the log is damaged",
        where=where,
        why=why,
        mend="Nothing was changed. Restore the run from a copy; events before this place are intact.",
    )


def unreadable(path: Path, error: OSError) -> LogError:
    """Return the error for a file that the system will not read."""
    return LogError(
        "cannot read the log",
        where=str(path),
        why=error.strerror or str(error),
        mend="Check that the file is there, that you may read it, and the disk.",
    )


def _damaged_config(path: Path, why: str) -> CorruptLog:
    return CorruptLog(
        "run.json is damaged", where=str(path), why=why, mend="Restore it from a copy; the chain starts from its bytes."
    )
