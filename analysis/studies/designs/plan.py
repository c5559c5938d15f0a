"""What a page would come to, before anything is asked of a model: cells, calls, money, hours. Asks nothing, makes no folder."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from abm.log import open_log
from analysis.studies.pages.cells import Cell, Cells, Impossible, PageMistakes, cells_of
from analysis.studies.pages.page import WrittenPage
from analysis.studies.power.detectable import Detectable, usually_detectable
from analysis.studies.prereg.looks import has_ended
from analysis.studies.record.identity import RunLibrary
from analysis.studies.record.layout import Layout, default_folder, is_study
from analysis.studies.record.study_log import CellHistory, StudyLog
from learning.runs.costs import RolePlan, check_places, planned, total
from learning.runs.inputs import gather
from learning.runs.parts import settled
from learning.runs.pools import Pools, pools
from moloch.errors import InputError

LOOK_S = 20.0
"""Seconds within which inputs of combinations are read; those that are left are taken for the mean of those that were."""


@dataclass(frozen=True)
class PlannedStudy:
    """A page's plan.

    Attributes:
        cells: as the page has them, each with its state (``new``, or as the study's log has it).
        reused: cell -> finished run of equal identity that it is already, found now; ``not_looked_up``: new cells of which that is
            not known, because it would have taken too long.
        combinations: of levels, each with all seeds; ``read``: those whose inputs were read.
        roles: what models will be asked, of the cells that have not ended.
        seconds: per cell that has not ended, as others of its combination or of the study took; None where none has ended.
        jobs: cells at a time.
        pools: what all cells take of anchors and people, how far seeds overlap, and which people intervals can speak about.
        detectable: what each declared outcome, or else each win rate and probe, can find, by components as they usually are.
    """

    folder: Path
    name: str
    cells: tuple[tuple[Cell, str], ...]
    reused: dict[str, Path]
    not_looked_up: int
    impossible: tuple[Impossible, ...]
    combinations: int
    read: int
    roles: tuple[RolePlan, ...]
    seconds: tuple[float, ...] | None
    jobs: int
    pools: Pools
    detectable: tuple[Detectable, ...]
    stops: dict[str, float]

    @property
    def states(self) -> dict[str, int]:
        """State -> number of cells."""
        counts: dict[str, int] = defaultdict(int)
        for _, state in self.cells:
            counts[state] += 1
        return dict(counts)

    def hours(self, jobs: int = 1) -> float | None:
        """Return hours for what is left, so many cells at a time; by speeds of servers where no cell has ended; None for unknown."""
        seconds = self.seconds
        if seconds is None:
            minutes = [role.minutes for role in self.roles]
            if not minutes or None in minutes:
                return None
            left = sum(state not in ("ended", "reused") for _, state in self.cells)
            seconds = (60 * sum(m for m in minutes if m) / max(1, left),) * left
        return max([sum(seconds) / jobs, *seconds], default=0.0) / 3600

    def as_dict(self) -> dict[str, Any]:
        """Return everything as a JSON-able mapping."""
        return {
            "study": str(self.folder),
            "name": self.name,
            "cells": [
                {
                    "cell": c.name,
                    "factors": c.factors,
                    "seed": c.seed,
                    "state": state,
                    "run": str(self.reused.get(c.name, "")),
                }
                for c, state in self.cells
            ],
            "not_looked_up": self.not_looked_up,
            "states": self.states,
            "impossible": [{"factors": i.factors, "seeds": i.seeds, "why": str(i.why)} for i in self.impossible],
            "combinations": self.combinations,
            "combinations_read": self.read,
            "plan": [msgspec.to_builtins(role) for role in self.roles],
            "hours": self.hours(),
            "jobs": self.jobs,
            "hours_with_jobs": self.hours(self.jobs),
            **self.pools.as_dict(),
            "detectable": [each.as_dict() for each in self.detectable],
            "stop": self.stops,
        }


def plan_study(
    written: WrittenPage,
    folder: Path | None = None,
    *,
    jobs: int = 0,
    workspace: Path | None = None,
    older: bool = False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> PlannedStudy:
    """Return the plan of a page.

    Args:
        folder: of the study; by default the one that the page comes to. If it has begun, cells that ended are not planned again.
        jobs: cells at a time; 0 for as many as there are cores.
        workspace: where finished runs that are cells of the study are looked for; by default the folder that it stands in.
        older: count those of other versions of moloch, too.
        report: called with combinations looked at, and all.

    Raises:
        PageMistakes: everything that is wrong with the page.
    """
    made = cells_of(written)
    folder = folder or default_folder(written.page.name, made.base)
    states = _states(made, folder)
    new = [cell for cell in made.cells if states[cell.name] == "new"]
    fresh = bool(written.page.primary)  # of a preregistered study: what was carried out before could have been seen
    library = RunLibrary(workspace or folder.parent, folder, older=older)
    reused, asked = ({}, len(new)) if fresh else _reused(new, library)
    states |= dict.fromkeys(reused, "reused")
    to_come = [cell for cell in made.cells if states[cell.name] not in ("ended", "reused")]
    groups: dict[tuple[Any, ...], list[Cell]] = defaultdict(list)
    for cell in to_come:
        groups[tuple(cell.factors.items())].append(cell)
    roles, read = _roles(list(groups.values()), report)
    used = pools([cell.config for cell in made.cells])
    stop = written.page.stop.model_dump(exclude_none=True)
    return PlannedStudy(
        folder=folder,
        name=written.page.name,
        cells=tuple((cell, states[cell.name]) for cell in made.cells),
        reused=reused,
        not_looked_up=len(new) - asked,
        impossible=made.impossible,
        combinations=len(groups),
        read=read,
        roles=tuple(roles),
        seconds=_seconds(to_come, folder, [(cell, reused[cell.name]) for cell in new if cell.name in reused]),
        jobs=jobs or os.cpu_count() or 1,
        pools=used,
        detectable=usually_detectable(written.page, made.cells, used),
        stops=stop,
    )


def _states(made: Cells, folder: Path) -> dict[str, str]:
    """Return cell -> its state."""
    states = dict.fromkeys((cell.name for cell in made.cells), "new")
    if is_study(folder):
        layout = Layout(folder)
        for name, cell in StudyLog(folder).state().cells.items():
            if name in states:
                states[name] = "ended" if cell.state != "reused" and has_ended(layout, cell) else cell.state
    return states


def _reused(cells: Sequence[Cell], library: RunLibrary) -> tuple[dict[str, Path], int]:
    """Return the finished runs that cells are already, and of how many cells that was looked up."""
    runs: dict[str, Path] = {}
    if library.is_empty:
        return runs, len(cells)
    until = time.monotonic() + LOOK_S
    for asked, cell in enumerate(cells):
        if time.monotonic() > until:
            return runs, asked
        if (done := library.find(cell.config)) is not None:
            runs[cell.name] = done.path
    return runs, len(cells)


def _roles(groups: Sequence[Sequence[Cell]], report: Callable[[int, int], None]) -> tuple[list[RolePlan], int]:
    """Return what all cells ask, and how many combinations were counted, those spread evenly over the page first."""
    mistakes: dict[str, InputError] = {}
    plans: list[tuple[list[RolePlan], int]] = []
    until = time.monotonic() + LOOK_S
    for read, number in enumerate(spread(len(groups))):
        if read and time.monotonic() > until:
            break
        report(read, len(groups))
        cells = groups[number]
        config = settled(cells[0].config, None)
        try:
            check_places(config)
            plans.append((planned(config, inputs=gather(config)), len(cells)))
        except InputError as error:
            mistakes.setdefault(str(error), _of_level(error, cells[0], len(groups)))
    if mistakes:
        raise PageMistakes(list(mistakes.values()))
    seen, cells_seen = len(plans), sum(cells for _, cells in plans)
    factor = sum(map(len, groups)) / cells_seen if cells_seen else 0.0
    return total([[times(role, cells * factor) for role in roles] for roles, cells in plans]), seen


def _of_level(error: InputError, cell: Cell, combinations: int) -> InputError:
    """Return a mistake with the levels that it came up with, where there are several combinations."""
    if combinations < 2 or not cell.factors:
        return error
    levels = ", ".join(f"{name}={value}" for name, value in cell.factors.items())
    return InputError(f"{levels}: {error.what}", where=error.where, why=error.why, fix=error.fix)


def spread(number: int) -> list[int]:
    """Return 0 .. number - 1 so that each beginning is spread over all: by the reversed bits of the index."""
    bits = max(1, (number - 1).bit_length())
    turned = (int(f"{i:0{bits}b}"[::-1], 2) for i in range(1 << bits))
    return [i for i in turned if i < number]


def times(role: RolePlan, times: float) -> RolePlan:
    whole = {
        name: round(getattr(role, name) * times)
        for name in ("calls", "answered", "tokens_in", "tokens_out", "most_out")
    }
    known = {name: getattr(role, name) for name in ("usd", "most_usd", "minutes")}
    more = {name: None if value is None else value * times for name, value in known.items()}
    return msgspec.structs.replace(role, **whole, **more)


def _seconds(to_come: Sequence[Cell], folder: Path, reused: Sequence[tuple[Cell, Path]]) -> tuple[float, ...] | None:
    """Return how long each cell will take: as those of its combination did, else as all did; None where none has ended.

    Args:
        reused: finished runs that cells are already; they tell it, too.
    """
    ended: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for cell in StudyLog(folder).state().cells.values() if is_study(folder) else ():
        if took := _took(cell):
            ended[tuple(cell.planned.factors.items())].append(took)
    for cell, run in reused:
        if (end := open_log(run, write=False).ended()) is not None:
            ended[tuple(cell.factors.items())].append(end.seconds)
    every = [took for each in ended.values() for took in each]
    if not every:
        return None
    mean = sum(every) / len(every)
    alike = {factors: sum(each) / len(each) for factors, each in ended.items()}
    return tuple(alike.get(tuple(cell.factors.items()), mean) for cell in to_come)


def _took(cell: CellHistory) -> float:
    return cell.seconds if cell.state == "ended" else 0.0
