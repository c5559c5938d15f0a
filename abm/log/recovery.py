"""Where a log ends, and what lies beyond: found without reading more than the last segment; set aside, never thrown away.

Bytes that end before their commit does were never acknowledged: recovery sets them aside by itself. Anything else that
is wrong is refused until somebody asks for :func:`repair`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from abm.events import LLMReplied, Repaired
from abm.log import disk
from abm.log.codec import PREAMBLE, Torn, check_version, encode
from abm.log.commit_files import CommitFiles
from abm.log.salvage import answers_in, keep
from abm.log.segments import (
    Block,
    Manifest,
    Segment,
    blocks,
    damaged,
    read_manifest,
    segment_at,
    segments,
    unreadable,
    walk,
)
from moloch.errors import CorruptLog

KEYS = 1_024
"""Idempotency keys that are remembered: a retry comes soon after what it repeats."""


class Head(NamedTuple):
    """Where a log ends: the next event's ``seq``, and the hash of the chain so far (64 hex characters)."""

    seq: int
    hash: str


class End(NamedTuple):
    """The end of a log.

    Attributes:
        segment: the last one, and ``before`` the one before it, if any.
        at: the byte of ``segment`` after its last whole commit; ``torn``: whether more bytes follow.
        keys: idempotency keys that the last segment remembers.
        size: bytes of the event lines in ``segment``.
        block: the last whole commit in ``segment``; None where it has none.
    """

    head: Head
    segment: Segment
    before: Segment | None
    at: int
    torn: bool
    keys: dict[str, str]
    size: int
    block: Block | None = None


def find_end(run: Path, manifest: Manifest) -> End:
    """Return where a run's log ends; reads the last segment (and the one before it only if the last has no whole commit).

    Raises:
        CorruptLog: the end is damaged, or ``run.json`` was changed.
        LogError: a newer version wrote it, or it cannot be read.
    """
    own_segments = segments(run, manifest.base)
    begin = Head(manifest.base, manifest.genesis)
    if not own_segments:
        return End(begin, segment_at(run, manifest.base), None, 0, False, {}, 0)
    last, before = own_segments[-1], own_segments[-2] if len(own_segments) > 1 else None
    end = _scan(last, manifest)
    head, keys = end.head, end.keys
    if head is None and before is not None:  # made just before a crash: the one before it knows the head
        head, _, broken, keys, *_ = _scan(before, manifest)
        if head is None or broken or head.seq != last.first:
            raise damaged(str(before.path), f"it does not lead to event {last.first}, where the next begins")
    if before is not None:  # the first commit shows whether run.json was edited
        next(blocks(own_segments[0], manifest.genesis), None)
    return End(head or begin, last, before, end.at, end.torn, keys, end.size, end.block)


def finish(run: Path, manifest: Manifest, commits: CommitFiles, end: End) -> End:
    """Write the commits that are settled and not in the log, from its end on; return where it ends then.

    Raises:
        CorruptLog: one does not continue the log.
        OSError: one cannot be written.
    """
    while (data := commits.after(*end.head)) is not None:
        begins = data.startswith(PREAMBLE)
        file = disk.open_placing(segment_at(run, end.head.seq).path if begins else end.segment.path)
        try:
            disk.write_at(file, data, 0 if begins else end.at)
            disk.sync_data(file)
        finally:
            os.close(file)
        end = find_end(run, manifest)
    return end


NO_REPAIR = "Nothing can be repaired where nothing comes before it. Restore the run from a copy, or begin a new one with another --out."
"""What to do about a log whose very first commit is damaged."""

BLANK = {"run.json", "run.json.new", "LOCK", "log", "quarantine", "inputs", "commits"}
"""What a run's folder may hold before its first event."""


def check_not_lost(run: Path, manifest: Manifest, signs: Sequence[str] = ()) -> None:
    """Refuse a run whose log holds no events although something shows that some happened: it would begin again.

    Args:
        signs: what shows it, besides the folder itself.

    Raises:
        CorruptLog: names what shows it.
        LogError: it cannot be read.
    """
    try:
        if not (run / "log").is_dir():
            signs = [*signs, "run.json"]
        signs = [*signs, *sorted(each.name for each in run.iterdir() if each.name not in BLANK and not _is_empty(each))]
        if not signs or _holds_events(run, manifest):
            return
    except OSError as error:
        raise unreadable(run, error) from error
    raise CorruptLog(
        "the run's log is gone",
        where=str(run / "log"),
        why=f"it holds no events, although there is {signs[0]}",
        fix="Restore it from a copy. To begin again, choose another --out, or delete the whole folder.",
    )


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _holds_events(run: Path, manifest: Manifest) -> bool:
    own_segments = segments(run, manifest.base)
    try:
        return bool(own_segments) and next(blocks(own_segments[0], manifest.genesis), None) is not None
    except Torn:
        return False


class _Scanned(NamedTuple):
    """What a segment holds: where its commits lead (None: it has none); else as :class:`End`."""

    head: Head | None
    at: int
    torn: bool
    keys: dict[str, str]
    size: int
    block: Block | None


def _scan(segment: Segment, manifest: Manifest) -> _Scanned:
    head, at, keys, size, block = None, 0, {}, 0, None
    try:
        for block in blocks(segment, manifest.genesis if segment.first == manifest.base else None):
            check_version(block.commit.v, block.where)
            block.check_count()
            head, at, keys, size = head_after(block), block.end, keys | block.commit.keys, size + block.size
    except Torn:
        return _Scanned(head, at, True, keys, size, block)
    return _Scanned(head, at, False, keys, size, block)


def newest(keys: dict[str, str]) -> dict[str, str]:
    """Return the last :data:`KEYS` of ``keys``."""
    return dict(list(keys.items())[-KEYS:]) if len(keys) > KEYS else keys


def head_after(block: Block) -> Head:
    """Return the head of the log after a commit."""
    return Head(block.commit.seq + block.commit.n, block.commit.hash)


def set_aside(run: Path, segment: Path, start: int) -> tuple[str, int]:
    """Copy the bytes of ``segment`` from ``start`` on to ``quarantine/``, durably; return the file's name and their number."""
    tail = segment.read_bytes()[start:]
    folder = run / "quarantine"
    folder.mkdir(exist_ok=True)
    disk.sync_folder(run)
    aside = folder / f"{segment.name}-{start}.bin"
    again = 0
    while aside.exists() and aside.read_bytes() != tail:  # an earlier recovery was itself cut short
        again += 1
        aside = folder / f"{segment.name}-{start}-{again}.bin"
    disk.write_durably(aside, tail)
    return aside.name, len(tail)


class Damage(NamedTuple):
    """The first place that contradicts the chain.

    Attributes:
        head: where the log stands before it.
        segment: the file, and ``at`` its byte after the last good commit.
        after: segments behind it, which go too.
        why: what is wrong; empty for an incomplete last commit.
        keys: idempotency keys of what comes before it.
    """

    head: Head
    segment: Segment
    at: int
    after: list[Segment]
    why: str
    keys: dict[str, str]


def find_damage(run: Path) -> Damage | None:
    """Return the first damage of a run's own segments; None if its log is whole.

    Raises:
        LogError: no run, it cannot be read, or the damage is one that no repair of this run can fix: ``run.json``, the
            run that it was forked from, or a file that is not a segment.
    """
    manifest = read_manifest(run)
    own_segments = segments(run, manifest.base)
    head, at = Head(manifest.base, manifest.genesis), 0
    keys: dict[str, str] = {}
    if manifest.fork is not None:
        for _ in walk(run, manifest.genesis, stop=manifest.base):
            pass
    for where, segment in enumerate(own_segments):
        if segment.first != head.seq:
            return Damage(head, segment, 0, own_segments[where + 1 :], f"event {head.seq} should begin it", keys)
        at = 0
        try:
            for block in blocks(segment, head.hash):
                block.check_count()
                head, at, keys = head_after(block), block.end, newest(keys | block.commit.keys)
        except Torn:
            why = "" if where == len(own_segments) - 1 else "it ends early"
            return Damage(head, segment, at, own_segments[where + 1 :], why, keys)
        except CorruptLog as error:
            if head.seq == manifest.base:
                raise CorruptLog(error.what, where=error.where, why=error.why, fix=NO_REPAIR) from error
            return Damage(head, segment, at, own_segments[where + 1 :], error.why, keys)
    return None


def repair(run: Path | str) -> Repaired | None:
    """Cut a damaged log before its first bad place; everything from there on moves to ``quarantine/``.

    What was acknowledged after that place is lost to the log (not to you: the bytes are kept), which is why nothing but
    this function does it. Answers of models in whole commits behind it are kept so that a resumed run finds them
    (:mod:`abm.log.salvage`). A :class:`~abm.events.Repaired` event says so. Returns None for a log that is whole, or
    that ends in an incomplete commit, which recovery fixes by itself. A log whose commits are files besides is written again
    from those, as it was: nothing is lost, and no event says so.

    Raises:
        Locked: another process writes the run.
        CorruptLog: the damage begins with the first commit, in ``run.json``, or in the run that this one was forked from.
        LogError: no run, or it cannot be read or written.
    """
    run = Path(run)
    if not _is_damaged(find_damage(run)):
        return None
    lock = disk.lock(run)
    try:
        damage = find_damage(run)  # again: another process may have repaired it, and continued, before we had the lock
        if damage is None or not _is_damaged(damage):
            return None
        commits = CommitFiles(run)
        return _cut(run, damage) if commits.after(*damage.head) is None else _restore(run, damage, commits)
    except OSError as error:
        raise disk.unwritable(run / "log", error) from error
    finally:
        os.close(lock)


def _is_damaged(damage: Damage | None) -> bool:
    return damage is not None and bool(damage.why)


def _restore(run: Path, damage: Damage, commits: CommitFiles) -> Repaired:
    """Set aside what is damaged and all behind it, and write the commits from there on again; return what was done."""
    names, nbytes = _all_aside(run, damage)
    bad = damage.segment.path
    if damage.at:
        file = disk.open_placing(bad)
        try:
            disk.truncate(file, damage.at)
        finally:
            os.close(file)
    else:
        bad.unlink()
    manifest = read_manifest(run)
    finish(run, manifest, commits, find_end(run, manifest))
    return Repaired(seq=damage.head.seq, files=names, nbytes=nbytes, why=damage.why)


def _all_aside(run: Path, damage: Damage) -> tuple[list[str], int]:
    """Set aside the bytes from the damage on, and remove the segments behind it; return names of files and the number of bytes."""
    names, nbytes = [], 0
    for segment in reversed(damage.after):
        name, size = set_aside(run, segment.path, 0)
        segment.path.unlink()
        disk.sync_folder(segment.path.parent)
        names, nbytes = [*names, name], nbytes + size
    name, size = set_aside(run, damage.segment.path, damage.at)
    return [*names, name], nbytes + size


def _cut(run: Path, damage: Damage) -> Repaired:
    """Set aside and cut; each step leaves a log that is as damaged as before, or whole with the event that says so."""
    names, nbytes = _all_aside(run, damage)
    for settled in CommitFiles(run).from_on(damage.head.seq):  # they continue what is gone
        name, size = set_aside(run, settled, 0)
        settled.unlink()
        names, nbytes = [*names, name], nbytes + size
    bad = damage.segment.path
    event = Repaired(
        seq=damage.head.seq,
        files=names,
        nbytes=nbytes,
        why=damage.why,
        **_kept_answers(run, damage.head),
    )
    data, _ = encode([event], damage.head.hash, {} if damage.at else damage.keys)
    with bad.open("rb") as file:
        good = file.read(damage.at) or PREAMBLE
    in_place = damage.at > 0 or damage.segment.first == damage.head.seq
    path = bad if in_place else segment_at(run, damage.head.seq).path
    disk.write_durably(path, good + data)
    if not in_place:
        bad.unlink()
        disk.sync_folder(bad.parent)
    return event


def answers_behind(damage: Damage) -> list[LLMReplied]:
    """Return the answers of models in the whole commits behind a damage: a repair keeps them."""
    paths = [damage.segment.path, *(segment.path for segment in damage.after)]
    return answers_in((path.read_bytes() for path in paths), damage.head.seq)


def _kept_answers(run: Path, head: Head) -> dict[str, Any]:
    """Keep the answers in all that was set aside, by this repair or by one that was cut short; return how the log says it."""
    aside = sorted((run / "quarantine").glob("*.bin"))
    answers = answers_in((path.read_bytes() for path in aside), head.seq)
    if not answers:
        return {}
    name, reached = keep(run, answers, head.seq, head.hash)
    return {"answers": name, "answers_hash": reached, "answered": len(answers)}
