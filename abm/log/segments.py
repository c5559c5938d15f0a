"""Reading segments: which files there are, and their commits, verified in order. Never writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from abm.content import digest
from abm.errors import CorruptLog, LogError
from abm.log.codec import HEADER_SIZE, Commit, Torn, body_size, split


@dataclass(frozen=True)
class Segment:
    """One file of the log; ``first`` is the seq of its first event."""

    path: Path
    first: int


@dataclass(frozen=True)
class Block:
    """One verified commit: its event lines, and where it ends in its file."""

    lines: bytes
    commit: Commit
    end: int


def segment_name(first: int) -> str:
    """Return the file name of the segment that begins with event ``first``."""
    return f"{first:020d}.jsonl.zst"


def segments(run: Path) -> list[Segment]:
    """Return the run's segments in order."""
    found = sorted((run / "log").glob("*.jsonl.zst"))
    return [Segment(path, int(path.name.split(".")[0])) for path in found]


def read_config(run: Path) -> tuple[dict, str]:
    """Return the settings in ``run.json`` and the hash from which the chain starts.

    Raises:
        LogError: the folder is no run, or ``run.json`` cannot be read.
    """
    path = run / "run.json"
    try:
        raw = path.read_bytes()
        value = msgspec.json.decode(raw)
    except FileNotFoundError as error:
        raise LogError("no run here", where=str(run), why="there is no run.json", mend="Give the folder of a run.") from error
    except OSError as error:
        raise LogError("cannot read the run", where=str(path), why=error.strerror or str(error)) from error
    except msgspec.DecodeError as error:
        raise CorruptLog("run.json is damaged", where=str(path), why=str(error), mend="Restore it from a copy; the chain starts from its bytes.") from error
    if not isinstance(value, dict) or not isinstance(value.get("config"), dict):
        raise CorruptLog("run.json is damaged", where=str(path), why="it holds no settings", mend="Restore it from a copy.")
    return value["config"], digest(raw)


def blocks(segment: Segment, prev: str | None, seq: int) -> Iterator[Block]:
    """Yield the commits of a segment, chained from ``prev`` (None: from whatever the first one says) and ``seq``.

    Raises:
        Torn: the last commit is incomplete; everything before it was yielded.
        CorruptLog: bytes that contradict the chain.
    """
    data = memoryview(segment.path.read_bytes())
    at = 0
    while at < len(data):
        try:
            size = body_size(bytes(data[at : at + HEADER_SIZE]))
            end = at + HEADER_SIZE + size
            if end > len(data):
                raise Torn
            lines, commit = split(bytes(data[at + HEADER_SIZE : end]))
        except ValueError as error:
            raise _corrupt(segment, at, str(error)) from error
        if prev is not None and commit.prev != prev:
            raise _corrupt(segment, at, f"the chain is broken: it goes on from {commit.prev[:12]}, not from {prev[:12]}")
        if commit.seq != seq:
            raise _corrupt(segment, at, f"event {seq} should come here, {commit.seq} does")
        prev, seq, at = commit.hash, seq + commit.n, end
        yield Block(lines, commit, end)


def _corrupt(segment: Segment, at: int, why: str) -> CorruptLog:
    return CorruptLog(
        "the log is damaged", where=f"{segment.path}, byte {at}", why=why,
        mend="Nothing was changed. Restore the file from a copy; events before that byte are intact.",
    )
