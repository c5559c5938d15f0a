"""A study from a script: its page, its folder, its cells, and what is done with them. Imports no engine before one is needed."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

import msgspec
import yaml

from abm.log import check_folder
from abm.log.disk import unwritable
from abm.study_events import PlannedCell, StudyExtended, StudyPlanned
from analysis.studies._additions import additions, page_id
from analysis.studies._code_state import code_state
from analysis.studies.cells import Cell, Cells, cells_of
from analysis.studies.controller import Controller
from analysis.studies.counts import StudyStanding, Why
from analysis.studies.declared_mistakes import judging_probes
from analysis.studies.identity import RunLibrary, identity_if_readable
from analysis.studies.layout import COPY, PAGE, default_folder, is_study
from analysis.studies.page import StudyPage, WrittenPage, page_of, read_page
from analysis.studies.prereg.interim import by_looks
from analysis.studies.rules import Rules
from analysis.studies.study_log import CellState, StudyLog, StudyState, user
from analysis.studies.tasks import Needs
from learning import RunConfig
from learning.runs.machine import versions
from moloch.errors import InputError, MolochWarning

if TYPE_CHECKING:
    import polars as pl

    from analysis.studies.equality import FrameEquality
    from analysis.studies.plan import PlannedStudy
    from analysis.studies.remote import StudyRemote
    from analysis.studies.results import StudyResults
    from analysis.studies.status import StudyStatus
    from analysis.studies.tasks import Engine


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
    def exit_code(self) -> int:
        """0: every cell has ended; 3: some failed or are missing; 5: a budget is spent; 130: interrupted."""
        if self.why == "interrupted":
            return 130
        if self.why in ("budget", "hours"):
            return 5
        over = {"ended", "reused"} | self.left
        return 0 if all(cell.state in over for cell in self.state.cells.values()) else 3


class Study:
    """A page of factors, and the runs that it comes to.

    Args:
        page: the path of its YAML; or give what a page says as keywords, where a level may be a function.
        out: its folder; by default one under ``runs/`` named by the study and by what its cells share.

    Raises:
        InputError: the page has mistakes, each with its place.
    """

    def __init__(
        self, page: Path | str | WrittenPage | None = None, *, out: Path | str | None = None, **values: Any
    ) -> None:
        self._written = (
            page if isinstance(page, WrittenPage) else read_page(page) if page else page_of({"name": "study"} | values)
        )
        self._made = cells_of(self._written)
        self.folder = Path(out) if out is not None else default_folder(self.page.name, self._made.base)
        self._log = StudyLog(self.folder)

    @classmethod
    def open(cls, folder: Path | str) -> Self:
        """Return the study in a folder.

        Raises:
            InputError: there is none.
        """
        StudyLog(folder).state()
        return cls(read_page(Path(folder) / PAGE, recorded=True), out=folder)

    @property
    def page(self) -> StudyPage:
        """What the page says."""
        return self._written.page

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Its cells, in the order of the page."""
        return self._made.cells

    @property
    def made(self) -> Cells:
        """All that the page comes to, combinations that are no runs among it."""
        return self._made

    def state(self) -> StudyState:
        """Return what its log says of it now.

        Raises:
            InputError: it has not begun.
        """
        return self._log.state()

    def frame(self, name: str, *, look: bool = False) -> pl.LazyFrame:
        """Return a frame of the study, with a column per factor; see :func:`analysis.studies.study_frames.study_frame`.

        Args:
            name: ``cells``, ``contests``, ``votes``, ``messages``, ``verdicts``, ``training``, ``reactions``, ``labels``, or a type of event.
            look: see what happened in a preregistered study before its end; its log says so. ``cells`` shows no effects.

        Raises:
            InputError: it has not begun, there is no such frame, or effects are not to be seen yet.
            LogError: the study's log cannot be read.
        """
        from analysis.studies.prereg.looks import look_at
        from analysis.studies.study_frames import study_frame

        frame = study_frame(self.folder, name)
        if name != "cells":
            look_at([self.folder], "Study.frame", look)
        return frame

    def equal_frames(self, other: Path | str | Study, *, look: bool = False) -> FrameEquality:
        """Return whether another execution of this study came to the same, row by row; see :func:`analysis.studies.equality.equal_frames`.

        Args:
            other: a study, or its folder.
            look: see effects of a preregistered study before its end; its log says so.

        Raises:
            InputError: one has not begun, or effects are not to be seen yet.
            LogError: a log cannot be read.
        """
        from analysis.studies.equality import equal_frames
        from analysis.studies.prereg.looks import look_at

        folder = other.folder if isinstance(other, Study) else Path(other)
        look_at([self.folder, folder], "Study.equal_frames", look)
        return equal_frames(self.folder, folder)

    def codebook(self, *names: str) -> dict[str, list[dict[str, str]]]:
        """Return what the columns of its frames mean: frame -> its columns; by default those that have a name.

        Raises:
            InputError: it has not begun, or there is no such frame.
        """
        from analysis.studies.study_frames import STUDY_NAMES, study_columns

        told = {name: study_columns(self.folder, name) for name in names or STUDY_NAMES}
        return {name: [msgspec.to_builtins(column) for column in columns] for name, columns in told.items()}

    def run(
        self,
        jobs: int | None = None,
        *,
        engine: Engine | None = None,
        retry: bool = False,
        wait: bool = True,
        workspace: Path | str | None = None,
        reuse_older: bool = False,
        store: str = "",
        report: Callable[[StudyStanding], None] = lambda standing: None,
    ) -> StudyRun:
        """Begin the study, or go on with it, until every cell has ended, failed, or a bound is met.

        Args:
            jobs: cells at a time, on this machine; None: as many as cores and memory allow.
            engine: what carries them out instead; closed by who made it.
            retry: try cells again that failed for reasons that stay, too.
            wait: for cells that other controllers carry out; else return once no other is left.
            workspace: folder of runs and studies, where finished runs that are cells of this study are looked for; by default the
                one that the study stands in. A preregistered study takes none: what was carried out before could have been seen.
            reuse_older: take those of other versions of moloch, too.
            store: URL of a folder in object storage that follows this one: the study's own log, and each cell's while it is
                carried out. If the study is there and not here, it is fetched first.
            report: called with how the study stands.

        Raises:
            InputError: the folder holds another study, or the page has more than the study: extend it; another folder's controller works on
                what is in object storage; or cells are left, and files or models are not what those that ended began with.
            Conflict: another history of the study is in object storage, or it was taken over.
            LogError: the study's log cannot be written, or object storage refuses.
        """
        remote = self._remote(store) if store else None
        self.begin()
        self._check_inputs()
        rules = Rules(
            stop=self.page.stop, retry=retry, wait=wait, needs=_needs, identity=identity_if_readable,
            reused=(lambda identity: None) if self.page.primary else self.library(workspace, reuse_older).of, store=store,
        )  # fmt: skip
        if remote is None:
            return self._carry_out(jobs, engine, rules, report)

        def told(standing: StudyStanding) -> None:
            remote.check()
            report(standing)

        with remote.following():
            done = self._carry_out(jobs, engine, rules, told)
            self._upload(done.state, store)
        return done

    def results(self, by: Sequence[str] | None = None, *, look: bool = False) -> StudyResults:
        """Return what it came to so far; printed, it is what ``moloch study results`` prints.

        Args:
            by: factors that split the rows; others are averaged over. By default all that have levels.
            look: see effects of a preregistered study before its end; its log says so.

        Raises:
            InputError: it has not begun, no cell has ended, there is no such factor, or effects are not to be seen yet.
            LogError: a log cannot be read.
        """
        from analysis.studies.prereg.looks import look_at
        from analysis.studies.results import study_results

        look_at([self.folder], "Study.results", look)
        return study_results(self.folder, by)

    def status(self) -> StudyStatus:
        """Return how each cell stands, by its own log; never an effect.

        Raises:
            InputError: it has not begun.
        """
        from analysis.studies.status import FollowedStudy

        return FollowedStudy(self.folder).look()

    def plan(self, jobs: int = 0) -> PlannedStudy:
        """Return what is left to do: cells, calls, money, hours; see :func:`analysis.studies.plan.plan_study`."""
        from analysis.studies.plan import plan_study

        return plan_study(self._written, self.folder, jobs=jobs)

    def hold(self, store: str) -> None:
        """Become the one who writes the study in object storage; if it is there and another folder wrote it, fetch it.

        What begins or extends a study before :meth:`run` does this first: nothing is begun that the storage refuses, and nothing
        twice.

        Args:
            store: as of :meth:`run`.

        Raises:
            InputError: it is no URL of a folder in object storage, or another folder's controller works on it.
            Conflict: another history of the study is there.
            LogError: the storage refuses.
        """
        self._remote(store)

    def begin(self) -> None:
        """Make the study's folder and its log, unless it is there.

        Raises:
            InputError: the folder holds something else, or a study with another page.
        """
        if not (is_study(self.folder) and self.state().name):
            self._begin()
        if differs := self._differences():
            raise InputError(
                "the page is not the one that the study began with",
                where=str(self.folder),
                why=f"it adds {'; '.join(differs)}",
                fix="moloch study extend adds it, and the study's log says so; or give another name or --out.",
            )
        self._write_page()

    def _begin(self) -> None:
        log = self._log.layout.log
        check_folder(self.folder)
        own = (log.name, COPY)
        if self.folder.is_dir() and any(each.name not in own for each in self.folder.iterdir()) and not log.is_dir():
            _refuse(self.folder)
        planned = StudyPlanned(
            name=self.page.name, page=self._made.page, page_id=page_id(self._made.page),
            cells=[_planned(cell) for cell in self.cells], versions=versions(), code=code_state(), by=user(),
            **self._declared(),
        )  # fmt: skip
        self._log.begin(planned)
        self._write_page()

    def extend(self) -> list[str]:
        """Add the cells that the page has and the study does not; its log says so. Return what was added, in words.

        Raises:
            InputError: it has not begun, its base is another one, or cells of it are no more on the page.
        """
        state, differs = self.state(), self._differences()
        if not differs:
            return []
        new = [_planned(cell) for cell in self.cells if cell.name not in state.cells]
        ended = sum(cell.state in ("ended", "reused") for cell in state.cells.values())
        extended = StudyExtended(
            page=self._made.page, page_id=page_id(self._made.page), before=state.page_id, what=differs, cells=new,
            ended=ended, versions=versions(), code=code_state(), by=user(), **self._declared(),
        )  # fmt: skip
        self._log.append([extended])
        self._write_page()
        return differs

    def _declared(self) -> dict[str, Any]:
        """Return what events say of a page that declares something."""
        primary = self.page.primary
        if primary is None or primary.is_earlier:
            return {}
        return {"preregistration": primary.id, "probes": judging_probes(cell.config for cell in self.cells)}

    def library(self, workspace: Path | str | None = None, older: bool = False) -> RunLibrary:
        """Return the finished runs that cells may be already; see :meth:`run`."""
        return RunLibrary(Path(workspace) if workspace else self.folder.absolute().parent, self.folder, older=older)

    def _check_inputs(self) -> None:
        """Refuse to carry cells out with other data than those that ended; of other code, and of cells that have all ended, tell."""
        from analysis.studies.inputs import PUT_BACK, changed_inputs

        state = self.state()
        changed = changed_inputs(state, self._log.layout, self.cells)
        if changed.data and any(cell.state not in ("ended", "reused") for cell in state.cells.values()):
            raise InputError(
                "cells that are left would begin with other data than those that ended",
                where=str(self.folder), why=changed.sentence(), fix=PUT_BACK,
            )  # fmt: skip
        if changed:
            warnings.warn(f"{self.folder}: {changed.sentence()}", MolochWarning, stacklevel=3)

    def _upload(self, state: StudyState, store: str) -> None:
        """Put what is not there yet: cells that had ended before, and those that stand elsewhere."""
        from analysis.studies.places import run_of
        from analysis.studies.uploads import keep

        for name, cell in state.cells.items():
            if cell.state in ("ended", "reused") and (run := run_of(self._log.layout, cell)) is not None:
                keep(self._log.layout, name, run, store, cell.head)

    def _remote(self, store: str) -> StudyRemote:
        """Hold what is in object storage; where another folder did, go on from what it put."""
        from analysis.studies.fetched import fetch, is_there
        from analysis.studies.remote import StudyRemote

        remote = StudyRemote(self._log.layout, store)
        if remote.hold() and is_there(store):
            fetch(store, self.folder)
        return remote

    def _carry_out(
        self, jobs: int | None, engine: Engine | None, rules: Rules, report: Callable[[StudyStanding], None]
    ) -> StudyRun:
        from analysis.studies.engines.local import LocalEngine

        cells = {cell.name: cell for cell in by_looks(self.cells, self.page)}
        ours = LocalEngine(jobs) if engine is None else None
        try:
            why = Controller(self._log, cells, engine or ours, rules, report).run()  # pyright: ignore[reportArgumentType]
        finally:
            if ours is not None:
                ours.close()
        return StudyRun(self.folder, self.state(), why, frozenset() if rules.wait else frozenset({"running"}))

    def _differences(self) -> list[str]:
        """Return what the page adds to the study, in words; raises as :func:`additions`."""
        return additions(self.state(), self._made, self.folder)

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


def _needs(config: RunConfig) -> Needs:
    """Return what a cell needs: a GPU, unless its settings say to do without one or which one to take."""
    return Needs(gpus=1 if config.serving.device in ("auto", "cuda") else 0)


def _planned(cell: Cell) -> PlannedCell:
    return PlannedCell(cell=cell.name, factors=cell.factors, seed=cell.seed, settings=cell.settings)
