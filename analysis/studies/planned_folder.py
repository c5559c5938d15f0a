"""A study's folder as its page begins and extends it: the events of its log that say what is planned, and the page beside them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NoReturn

import yaml

from abm.log import check_folder
from abm.log.disk import unwritable
from abm.study_events import PlannedCell, StudyExtended, StudyPlanned
from analysis.studies._additions import additions, page_id
from analysis.studies._code_state import code_state
from analysis.studies.cells import Cell, Cells
from analysis.studies.declared_mistakes import judging_probes
from analysis.studies.layout import COPY, is_study
from analysis.studies.page import StudyPage
from analysis.studies.study_log import StudyLog, user
from learning.runs.machine import versions
from moloch.errors import InputError


class PlannedFolder:
    """The folder of one page.

    Args:
        log: the study's; ``made``: all that the page comes to.
    """

    def __init__(self, log: StudyLog, page: StudyPage, made: Cells) -> None:
        self._log, self._page, self._made = log, page, made
        self._folder = log.layout.folder

    def begin(self) -> None:
        """Make the folder and its log, unless it is there.

        Raises:
            InputError: the folder holds something else, or a study with another page.
        """
        if not (is_study(self._folder) and self._log.state().name):
            self._begin()
        if differs := self._differences():
            raise InputError(
                "the page is not the one that the study began with",
                where=str(self._folder),
                why=f"it adds {'; '.join(differs)}",
                fix="moloch study extend adds it, and the study's log says so; or give another name or --out.",
            )
        self._write_page()

    def extend(self) -> list[str]:
        """Add the cells that the page has and the study does not; its log says so. Return what was added, in words.

        Raises:
            InputError: it has not begun, its base is another one, or cells of it are no more on the page.
        """
        state, differs = self._log.state(), self._differences()
        if not differs:
            return []
        new = [_planned(cell) for cell in self._made.cells if cell.name not in state.cells]
        ended = sum(cell.state in ("ended", "reused") for cell in state.cells.values())
        extended = StudyExtended(
            page=self._made.page, page_id=page_id(self._made.page), before=state.page_id, what=differs, cells=new,
            ended=ended, versions=versions(), code=code_state(), by=user(), **self._declared(),
        )  # fmt: skip
        self._log.append([extended])
        self._write_page()
        return differs

    def _begin(self) -> None:
        log = self._log.layout.log
        check_folder(self._folder)
        own = (log.name, COPY)
        if self._folder.is_dir() and any(each.name not in own for each in self._folder.iterdir()) and not log.is_dir():
            _refuse(self._folder)
        planned = StudyPlanned(
            name=self._page.name, page=self._made.page, page_id=page_id(self._made.page),
            cells=[_planned(cell) for cell in self._made.cells], versions=versions(), code=code_state(), by=user(),
            **self._declared(),
        )  # fmt: skip
        self._log.begin(planned)
        self._write_page()

    def _declared(self) -> dict[str, Any]:
        """Return what events say of a page that declares something."""
        primary = self._page.primary
        if primary is None or primary.is_earlier:
            return {}
        return {"preregistration": primary.id, "probes": judging_probes(cell.config for cell in self._made.cells)}

    def _differences(self) -> list[str]:
        """Return what the page adds to the study, in words; raises as :func:`additions`."""
        return additions(self._log.state(), self._made, self._folder)

    def _write_page(self) -> None:
        path = self._log.layout.page
        told = yaml.safe_dump(self._made.page, sort_keys=False, allow_unicode=True, width=120)
        text = f"# As the study was last planned; its log holds every page that it had.\n{told}"
        if path.is_file() and path.read_text("utf-8") == text:
            return
        new = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            new.write_text(text, "utf-8")
            new.replace(path)
        except OSError as error:
            raise unwritable(path, error) from error


def _refuse(folder: Path) -> NoReturn:
    if any(folder.glob("seed-*/run.json")):
        raise InputError(
            "the folder holds runs of moloch study --seeds as it was before it made studies",
            where=str(folder),
            fix="Give an --out beside it, or none: those of its runs that have ended are found there, and not repeated.",
        )
    raise InputError("the folder is not a study", where=str(folder), fix="Choose an --out that is new or empty.")


def _planned(cell: Cell) -> PlannedCell:
    return PlannedCell(cell=cell.name, factors=cell.factors, seed=cell.seed, settings=cell.settings)
