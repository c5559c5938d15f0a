"""Looks at the effects of a study that declared beforehand what it is to decide: before its end, each is asked for and logged."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from abm.log import open_log
from abm.study_events import StudyLooked
from analysis.studies.layout import Layout
from analysis.studies.places import run_of, study_of
from analysis.studies.study_log import CellHistory, StudyLog, user
from moloch.errors import InputError, MolochError

KNOWN_S = 10.0


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
        state = self._log.state()
        self.of, self.ended = len(state.cells), 0
        self.closed = bool(state.page.get("primary"))
        if self.closed:
            self.ended = sum(has_ended(layout, cell) for cell in state.cells.values())
            self.closed = self.ended < self.of

    def lift(self, door: str) -> None:
        """Log a look."""
        self._log.append([StudyLooked(door=door, ended=self.ended, of=self.of, by=user())])


def look_at(paths: Iterable[Path], door: str, look: bool) -> None:
    """Let effects of studies be seen, once for each study that a path names or lies in; runs of no study are nobody's secret.

    Args:
        door: the command, such as ``study results``.
        look: whether the user asked for an interim look; it is logged.

    Raises:
        InputError: a preregistered study has cells that have not ended, and no look was asked for.
        LogError: the study's log cannot be read, or the look not written.
    """
    studies = dict.fromkeys(study.resolve() for path in paths if (study := study_of(path)) is not None)
    curtains = {study: curtain for study in studies if (curtain := Curtain(study)).closed}
    for study, curtain in curtains.items():
        if not look:
            raise InputError(
                "this would show effects of a preregistered study before its end",
                where=str(study),
                why=f"its page has primary outcomes, and {curtain.ended:,} of {curtain.of:,} cells have ended",
                fix="Wait for its end, or give --look: the look is written into the study's log, for every reader to see.",
            )
    for curtain in curtains.values():
        curtain.lift(door)


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
