"""What is said once a run has made its first step: how its messages were written, and what would help. Reads logs only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.studies.record.counts import StudyStanding
    from analysis.studies.study import Study
    from learning import Progress

EVERY = 1.0
"""Seconds between two looks at the cell that a study began first."""


def after_first_step(folder: Path) -> Callable[[Progress], Iterator[str]]:
    """Return what says, once, how the first step's messages were written, unless the run holds that step already."""
    waits = not _has_stepped(folder)

    def lines(now: Progress) -> Iterator[str]:
        nonlocal waits
        if waits and now.done and _has_stepped(folder):
            waits = False
            yield from _lines(folder)

    return lines


def after_first_step_of(study: Study) -> Callable[[StudyStanding], Iterator[str]]:
    """Return what says the same, once, of the first cell of a study that makes a step, unless one has made it already.

    A preregistered study says nothing: no message of it is seen before its end.
    """
    from analysis.studies.record.layout import Layout

    runs = [Layout(study.folder).cell(cell.name) for cell in study.cells]
    begun = [run for run in runs if (run / "run.json").exists()]
    waits, looked = study.page.primary is None and not any(map(_has_stepped, begun)), 0.0

    def lines(now: StudyStanding) -> Iterator[str]:
        nonlocal waits, looked
        if not waits or (time.monotonic() < looked + EVERY and not now.ended):
            return
        looked = time.monotonic()
        first = next((run for run in runs if (run / "run.json").exists()), None)
        if first is not None and _has_stepped(first):
            waits = False
            yield from (f"{first.name}: {line}" for line in _lines(first))

    return lines


def _has_stepped(folder: Path) -> bool:
    from abm.log import open_log
    from learning.runs.written import first_step
    from moloch.errors import LogError

    try:
        return (folder / "run.json").exists() and bool(first_step(open_log(folder, write=False)))
    except LogError:  # who carries it out says what is wrong
        return False


def _lines(folder: Path) -> Iterator[str]:
    from abm.arenas import Arena
    from abm.events import ArenaSet
    from abm.log import open_log
    from analysis.terminal.written import first_reaction_lines, first_step_lines
    from learning.runs.gate import tells_of_writers
    from learning.runs.reactions import ReactionsReading, reactions
    from learning.runs.written import first_step, written

    log = open_log(folder, write=False)
    events = first_step(log, ReactionsReading.TAKES)
    rules = next(Arena.recorded(event.arena) for event in events if isinstance(event, ArenaSet))
    yield from first_step_lines(written(events), rules, counted=tells_of_writers(log))
    yield from first_reaction_lines(reactions(events), rules.name)
