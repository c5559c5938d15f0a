"""Looks at the effects of a study that declared beforehand what it is to decide: before its end, each is asked for and logged."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from abm.log import open_log
from abm.study_events import StudyLooked
from analysis.studies.pages.declarations import in_force
from analysis.studies.prereg.interim import complete_seeds, look_of
from analysis.studies.record.layout import Layout
from analysis.studies.record.places import run_of, study_of
from analysis.studies.record.study_log import CellHistory, StudyLog, user
from moloch.errors import InputError, MolochError

KNOWN_S = 10.0
OF_FIRST_SEEDS = ("study results", "results", "Study.results")
"""Doors that show, at a declared look, its seeds alone."""
OF_ENDED_CELLS = (*OF_FIRST_SEEDS, "report")
"""Doors that show of a study nothing but its cells that have ended."""


def has_ended(layout: Layout, cell: CellHistory) -> bool:
    """Tell whether a cell's run is whole, by its own log: the study's may not say it yet."""
    if cell.state in ("ended", "reused"):
        return True
    run = run_of(layout, cell)
    try:
        return run is not None and open_log(run, write=False).ended() is not None
    except MolochError:
        return False


class Curtain:
    """What is not to be seen yet of a study: its effects, where its page has ``primary`` and a cell has not ended.

    Attributes:
        closed: whether it is so; ``ended``, ``of``: how many cells have ended, and are planned.

    Raises:
        LogError: the study's log cannot be read.
    """

    def __init__(self, study: Path) -> None:
        self._log, layout = StudyLog(study), Layout(study)
        self._state = state = self._log.state()
        self.of, self._whole = len(state.cells), set[str]()
        self.closed = bool(state.declarations)
        if self.closed:
            self._whole = {name for name, cell in state.cells.items() if has_ended(layout, cell)}
            self.closed = self.ended < self.of

    @property
    def ended(self) -> int:
        return len(self._whole)

    def lift(self, door: str, *, first_seeds: bool = False) -> None:
        """Log a look.

        Args:
            first_seeds: whether what is seen is, at a declared look, of its seeds alone.
        """
        cells = self._state.cells.values()
        left = sum(cell.planned.cell not in self._whole and cell.state != "failed" for cell in cells)
        seeds = tuple(dict.fromkeys(cell.planned.seed for cell in cells))
        whole = complete_seeds(seeds, (cell.planned.seed for cell in cells if cell.planned.cell not in self._whole))
        looked = StudyLooked(
            door=door, ended=self.ended, of=self.of, by=user(), seeds=whole, left=left, declared=self._declared(first_seeds),
        )  # fmt: skip
        self._log.append([looked])

    def _declared(self, first_seeds: bool) -> int:
        """Return the seeds of the declared look that it is; 0 for none."""
        if (declared := in_force(self._state.declarations)) is None:
            return 0
        look = look_of(declared, self._state, lambda cell: cell.planned.cell in self._whole)
        if look.at is None or look.is_end:
            return 0
        more = any(self._state.cells[name].planned.seed not in look.seeds for name in self._whole)
        return len(look.seeds) if first_seeds or not more else 0


def look_at(paths: Iterable[Path], door: str, look: bool) -> None:
    """Let effects of studies be seen, once for each study that a path names or lies in; runs of no study are nobody's secret.

    Args:
        door: the command, such as ``study results``.
        look: whether the user asked for an interim look; it is logged.

    Raises:
        InputError: a preregistered study has cells that have not ended, and no look was asked for; or none has, and ended cells
            are all that the command shows.
        LogError: the study's log cannot be read, or the look not written.
    """
    given = list(paths)
    studies = dict.fromkeys(study.resolve() for path in given if (study := study_of(path)) is not None)
    curtains = {study: curtain for study in studies if (curtain := Curtain(study)).closed}
    for study, curtain in curtains.items():
        if not look:
            raise InputError(
                "this would show effects of a preregistered study before its end",
                where=str(study),
                why=f"its page has primary outcomes, and {curtain.ended:,} of {curtain.of:,} cells have ended",
                fix="Wait for its end, or give --look: the look is written into the study's log, for every reader to see.",
            )
    named = {path.resolve() for path in given}
    whole = named if door in OF_FIRST_SEEDS else set[Path]()
    for study, curtain in curtains.items():
        if door in OF_ENDED_CELLS and study in named and not curtain.ended:
            why = "there is nothing to look at, and no look was logged"
            fix = "moloch study status shows how far they are."
            raise InputError("no cell has ended yet", where=str(study), why=why, fix=fix)
        curtain.lift(door, first_seeds=study in whole)


class HiddenCells:
    """Tells which runs are cells whose effects are not to be seen yet; what it knows of a study holds for :data:`KNOWN_S` seconds."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[float, bool]] = {}

    def __call__(self, run: Path) -> bool:
        """Tell it of a run."""
        if (study := study_of(run)) is None:
            return False
        until, closed = self._known.get(study, (0.0, True))
        if time.monotonic() > until:
            try:
                closed = Curtain(study).closed
            except MolochError:  # of a study whose log cannot be read, nobody knows what it declared
                closed = True
            self._known[study] = (time.monotonic() + KNOWN_S, closed)
        return closed
