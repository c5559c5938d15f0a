"""A study from a script: its page, its folder, its cells, and what is done with them. Imports no engine before one is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from analysis.studies.pages.cells import Cell, Cells, cells_of
from analysis.studies.pages.page import StudyPage, WrittenPage, page_of, read_page
from analysis.studies.record.counts import StudyStanding
from analysis.studies.record.identity import RunLibrary, identity_if_readable
from analysis.studies.record.layout import PAGE, default_folder
from analysis.studies.record.planned_folder import PlannedFolder
from analysis.studies.record.study_log import StudyLog, StudyState
from analysis.studies.study_run import StudyRun, carried_out, check_inputs, held_in, needs, put_into
from analysis.studies.work.rules import Rules

if TYPE_CHECKING:
    import polars as pl

    from analysis.studies.designs.plan import PlannedStudy
    from analysis.studies.findings.results import StudyResults
    from analysis.studies.frames.equality import FrameEquality
    from analysis.studies.record.status import StudyStatus
    from analysis.studies.work.tasks import Engine


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
        self._planned = PlannedFolder(self._log, self.page, self._made)

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
        """Return a frame of the study, with a column per factor; see :func:`analysis.studies.frames.study_frames.study_frame`.

        Args:
            name: ``cells``, ``contests``, ``votes``, ``messages``, ``verdicts``, ``training``, ``reactions``, ``labels``, or a type of event.
            look: see what happened in a preregistered study before its end; its log says so. ``cells`` shows no effects.

        Raises:
            InputError: it has not begun, there is no such frame, or effects are not to be seen yet.
            LogError: the study's log cannot be read.
        """
        from analysis.studies.frames.study_frames import study_frame
        from analysis.studies.prereg.looks import look_at

        frame = study_frame(self.folder, name)
        if name != "cells":
            look_at([self.folder], "Study.frame", look)
        return frame

    def equal_frames(self, other: Path | str | Study, *, look: bool = False) -> FrameEquality:
        """Return whether another execution of this study came to the same, row by row; see :func:`analysis.studies.frames.equality.equal_frames`.

        Args:
            other: a study, or its folder.
            look: see effects of a preregistered study before its end; its log says so.

        Raises:
            InputError: one has not begun, or effects are not to be seen yet.
            LogError: a log cannot be read.
        """
        from analysis.studies.frames.equality import equal_frames
        from analysis.studies.prereg.looks import look_at

        folder = other.folder if isinstance(other, Study) else Path(other)
        look_at([self.folder, folder], "Study.equal_frames", look)
        return equal_frames(self.folder, folder)

    def codebook(self, *names: str) -> dict[str, list[dict[str, str]]]:
        """Return what the columns of its frames mean: frame -> its columns; by default those that have a name.

        Raises:
            InputError: it has not begun, or there is no such frame.
        """
        from analysis.studies.frames.study_frames import STUDY_NAMES, study_columns

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
        remote = held_in(store, self._log.layout) if store else None
        self.begin()
        check_inputs(self._log, self.cells)
        rules = Rules(
            stop=self.page.stop, retry=retry, wait=wait, needs=needs, identity=identity_if_readable,
            reused=(lambda identity: None) if self.page.primary else self.library(workspace, reuse_older).of, store=store,
        )  # fmt: skip
        work = partial(carried_out, self._log, self.page, self.cells, rules, jobs=jobs, engine=engine)
        if remote is None:
            return work(report=report)

        def told(standing: StudyStanding) -> None:
            remote.check()
            report(standing)

        with remote.following():
            done = work(report=told)
            put_into(store, self._log.layout, done.state)
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
        from analysis.studies.findings.results import splitting_factors, study_results
        from analysis.studies.prereg.looks import look_at

        splitting_factors(self._log.state(), by)  # a mistake is no look
        look_at([self.folder], "Study.results", look)
        return study_results(self.folder, by)

    def status(self) -> StudyStatus:
        """Return how each cell stands, by its own log, of which the end is read; never an effect.

        Raises:
            InputError: it has not begun.
        """
        from analysis.studies.record.cell_ends import CellEnds
        from analysis.studies.record.status import FollowedStudy

        return FollowedStudy(self.folder, damage=CellEnds().damage).look()

    def plan(self, jobs: int = 0) -> PlannedStudy:
        """Return what is left to do: cells, calls, money, hours; see :func:`analysis.studies.designs.plan.plan_study`."""
        from analysis.studies.designs.plan import plan_study

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
        held_in(store, self._log.layout)

    def begin(self) -> None:
        """Make the study's folder and its log, unless it is there.

        Raises:
            InputError: the folder holds something else, or a study with another page.
        """
        self._planned.begin()

    def extend(self) -> list[str]:
        """Add the cells that the page has and the study does not; its log says so. Return what was added, in words.

        Raises:
            InputError: it has not begun, its base is another one, or cells of it are no more on the page.
        """
        return self._planned.extend()

    def library(self, workspace: Path | str | None = None, older: bool = False) -> RunLibrary:
        """Return the finished runs that cells may be already; see :meth:`run`."""
        return RunLibrary(Path(workspace) if workspace else self.folder.absolute().parent, self.folder, older=older)
