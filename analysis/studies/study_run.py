"""A study carried out: what came of it, its cells by an engine, and what of it is put into object storage. Imports no engine before one is needed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.studies.pages.cells import Cell
from analysis.studies.pages.page import StudyPage
from analysis.studies.prereg.interim import by_looks
from analysis.studies.record.counts import StudyStanding, Why
from analysis.studies.record.layout import Layout
from analysis.studies.record.study_log import CellState, StudyLog, StudyState
from analysis.studies.work.controller import Controller
from analysis.studies.work.rules import Rules
from analysis.studies.work.tasks import Needs
from learning import RunConfig
from moloch.errors import InputError, MolochWarning
from moloch.exit_codes import ExitCode

if TYPE_CHECKING:
    from analysis.studies.storage.remote import StudyRemote
    from analysis.studies.work.tasks import Engine


@dataclass(frozen=True)
class StudyRun:
    """What came of working on a study.

    Attributes:
        folder: the study's.
        state: as its log has it.
        why: it stopped before its end; empty where nothing was left to do.
        left: states of cells that were left to others.
    """

    folder: Path
    state: StudyState
    why: Why
    left: frozenset[CellState] = frozenset()

    @property
    def exit_code(self) -> ExitCode:
        """Whether every cell has ended, and if not, what kept them from it."""
        if self.why == "interrupted":
            return ExitCode.INTERRUPTED
        if self.why in ("budget", "hours"):
            return ExitCode.BUDGET
        over = {"ended", "reused"} | self.left
        ended = all(cell.state in over for cell in self.state.cells.values())
        return ExitCode.DONE if ended else ExitCode.NOT_WHOLE


def carried_out(
    log: StudyLog,
    page: StudyPage,
    cells: Sequence[Cell],
    rules: Rules,
    *,
    jobs: int | None,
    engine: Engine | None,
    report: Callable[[StudyStanding], None],
) -> StudyRun:
    """Carry cells out, by the engine, or by one of this machine with as many ``jobs``, until all have ended or failed, or a bound is met."""
    from analysis.studies.engines.local import LocalEngine

    named = {cell.name: cell for cell in by_looks(cells, page)}
    ours = LocalEngine(jobs) if engine is None else None
    try:
        why = Controller(log, named, engine or ours, rules, report).run()  # pyright: ignore[reportArgumentType]
    finally:
        if ours is not None:
            ours.close()
    return StudyRun(log.layout.folder, log.state(), why, frozenset() if rules.wait else frozenset({"running"}))


def needs(config: RunConfig) -> Needs:
    """Return what a cell needs: a GPU, unless its settings say to do without one or which one to take."""
    return Needs(gpus=1 if config.serving.device in ("auto", "cuda") else 0)


def check_inputs(log: StudyLog, cells: Sequence[Cell]) -> None:
    """Refuse to carry cells out with other data than those that ended; of other code, and of cells that have all ended, tell.

    Raises:
        InputError: cells are left, and files or models are not what those that ended began with.
    """
    from analysis.studies.record.inputs import PUT_BACK, changed_inputs

    state, folder = log.state(), log.layout.folder
    changed = changed_inputs(state, log.layout, cells)
    if changed.data and any(cell.state not in ("ended", "reused") for cell in state.cells.values()):
        raise InputError(
            "the remaining cells would begin with data other than those that ended",
            where=str(folder), why=changed.sentence(), fix=PUT_BACK,
        )  # fmt: skip
    if changed:
        warnings.warn(f"{folder}: {changed.sentence()}", MolochWarning, stacklevel=3)


def held_in(store: str, layout: Layout) -> StudyRemote:
    """Hold what is in object storage; where another folder did, go on from what it put."""
    from analysis.studies.storage.fetched import fetch, is_there
    from analysis.studies.storage.remote import StudyRemote

    remote = StudyRemote(layout, store)
    if remote.hold() and is_there(store):
        fetch(store, layout.folder)
    return remote


def put_into(store: str, layout: Layout, state: StudyState) -> None:
    """Put what is not there yet: cells that had ended before, and those that stand elsewhere."""
    from analysis.studies.record.places import run_of
    from analysis.studies.storage.uploads import keep

    for name, cell in state.cells.items():
        if cell.state in ("ended", "reused") and (run := run_of(layout, cell)) is not None:
            keep(layout, name, run, store, cell.head)
