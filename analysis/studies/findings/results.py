"""The results of a study, from the logs of its cells: estimates, sensitivity, what is missing, and what may not be concluded. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from abm.log import open_log
from analysis.formats import listed
from analysis.readings.contests import Evaluation
from analysis.readings.evaluation import read_evaluation
from analysis.statistics.estimates import NOTHING
from analysis.studies.pages.cells import Factors, Impossible, cells_of
from analysis.studies.pages.page import StudyPage, page_of
from analysis.studies.pages.samples import points
from analysis.studies.prereg.registered import Registered, current_look, registered, shown, why_exploratory
from analysis.studies.record.cell_ends import CUT, DAMAGED
from analysis.studies.record.inputs import UNCHANGED, ChangedInputs, changed_inputs
from analysis.studies.record.layout import Layout
from analysis.studies.record.places import run_of
from analysis.studies.record.study_log import CellHistory, StudyLog, StudyState
from analysis.studies.values.cell_values import cell_values
from analysis.studies.values.controlled_cells import controlled_rows, with_controls, without_values
from analysis.studies.values.corrections import EstimateRow
from analysis.studies.values.estimates import MOST_VALUES, estimates, frame_rows
from analysis.studies.values.scopes import ADAPTERS, ANCHORS_AND_PEOPLE, CellValues
from analysis.studies.values.sensitivity import indices
from analysis.tables.evaluation import table
from analysis.tables.pooled import Measured, RunValues
from learning.runs.pools import NEW_PEOPLE
from moloch.errors import InputError, LogError, MolochError

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class MissingCell:
    """A planned cell without results: ``state`` as the study's log has it, and the message of its last failure.

    Where its log cannot be read, or ends before the run's end, the state is :data:`analysis.studies.record.cell_ends.DAMAGED`, and the message
    says why.
    """

    cell: str
    factors: Factors
    seed: int
    state: str
    message: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able mapping."""
        return asdict(self)


@dataclass(frozen=True)
class StudyResults:
    """What a study came to so far.

    Attributes:
        factors: names, in the order of the page; ``by``: those that split the rows; the others are averaged over.
        sampled: factors without levels.
        seeds: those of cells that ended.
        sensitivity: rows of the frame, one per sampled factor and index of an outcome.
        said: what runs say of themselves, each with the cells that say it: sentence -> number of cells.
        generalises: what an interval over seeds is about.
        extensions, looks: how often the study was extended, and looked at before its end.
        changed: inputs that are not what cells that ended began with.
        registered: hypotheses and deviations of a preregistered study; else ``exploratory`` says why there are none.
    """

    folder: Path
    name: str
    factors: tuple[str, ...]
    by: tuple[str, ...]
    sampled: tuple[str, ...]
    cells: tuple[CellValues, ...]
    rows: tuple[EstimateRow, ...]
    sensitivity: tuple[dict[str, Any], ...]
    missing: tuple[MissingCell, ...]
    impossible: tuple[Impossible, ...]
    said: dict[str, dict[str, int]] = field(default_factory=dict)
    generalises: str = ""
    extensions: int = 0
    looks: int = 0
    changed: ChangedInputs = UNCHANGED
    registered: Registered | None = None
    exploratory: str = ""

    @property
    def seeds(self) -> list[int]:
        """Seeds of the cells that ended."""
        return sorted({cell.seed for cell in self.cells})

    def __str__(self) -> str:
        from rich.console import Console

        from analysis.terminal.grid import laid_out
        from analysis.terminal.study import render_results

        console = Console(width=80, no_color=True)
        with console.capture() as text:
            for part in laid_out(render_results(self.as_dict()), console.width):
                console.print(part)
        return text.get()

    def frame(self) -> pl.DataFrame:
        """Return the tidy frame: a row per levels, arm, outcome and measure."""
        from analysis.studies.values.writers import frame

        return frame(self.frame_rows(), self.by)

    def frame_rows(self) -> list[dict[str, Any]]:
        """Return the rows of the tidy frame, as JSON can hold them."""
        levels = dict.fromkeys(self.by)  # none of those that a hypothesis averages over
        return [levels | row | {"sampled": ""} for row in frame_rows(self.rows)] + list(self.sensitivity)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as a JSON-able mapping."""
        return {
            "study": str(self.folder),
            "name": self.name,
            "factors": list(self.factors),
            "by": list(self.by),
            "seeds": self.seeds,
            "cells": len(self.cells),
            "rows": self.frame_rows(),
            "missing": [each.as_dict() for each in self.missing],
            "impossible": [
                {"factors": each.factors, "seeds": each.seeds, "why": str(each.why)} for each in self.impossible
            ],
            "said": self.said,
            "generalises": self.generalises,
            "extensions": self.extensions,
            "looks": self.looks,
            "changed": self.changed.as_dict(),
            "changed_said": self.changed.sentence(),
            "preregistration": self.registered.as_dict() if self.registered else None,
            "exploratory": self.exploratory,
        }


def study_results(
    folder: Path, by: Sequence[str] | None = None, report: Callable[[int, int], None] = lambda done, total: None
) -> StudyResults:
    """Return the results of the cells that have ended.

    Args:
        folder: the study's.
        by: factors that split the rows, ``arm`` and ``seed`` aside; by default those with levels. Arms are always apart.
        report: called with cells read and cells in all.

    Raises:
        InputError: there is no such study or factor, or no cell has ended.
        LogError: the study's own log cannot be read; cells whose log cannot are missing.
    """
    state, layout = StudyLog(folder).state(), Layout(folder)
    page = page_of(state.page, recorded=True).page
    factors, chosen = _factors(state), splitting_factors(state, by)
    sampled = tuple(page.sample.ranges) if page.sample else ()
    cells, missing = _read(state, layout, report)
    if not cells:
        raise InputError("no cell has ended yet", where=str(folder), fix="moloch study status shows how far they are.")
    look, changed = current_look(state, layout), changed_inputs(state, layout)
    declared = registered(state, layout, look, cells, [each.cell for each in missing], changed)
    cells, lacking = shown(look, cells), [each.factors for each in missing]
    rows = [*estimates(cells, chosen, lacking), *controlled_rows(cells, chosen, lacking)]
    rows = declared.rows(rows, chosen) if declared else rows
    return StudyResults(
        folder=folder,
        name=state.name,
        factors=factors,
        by=chosen,
        sampled=sampled,
        cells=tuple(cells),
        rows=tuple(rows),
        sensitivity=tuple(_sensitivity(page, cells, chosen)),
        missing=tuple(missing),
        impossible=_impossible(state),
        said=_said(cells),
        generalises=generalises(rows, any(cell.networked for cell in cells)),
        extensions=len(state.extensions),
        looks=len(state.looks),
        changed=changed,
        registered=declared,
        exploratory=why_exploratory(state),
    )


def splitting_factors(state: StudyState, by: Sequence[str] | None) -> tuple[str, ...]:
    """Return the factors that split the rows, ``arm`` aside; by default those with levels.

    Raises:
        InputError: one of ``by`` is no factor of the study.
    """
    factors = _factors(state)
    if by is None:
        sample = page_of(state.page, recorded=True).page.sample
        return tuple(factor for factor in factors if sample is None or factor not in sample.ranges)
    for name in by:
        if name not in (*factors, "arm"):
            near = get_close_matches(name, [*factors, "arm"], n=1)
            guess = f"Did you mean {near[0]!r}? " if near else ""
            raise InputError(f"no factor {name!r}", fix=f"{guess}Factors are {', '.join([*factors, 'arm'])}.")
    return tuple(name for name in dict.fromkeys(by) if name != "arm")


def _factors(state: StudyState) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for cell in state.cells.values() for name in cell.planned.factors))


def _read(
    state: StudyState, layout: Layout, report: Callable[[int, int], None]
) -> tuple[list[CellValues], list[MissingCell]]:
    cells, missing = [], []
    ids, kept = _Numbers(), 0
    for done, (name, history) in enumerate(state.cells.items()):
        report(done, len(state.cells))
        planned, run = history.planned, run_of(layout, history)
        try:
            evaluation = _evaluation(run) if run is not None else None
        except LogError as error:
            missing.append(damaged_cell(name, history, error))
            continue
        if evaluation is None and run is not None and history.state in ("ended", "reused"):
            missing.append(MissingCell(name, planned.factors, planned.seed, DAMAGED, CUT))
            continue
        if evaluation is None:
            missing.append(missing_cell(name, history))
            continue
        keep = ids.numbered if kept <= MOST_VALUES else _nothing
        cell = cell_values(evaluation, name, planned.factors, planned.seed, table(evaluation), keep)
        cells.append(with_controls(cell, evaluation, ids.numbered))
        kept += cells[-1].size
    if kept > MOST_VALUES:
        cells = [without_values(cell) for cell in cells]
    return cells, missing


def _nothing(values: dict[Measured, RunValues]) -> dict[Measured, RunValues]:
    """Return no values: there are too many to keep."""
    return {}


def missing_cell(name: str, history: CellHistory) -> MissingCell:
    """Return a cell that has no results, as the study's log has it."""
    message = history.failures[-1].message if history.failures else ""
    return MissingCell(name, history.planned.factors, history.planned.seed, history.state, message)


def damaged_cell(name: str, history: CellHistory, error: LogError) -> MissingCell:
    """Return a cell whose log cannot be read."""
    return MissingCell(name, history.planned.factors, history.planned.seed, DAMAGED, " ".join(str(error).split()))


class _Numbers:
    """Numbers for content ids, the same over all cells: a number takes a tenth of the memory of an id."""

    def __init__(self) -> None:
        self._anchors: dict[str, int] = {}
        self._people: dict[str, int] = {}

    def numbered(self, values: dict[Measured, RunValues]) -> dict[Measured, RunValues]:
        """Return a run's values with numbers for ids; what is the same value stays so."""
        made = {
            id(each): RunValues(
                anchors=self._of(each.anchors, self._anchors),
                people=None if each.people is None else self._of(each.people, self._people),
                sums=each.sums,
                counts=each.counts,
            )
            for each in {id(each): each for each in values.values()}.values()
        }
        return {measured: made[id(each)] for measured, each in values.items()}

    def _of(self, ids: NDArray[Any], numbers: dict[str, int]) -> NDArray[Any]:
        return np.array([numbers.setdefault(each, len(numbers)) for each in ids.tolist()], dtype=np.int32)


def _evaluation(run: Path) -> Evaluation | None:
    """Return what a run that has ended evaluated; None for any other."""
    log = open_log(run, write=False)
    return read_evaluation(log.read()) if log.ended() is not None else None


def _impossible(state: StudyState) -> tuple[Impossible, ...]:
    try:
        return cells_of(page_of(state.page, recorded=True)).impossible
    except MolochError:  # an extension that is not here, say: the cells themselves are in the log
        return ()


def _said(cells: Sequence[CellValues]) -> dict[str, dict[str, int]]:
    said: dict[str, dict[str, int]] = {}
    for cell in cells:
        for name, value in cell.notes.items():
            for line in value if isinstance(value, list) else [value]:
                if line:
                    counts = said.setdefault(name, {})
                    counts[line] = counts.get(line, 0) + 1
    return said


def generalises(rows: Sequence[EstimateRow], networked: bool = False) -> str:
    """Return what the intervals of win rates, or else of probes, are about.

    Args:
        networked: whether members of some cells influence each other.
    """
    votes = [row for row in rows if row.measured.kind == "votes"] or list(rows)
    overs = {row.over for row in votes if row.over}
    if not overs:
        if any(row.adapters.low == row.adapters.low for row in votes):
            return f"Intervals are for {ADAPTERS}: they hold for other anchors and people, not for other trainings. Those take two seeds."
        return "There are no intervals: that takes two seeds, or one cell in a row."
    if "seeds" in overs:
        return (
            f"Intervals are over seeds alone, for {ANCHORS_AND_PEOPLE}: there are too many votes to tell these apart."
        )
    told = (
        f"Intervals allow for variation between {listed(max(overs, key=len))}: they hold for new trainings and anchors"
    )
    people = min((row.estimate.clusters[2] for row in votes if len(row.estimate.clusters) > 2), default=NEW_PEOPLE)
    if people < NEW_PEOPLE:
        told = f"{told}, not for new people: {people} different ones voted, and that takes {NEW_PEOPLE}."
    else:
        told = f"{told}, and for new people like the {people:,} who voted."
    if networked:
        told += " Members of a network influence each other: there, seeds are the only independent units, and degrees of freedom are theirs."
    return told


def _sensitivity(page: StudyPage, cells: Sequence[CellValues], by: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield a row per levels, arm, outcome, sampled factor and index."""
    if page.sample is None:
        return
    names = tuple(page.sample.ranges)
    points_of_all = len({tuple(point.values()) for point in points(page.sample)})
    levels = tuple(name for name in by if name not in names)
    groups: dict[tuple[tuple[Any, ...], Measured], dict[tuple[Any, ...], list[float]]] = {}
    compared: dict[str, str] = {}
    for cell in cells:
        point, compared = tuple(cell.factors[name] for name in names), compared | cell.compared_with
        for measured, value in cell.tables.items():
            if measured.measure != "base":  # nothing was learnt there
                group = groups.setdefault((tuple(cell.factors[name] for name in levels), measured), {})
                group.setdefault(point, []).append(value["value"])
    for (of, measured), there in groups.items():
        means = {point: sum(values) / len(values) for point, values in there.items()}
        for each in indices(page.sample, means):
            row = EstimateRow(
                levels=dict(zip(levels, of, strict=True)),
                measured=measured._replace(measure=f"{each.index} of {measured.measure}"),
                compared_with=compared.get(measured.arm, ""),
                estimate=each.estimate,
                adapters=NOTHING,
                seeds=NOTHING,
                p_randomised=nan,
                p_smallest=nan,
                n=each.estimate.n,
                cells=sum(map(len, there.values())),
                missing=points_of_all - len(there),
                over="points",
                withheld="",
            )
            yield from (dict.fromkeys(by) | told | {"sampled": each.factor} for told in frame_rows([row]))
