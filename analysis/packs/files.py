"""Which files make a run whole: its log up to the last whole commit, what it was given, and what was asked about it afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from abm.log.recovery import Head, find_end
from abm.log.segments import read_manifest, segments
from learning.runs.own_data import FOLDER as INPUTS

ADAPTERS = "adapters"
LEDGER = "spent.jsonl"


class Piece(NamedTuple):
    """A file to pack: all of it, or its first ``size`` bytes."""

    path: Path
    size: int | None = None


def head_of(run: Path) -> Head:
    """Return where a run's log ends: its last whole commit.

    Raises:
        LogError: no run, or it cannot be read.
        CorruptLog: it is damaged.
    """
    return find_end(run, read_manifest(run)).head


def of_log(folder: Path, until: int | None = None) -> Iterator[Piece]:
    """Yield the files of a log, without what follows its last whole commit.

    Args:
        until: leave out segments that begin with this event, or later ones: those that a fork does not share.

    Raises:
        LogError: no log, or it cannot be read.
        CorruptLog: it is damaged.
    """
    manifest = read_manifest(folder)
    yield Piece(folder / "run.json")
    end = find_end(folder, manifest)
    for segment in segments(folder, manifest.base):
        if until is not None and segment.first >= until:
            break
        yield Piece(segment.path, end.at if end.torn and segment == end.segment else None)


def of_run(run: Path, *, adapters: bool) -> Iterator[Piece]:
    """Yield the files that make a run whole.

    Args:
        adapters: those that were learnt, too.

    Raises:
        LogError, CorruptLog: as :func:`of_log`.
    """
    yield from of_log(run)
    wanted = {INPUTS, "quarantine"} | ({ADAPTERS} if adapters else set())
    for name in sorted(wanted):
        yield from (Piece(path) for path in _within(run / name))
    if (run / LEDGER).is_file():
        yield Piece(run / LEDGER)
    for beside in sorted(path.parent for path in run.glob("*/run.json")):  # verdicts, answers, conversations
        yield from of_log(beside)


def _within(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(root) / name
            if path.is_file() and not path.is_symlink():
                yield path
