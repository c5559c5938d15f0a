"""Reading a run's folder: its settings, its segments, and their commits, verified in order. Never writes."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec

from abm.events import Event
from abm.log.absent_run import no_run
from abm.log.codec import HEADER_SIZE, PREAMBLE, Commit, Torn, check_count, decode, read_header, split
from moloch.content import digest
from moloch.errors import CorruptLog, LogError

FORMAT = 1
"""Version of the folder's layout, in ``run.json``; the events have their own."""

_BUFFER = 1 << 20
"""Bytes read at once."""

_NAME = re.compile(r"(\d{20})\.jsonl\.zst")


class Fork(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a run begins within another: it shares that run's events before ``seq``."""

    run: str
    """The other run's folder, relative to this one's."""
    seq: Annotated[int, msgspec.Meta(ge=0)]
    hash: str
    """The chain's hash there."""


class Manifest(msgspec.Struct, frozen=True):
    """What ``run.json`` says.

    Attributes:
        config: the settings.
        genesis: SHA-256 of its bytes, from which the run's own chain starts.
        fork: where it was forked from, if it was.
    """

    config: dict[str, Any]
    genesis: str
    fork: Fork | None = None

    @property
    def base(self) -> int:
        """``seq`` of its own first event."""
        return self.fork.seq if self.fork is not None else 0


@dataclass(frozen=True)
class Segment:
    """One file of the log; ``first`` is the seq of its first event."""

    path: Path
    first: int


@dataclass(frozen=True)
class Block:
    """One verified commit: its text, and the bytes ``start .. end`` of its file that hold it."""

    text: bytes
    """The event lines, and the commit line from byte ``size`` on."""
    size: int
    commit: Commit
    path: Path
    start: int
    end: int

    @property
    def lines(self) -> bytes:
        """The event lines (a copy)."""
        return self.text[: self.size]

    def check_count(self) -> None:
        """Raise CorruptLog if it holds more or fewer events than it says; :meth:`events` checks that too."""
        check_count(self.text, self.commit, self.where)

    def events(self, kinds: Collection[type[Event]] | None = None) -> list[Event]:
        """Return the events, or those of some types; see :func:`abm.log.codec.decode`."""
        return decode(memoryview(self.text)[: self.size], self.commit, self.where, kinds)

    @property
    def where(self) -> str:
        """The place, for messages."""
        return f"{self.path}, byte {self.start}"


def segment_at(run: Path, first: int) -> Segment:
    """Return the segment of ``run`` that begins with event ``first``, whether or not it is there."""
    return Segment(run / "log" / f"{first:020d}.jsonl.zst", first)


def segments(run: Path, base: int = 0) -> list[Segment]:
    """Return the run's own segments in order; the first begins with event ``base``.

    Raises:
        CorruptLog: a file among them is not named as a segment, or the first one is missing.
    """
    own_segments = []
    for path in sorted((run / "log").glob("*.zst")):
        if not (name := _NAME.fullmatch(path.name)):
            raise CorruptLog("not a segment of the log", where=str(path), fix="Move the file out of log/.")
        own_segments.append(Segment(path, int(name[1])))
    if own_segments and own_segments[0].first != base:
        raise damaged(str(own_segments[0].path), "the segments before it are missing")
    return own_segments


def read_manifest(run: Path) -> Manifest:
    """Return what ``run.json`` says.

    Raises:
        NoRun: the folder is no run.
        LogError: ``run.json`` cannot be read, or a newer version wrote it.
        CorruptLog: ``run.json`` is damaged.
    """
    path = run / "run.json"
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise no_run(run) from error
    except OSError as error:
        raise unreadable(path, error) from error
    return manifest_of(raw, path)


def manifest_of(raw: bytes, path: Path | str) -> Manifest:
    """Return what the bytes of a ``run.json`` say.

    Args:
        path: of the file, or its URL; named in errors.

    Raises:
        LogError: a newer version wrote it.
        CorruptLog: it is damaged.
    """
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _damaged_manifest(path, str(error)) from error
    if not isinstance(value, dict) or not isinstance(value.get("config"), dict):
        raise _damaged_manifest(path, "it holds no settings")
    if value.get("format") != FORMAT:
        raise LogError(
            "the run's folder has another format",
            where=str(path),
            why=f"format {value.get('format')}; this moloch knows {FORMAT}",
            fix="Use the moloch that wrote it.",
        )
    try:
        fork = msgspec.convert(value.get("fork"), Fork | None)
    except msgspec.ValidationError as error:
        raise _damaged_manifest(path, str(error)) from error
    return Manifest(value["config"], digest(raw), fork)


def walk(run: Path, genesis: str, start: int = 0, stop: int | None = None) -> Iterator[Block]:
    """Yield verified commits across segments, from the segment that holds event ``start``, before event ``stop``.

    A fork's walk begins in the run that it was forked from. An incomplete commit at the end of the last segment ends the
    walk: it is being written, or was never finished. With ``start`` in a later segment, the chain is taken as that
    segment's first commit gives it.

    Raises:
        CorruptLog: bytes that contradict the chain, or a segment that is missing.
        LogError: the run that this one was forked from is not there.
    """
    fork = read_manifest(run).fork
    base = fork.seq if fork is not None else 0
    if fork is not None and start < base:
        yield from _shared(run, fork, start, stop)
    if stop is not None and stop <= base:
        return
    own_segments = segments(run, base)
    skipped = sum(after.first <= start for _, after in pairwise(own_segments))
    prev: str | None = genesis if skipped == 0 else None
    seq = own_segments[skipped].first if own_segments else 0
    for segment in own_segments[skipped:]:
        if segment.first != seq:
            raise damaged(str(segment.path), f"event {seq} should begin it; a segment is missing or renamed")
        try:
            for block in blocks(segment, prev):
                prev, seq = block.commit.hash, block.commit.seq + block.commit.n
                yield block
                if stop is not None and seq >= stop:  # what comes after is not looked at
                    return
        except Torn:
            if segment != own_segments[-1]:
                raise damaged(str(segment.path), "it ends within a commit, and is not the last segment") from None


def _shared(run: Path, fork: Fork, start: int, stop: int | None) -> Iterator[Block]:
    """Yield the commits that a fork shares with the run that it comes from, and check that they lead to its pointer."""
    parent = parent_of(run, fork)
    end = fork.seq if stop is None else min(stop, fork.seq)
    reached, seq = "", 0
    for block in walk(parent, read_manifest(parent).genesis, start, end):
        reached, seq = block.commit.hash, block.commit.seq + block.commit.n
        if seq > fork.seq:
            raise damaged(
                str(run / "run.json"), f"event {fork.seq}, where it was forked, is within a commit of {parent}"
            )
        yield block
    if end == fork.seq and (seq, reached) != (fork.seq, fork.hash):
        raise damaged(
            str(parent),
            f"its log does not lead to {fork.hash[:12]} at event {fork.seq}, from where {run} was forked: it was changed",
        )


MOST_FORKS = 100
"""Forks of forks of one run; each is read by way of all before it."""


def parent_of(run: Path, fork: Fork) -> Path:
    """Return the folder of the run that ``run`` was forked from.

    Raises:
        LogError: it is not there.
        CorruptLog: it was itself forked from ``run``, by whatever way, or more than :data:`MOST_FORKS` lie before it.
    """
    parent = _parent(run, fork)
    seen, at = {run.resolve(), parent.resolve()}, parent
    while (before := read_manifest(at).fork) is not None and (at / before.run / "run.json").exists():
        at = _parent(at, before)
        if at.resolve() in seen or len(seen) > MOST_FORKS:
            circle = at.resolve() in seen
            raise CorruptLog(
                "the run has no beginning" if circle else "the run's chain of forks is too long",
                where=str(run / "run.json"),
                why=f"{at} was forked from itself" if circle else f"more than {MOST_FORKS} lie before it",
                fix="Use a copy made before run.json was edited." if circle else "Start a new run.",
            )
        seen.add(at.resolve())
    return parent


def _parent(run: Path, fork: Fork) -> Path:
    parent = Path(os.path.normpath(run / fork.run))
    if not (parent / "run.json").exists():
        raise LogError(
            "the run that this one was forked from is gone",
            where=str(run),
            why=f"there is no run in {parent}",
            fix="Put it back: a fork holds only what happened after the shared part.",
        )
    return parent


def blocks(segment: Segment, prev: str | None, at: int = 0, seq: int | None = None) -> Iterator[Block]:
    """Yield the commits of a segment, chained from ``prev`` (None: from the hash in the first one).

    Args:
        at, seq: continue from this byte, where the commit that begins with event ``seq`` should be.

    Raises:
        Torn: the last commit is incomplete; everything before it was yielded.
        CorruptLog: bytes that contradict the chain.
    """
    seq = segment.first if seq is None else seq
    tried = -1
    while True:
        try:
            for block in _read(segment, prev, at, seq):
                prev, seq, at = block.commit.hash, block.commit.seq + block.commit.n, block.end
                yield block
            return
        except CorruptLog:
            if not _worth_another_look(at, tried):
                raise
            tried = at


def _worth_another_look(at: int, tried: int) -> bool:
    """Return whether to read again from byte ``at``.

    A reader takes no lock: what it read first may be of before a writer began the segment, or recovered it, the rest of after.
    """
    return at != tried


def _read(segment: Segment, prev: str | None, at: int, seq: int) -> Iterator[Block]:
    """Yield the commits from byte ``at`` on; see :func:`blocks`."""
    try:
        with segment.path.open("rb", buffering=_BUFFER) as file:
            file.seek(at)
            if at == 0:
                _check_preamble(segment.path, file.read(len(PREAMBLE)))
                at = len(PREAMBLE)
            while start := file.read(HEADER_SIZE):
                block = _next(segment, at, start, file, prev, seq)
                prev, seq, at = block.commit.hash, seq + block.commit.n, block.end
                yield block
    except OSError as error:
        raise unreadable(segment.path, error) from error


def _check_preamble(path: Path, found: bytes) -> None:
    if found != PREAMBLE:
        if not PREAMBLE.startswith(found):
            raise damaged(f"{path}, byte 0", "it does not begin like a segment")
        if found:
            raise Torn


def _next(segment: Segment, at: int, start: bytes, file: BinaryIO, prev: str | None, seq: int) -> Block:
    """Return the commit whose header begins with ``start``, at byte ``at``; see :func:`blocks`."""
    where = f"{segment.path}, byte {at}"
    try:
        header = read_header(start)
        body = file.read(header.size)
        if len(body) < header.size:
            raise Torn
        text, size, commit = split(header, body)
    except ValueError as error:
        raise damaged(where, str(error)) from error
    if prev is not None and commit.prev != prev:
        first = commit.seq == segment.first
        cause = "run.json was changed, or the file is another run's" if first else "commits were moved"
        raise damaged(where, f"it continues {commit.prev[:12]}, not {prev[:12]}: {cause}")
    if commit.seq != seq:
        raise damaged(where, f"event {seq} should come here, {commit.seq} does")
    return Block(text, size, commit, segment.path, at, at + HEADER_SIZE + header.size)


def damaged(where: str, why: str) -> CorruptLog:
    """Return the error for bytes that contradict the chain."""
    return CorruptLog(
        "the log is damaged",
        where=where,
        why=why,
        fix="Nothing was changed. Restore the run from a copy; without one, `moloch log repair` cuts the log before this place.",
    )


def unreadable(path: Path, error: OSError) -> LogError:
    """Return the error for a file that the system will not read."""
    return LogError(
        "cannot read the log",
        where=str(path),
        why=error.strerror or str(error),
        fix="Check that the file is there, that you may read it, and the disk.",
    )


def _damaged_manifest(path: Path | str, why: str) -> CorruptLog:
    return CorruptLog(
        "run.json is damaged", where=str(path), why=why, fix="Restore it from a copy; the chain starts from its bytes."
    )
