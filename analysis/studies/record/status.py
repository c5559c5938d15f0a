"""How a study stands: each cell done, running, waiting or failed, what was spent, and when it may be over. Shows no effects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from abm.llm.ledger import Cost, Ledger
from analysis.readings.progress import CellProgress
from analysis.readings.traffic import left_words, sum_of, traffic_words
from analysis.studies.pages.cells import Factors
from analysis.studies.record.cell_ends import DAMAGED, GONE, MISSING, is_gone, within
from analysis.studies.record.claims import Claims, Watch
from analysis.studies.record.inputs import UNCHANGED, ChangedInputs, changed_inputs
from analysis.studies.record.layout import Layout
from analysis.studies.record.places import run_of
from analysis.studies.record.progress import FollowedCell
from analysis.studies.record.study_log import CellHistory, StudyLog, StudyState
from learning.runs.traffic import Traffic, read_traffic
from moloch.errors import MolochError

STATES = ("ended", "reused", "running", "stopped", "waiting", "failed", MISSING, DAMAGED)
"""``stopped``: it has begun, and nobody works on it; the next controller goes on with it. ``missing``, ``damaged``: it has ended by the study's
log, and its folder is gone, or its log's end cannot be read.
"""
Damage = Callable[[Path], str | None]
"""Returns what is wrong with the end of a run's log, empty for nothing; None where nobody looked."""


@dataclass(frozen=True)
class CellStatus:
    """How one cell stands.

    Attributes:
        state: one of :data:`STATES`; ``ended`` where its own log says so.
        progress: of a cell that has begun and not ended; ``traffic``: what its models are doing, while it is carried out.
        seconds: that its attempts took, as far as they ended it.
        origin, message, traceback: of its last failure; of one that is missing or damaged, ``message`` says what is wrong.
    """

    cell: str
    factors: Factors
    seed: int
    state: str
    attempts: int
    progress: CellProgress | None
    seconds: float
    spent: Cost
    origin: str = ""
    message: str = ""
    traceback: str = ""
    traffic: Traffic | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able mapping."""
        progress = self.progress._asdict() if self.progress else None
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        traffic = msgspec.to_builtins(self.traffic)
        return told | {"progress": progress, "spent": self.spent._asdict(), "traffic": traffic}


@dataclass(frozen=True)
class StudyStatus:
    """How a study stands.

    Attributes:
        stopped: why the last controller stopped, in a few words, if it did before the end.
        eta_s: seconds until what is running has ended, the longest of them; None for unknown.
        slowest: of the cells that ended, the one that took longest.
        changed: inputs that are not what cells that ended began with.
        unseen: how many cells have ended, and nobody looked at their logs.
    """

    study: Path
    name: str
    cells: tuple[CellStatus, ...]
    stopped: str
    extensions: int
    looks: int
    changed: ChangedInputs = UNCHANGED
    unseen: int = 0

    @property
    def states(self) -> dict[str, int]:
        """State -> number of cells, of the states that occur."""
        counts = Counter(cell.state for cell in self.cells)
        return {state: counts[state] for state in STATES if counts[state]}

    @property
    def over(self) -> bool:
        """Whether no cell is running, and none is left to be."""
        return not {"running", "stopped", "waiting"} & self.states.keys()

    @property
    def spent(self) -> Cost:
        """What all cells spent on models that are paid."""
        total = Cost()
        for cell in self.cells:
            total = total.plus(cell.spent)
        return total

    @property
    def traffic(self) -> Traffic | None:
        """What the models of all cells that are carried out are doing; None where none says so."""
        parts = [cell.traffic for cell in self.cells if cell.traffic is not None]
        return sum_of(parts) if parts else None

    @property
    def _traffic_said(self) -> str:
        """The same in words, with the time that calls take where no log tells how long all will."""
        if (traffic := self.traffic) is None:
            return ""
        left = left_words(None, traffic) if self.eta_s is None else ""
        return "; ".join([*traffic_words(traffic), *([left] if left else [])])

    @property
    def eta_s(self) -> float | None:
        """Seconds until what runs now has ended."""
        etas = [self.left(cell) for cell in self.cells if cell.state == "running"]
        return max((eta for eta in etas if eta is not None), default=None)

    def left(self, cell: CellStatus) -> float | None:
        """Return how many seconds a running cell will still take: by its own log, else by the cells that ended; None for unknown."""
        if cell.progress and cell.progress.eta_s is not None:
            return cell.progress.eta_s
        took = [each.seconds for each in self.cells if each.seconds]
        elapsed = cell.progress.elapsed_s if cell.progress else 0.0
        return max(0.0, sum(took) / len(took) - elapsed) if took else None

    @property
    def slowest(self) -> CellStatus | None:
        """The cell that took longest."""
        return max((cell for cell in self.cells if cell.seconds), key=lambda cell: cell.seconds, default=None)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as a JSON-able mapping."""
        return {
            "study": str(self.study),
            "name": self.name,
            "states": self.states,
            "over": self.over,
            "stopped": self.stopped,
            "spent": self.spent._asdict(),
            "eta_s": self.eta_s,
            "traffic": msgspec.to_builtins(self.traffic),
            "traffic_said": self._traffic_said,
            "slowest": self.slowest.cell if self.slowest else None,
            "extensions": self.extensions,
            "looks": self.looks,
            "unseen": self.unseen,
            "changed": self.changed.as_dict(),
            "changed_said": self.changed.sentence(),
            "cells": [
                cell.as_dict() | {"left_s": self.left(cell) if cell.state == "running" else None} for cell in self.cells
            ],
        }


class FollowedStudy:
    """A study, looked at again and again; each look reads of its logs only what is new.

    Args:
        study: its folder.
        inputs: whether the first look reads the files that cells began with, which can take seconds; else none of them has changed.
        damage: looks at the logs of cells that have ended; by default nobody does, and only folders that are gone are found.
    """

    def __init__(self, study: Path, *, inputs: bool = True, damage: Damage = lambda run: None) -> None:
        self._log, self._layout = StudyLog(study), Layout(study)
        self._claims, self._watch = Claims(self._layout), Watch(self._layout)
        self._cells: dict[Path, FollowedCell] = {}
        self._over: dict[str, CellStatus] = {}
        self._damage, self._unseen = damage, 0
        self._changed: ChangedInputs | None = None if inputs else UNCHANGED

    def look(self) -> StudyStatus:
        """Return how it stands now.

        Raises:
            InputError: there is no study.
            LogError: its log cannot be read.
        """
        state, self._unseen = self._log.state(), 0
        cells = tuple(self._cell(name, cell) for name, cell in state.cells.items())
        if self._changed is None:  # once: it reads files
            self._changed = changed_inputs(state, self._layout)
        counts = len(state.extensions), len(state.looks)
        return StudyStatus(
            self._layout.folder, state.name, cells, _stopped(state), *counts, self._changed, self._unseen
        )

    def _cell(self, name: str, history: CellHistory) -> CellStatus:
        run = run_of(self._layout, history)
        if name in self._over:
            return self._as_found(self._over[name], run)
        state, progress = history.state, None
        if run is not None and state not in ("ended", "reused"):
            progress = self._cells.setdefault(run, FollowedCell(run)).look()
            if progress.ended:  # its worker may be gone before it could say so
                state = "ended"
        if state == "running" and not self._is_worked_on(name, history.attempts):
            state = "stopped"
        failure = history.failures[-1] if history.failures else None
        if state == "waiting" and failure is not None and failure.origin == "interrupted":
            state = "stopped"
        told = failure if failure is not None and state not in ("ended", "reused") else None
        status = CellStatus(
            cell=name,
            factors=history.planned.factors,
            seed=history.planned.seed,
            state=state,
            attempts=history.attempts,
            progress=None if state in ("ended", "reused") else progress,
            seconds=history.seconds,
            spent=_spent(run) if history.state != "reused" else Cost(),
            origin=told.origin if told else "",
            message=told.message if told else "",
            traceback=told.traceback if told else "",
            traffic=read_traffic(run) if state == "running" and run is not None else None,
        )
        if history.state in ("ended", "reused"):
            self._over[name] = status
            return self._as_found(status, run)
        return status

    def _as_found(self, status: CellStatus, run: Path | None) -> CellStatus:
        """Return a cell that has ended by the study's log as it is found now: whole, missing or damaged."""
        if is_gone(self._layout, status.cell, run):
            return replace(status, state=MISSING, message=GONE)
        wrong = self._damage(run) if run is not None else ""
        self._unseen += wrong is None
        return replace(status, state=DAMAGED, message=within(wrong, self._layout.folder)) if wrong else status

    def _is_worked_on(self, name: str, attempts: int) -> bool:
        claim = self._claims.current(name, attempts)
        return claim is not None and self._watch.is_alive(claim)


def _spent(run: Path | None) -> Cost:
    try:
        return Ledger(run).read() if run is not None else Cost()
    except MolochError:
        return Cost()


def _stopped(state: StudyState) -> str:
    if not state.stops or not any(cell.state in ("waiting", "running") for cell in state.cells.values()):
        return ""
    last = state.stops[-1]
    return f"{last.why}: {last.detail}" if last.detail else last.why
