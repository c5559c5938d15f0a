"""A study whose cells differ in their seed alone: its runs are replicates, and what holds across them is one table. Reads logs only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from abm.log import open_log, read_events
from analysis.studies.findings.results import MissingCell, damaged_cell, missing_cell
from analysis.studies.record.inputs import ChangedInputs, changed_inputs
from analysis.studies.record.layout import Layout
from analysis.studies.record.places import run_of
from analysis.studies.record.study_log import StudyLog, StudyState
from analysis.tables.pooled import across_runs
from analysis.tables.results import results
from analysis.tables.seeds import across_seeds
from moloch.errors import LogError


@dataclass(frozen=True)
class ReplicateRun:
    """One run of them.

    Attributes:
        table: as :func:`analysis.tables.results.results` makes it.
    """

    cell: str
    path: Path
    head: str
    table: dict[str, Any]


@dataclass(frozen=True)
class Replicates:
    """What the runs of a study come to that differ in their seed alone.

    Attributes:
        table: :func:`analysis.tables.seeds.across_seeds` of them, with ``pooled``; None where none has ended.
        extensions, looks: how often the study was extended, and looked at before its end.
        changed: inputs that are not what runs that ended began with.
    """

    folder: Path
    name: str
    runs: tuple[ReplicateRun, ...]
    missing: tuple[MissingCell, ...]
    table: dict[str, Any] | None
    extensions: int
    looks: int
    changed: ChangedInputs

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able mapping."""
        return {
            "study": str(self.folder),
            "name": self.name,
            "runs": [
                {"cell": run.cell, "run": str(run.path), "head": run.head, "table": run.table} for run in self.runs
            ],
            "missing": [each.as_dict() for each in self.missing],
            "table": self.table,
            "extensions": self.extensions,
            "looks": self.looks,
            "changed": self.changed.as_dict(),
            "changed_said": self.changed.sentence(),
        }


def are_replicates(state: StudyState) -> bool:
    """Tell whether the cells of a study differ in their seed alone."""
    return all(not cell.planned.factors for cell in state.cells.values())


def replicates(folder: Path) -> Replicates:
    """Return what the cells of a study that have ended come to; it must be one of :func:`are_replicates`.

    Raises:
        InputError: there is no study.
        LogError: the study's own log cannot be read; cells whose log cannot are missing.
    """
    state, layout = StudyLog(folder).state(), Layout(folder)
    runs, missing = list[ReplicateRun](), list[MissingCell]()
    for name, cell in state.cells.items():
        try:
            run = _ended_run(name, run_of(layout, cell))
        except LogError as error:
            missing.append(damaged_cell(name, cell, error))
            continue
        if run is None:
            missing.append(missing_cell(name, cell))
        else:
            runs.append(run)
    pooled = across_runs((run.cell, read_events(run.path)) for run in runs)
    table = across_seeds([run.table for run in runs], pooled) if runs else None
    counts = len(state.extensions), len(state.looks)
    changed = changed_inputs(state, layout)
    return Replicates(folder, state.name, tuple(runs), tuple(missing), table, *counts, changed)


def _ended_run(cell: str, path: Path | None) -> ReplicateRun | None:
    if path is None or (log := open_log(path, write=False)).ended() is None:
        return None
    return ReplicateRun(cell, path, log.head().hash, results(log.read()))
