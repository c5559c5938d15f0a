"""The results of a study, from the logs of its cells: estimates, sensitivity, what is missing, and what may not be concluded. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from abm.log import open_log
from analysis.studies.cells import Factors, Impossible, cells_of
from analysis.studies.estimates import (
    CellValues,
    EstimateRow,
    MeasuredOutcome,
    estimates,
    frame_rows,
    notes_of,
    values_of,
)
from analysis.studies.layout import Layout
from analysis.studies.page import StudyPage, page_of
from analysis.studies.places import run_of
from analysis.studies.sensitivity import indices
from analysis.studies.study_log import StudyLog, StudyState
from analysis.tables.evaluation import table
from moloch.errors import InputError, MolochError


@dataclass(frozen=True)
class MissingCell:
    """A planned cell without results: ``state`` as the study's log has it, and the message of its last failure."""

    cell: str
    factors: Factors
    seed: int
    state: str
    message: str = ""


@dataclass(frozen=True)
class StudyResults:
    """What a study came to so far.

    Attributes:
        factors: names, in the order of the page; ``by``: those that rows are told apart by; the others are averaged over.
        sampled: factors without levels.
        seeds: those of cells that ended.
        sensitivity: rows of the frame, one per sampled factor and index of an outcome.
        said: what runs say of themselves, each with the cells that say it: sentence -> number of cells.
        generalises: what an interval over seeds is about.
        extensions, looks: how often the study was extended, and looked at before its end.
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

    @property
    def seeds(self) -> list[int]:
        """Seeds of the cells that ended."""
        return sorted({cell.seed for cell in self.cells})

    def frame_rows(self) -> list[dict[str, Any]]:
        """Return the rows of the tidy frame, as JSON can hold them."""
        return [row | {"sampled": ""} for row in frame_rows(self.rows)] + list(self.sensitivity)

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
            "missing": [
                {"cell": m.cell, "factors": m.factors, "seed": m.seed, "state": m.state, "message": m.message}
                for m in self.missing
            ],
            "impossible": [
                {"factors": each.factors, "seeds": each.seeds, "why": str(each.why)} for each in self.impossible
            ],
            "said": self.said,
            "generalises": self.generalises,
            "extensions": self.extensions,
            "looks": self.looks,
        }


def study_results(
    folder: Path, by: Sequence[str] | None = None, report: Callable[[int, int], None] = lambda done, total: None
) -> StudyResults:
    """Return the results of the cells that have ended.

    Args:
        folder: the study's.
        by: factors that rows are told apart by, ``arm`` and ``seed`` aside; by default those with levels. Arms are always apart.
        report: called with cells read and cells in all.

    Raises:
        InputError: there is no such study or factor, or no cell has ended.
        LogError: a log cannot be read.
    """
    state, layout = StudyLog(folder).state(), Layout(folder)
    page = page_of(state.page).page
    factors = tuple(dict.fromkeys(name for cell in state.cells.values() for name in cell.planned.factors))
    sampled = tuple(page.sample.ranges) if page.sample else ()
    chosen = _by(by, factors, sampled)
    cells, missing = _read(state, layout, report)
    if not cells:
        raise InputError("no cell has ended yet", where=str(folder), fix="moloch study status tells how far they are.")
    rows = estimates(cells, chosen, [each.factors for each in missing])
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
        generalises=generalises(page),
        extensions=len(state.extensions),
        looks=len(state.looks),
    )


def _by(by: Sequence[str] | None, factors: Sequence[str], sampled: Sequence[str]) -> tuple[str, ...]:
    if by is None:
        return tuple(factor for factor in factors if factor not in sampled)
    for name in by:
        if name not in (*factors, "arm"):
            raise InputError(f"no factor {name!r}", fix=f"Factors are {', '.join(factors) or 'none'}, and arm.")
    return tuple(name for name in dict.fromkeys(by) if name != "arm")


def _read(
    state: StudyState, layout: Layout, report: Callable[[int, int], None]
) -> tuple[list[CellValues], list[MissingCell]]:
    cells, missing = [], []
    for done, (name, history) in enumerate(state.cells.items()):
        report(done, len(state.cells))
        planned, run = history.planned, run_of(layout, history)
        told = _table(run) if run is not None else None
        if told is not None:
            cells.append(CellValues(name, planned.factors, planned.seed, values_of(told), notes_of(told)))
        else:
            message = history.failures[-1].message if history.failures else ""
            missing.append(MissingCell(name, planned.factors, planned.seed, history.state, message))
    return cells, missing


def _table(run: Path) -> dict[str, Any] | None:
    """Return the tables of a run that has ended; None for any other."""
    log = open_log(run, write=False)
    return table(log.read()) if log.ended() is not None else None


def _impossible(state: StudyState) -> tuple[Impossible, ...]:
    try:
        return cells_of(page_of(state.page)).impossible
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


def generalises(page: StudyPage) -> str:
    """Return what an interval over seeds of a page is about: what was drawn anew for each seed, and what is the same for all."""
    redraw = page.redraw
    drawn = {"anchors": redraw.held_out_anchors, "people": redraw.held_out_personas}
    new = [what for what, how in drawn.items() if how == "per_seed"]
    same = [what for what, how in drawn.items() if how != "per_seed"]
    told = "They are over seeds: what other seeds would come to"
    told += f", with other held-out {' and '.join(new)}" if new else ""
    return f"{told}, {'and' if new else 'with'} these held-out {' and '.join(same)}." if same else f"{told}."


def _sensitivity(page: StudyPage, cells: Sequence[CellValues], by: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield a row per levels, arm, outcome, sampled factor and index."""
    if page.sample is None:
        return
    names = tuple(page.sample.ranges)
    levels = tuple(name for name in by if name not in names)
    groups: dict[tuple[tuple[Any, ...], MeasuredOutcome], dict[tuple[Any, ...], list[float]]] = {}
    for cell in cells:
        point = tuple(cell.factors[name] for name in names)
        for outcome, value in cell.values.items():
            if outcome.measure != "base":  # nothing was learnt there
                group = groups.setdefault((tuple(cell.factors[name] for name in levels), outcome), {})
                group.setdefault(point, []).append(value["value"])
    for (of, outcome), found_at in groups.items():
        means = {point: sum(values) / len(values) for point, values in found_at.items()}
        for each in indices(page.sample, means):
            estimate = each.estimate
            rounded = {
                n: _rounded(getattr(estimate, n if n != "estimate" else "value")) for n in ("estimate", "low", "high")
            }
            yield {
                **dict.fromkeys(by),
                **dict(zip(levels, of, strict=True)),
                "arm": outcome.arm,
                "compared_with": outcome.compared_with,
                "kind": outcome.kind,
                "outcome": outcome.name,
                "measure": f"{each.index} of {outcome.measure}",
                **rounded,
                "se": None,
                "p": None,
                "p_holm": None,
                "n": estimate.n,
                "cells": sum(map(len, found_at.values())),
                "missing": len({tuple(p.values()) for p in _points(page)}) - len(found_at),
                "over": "points",
                "withheld": "",
                "sampled": each.factor,
            }


def _points(page: StudyPage) -> list[dict[str, Any]]:
    from analysis.studies.samples import points

    return list(points(page.sample)) if page.sample else []


def _rounded(value: float) -> float | None:
    return None if value != value else round(value, 6)
