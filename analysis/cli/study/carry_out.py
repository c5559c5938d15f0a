"""``moloch study run``, ``retry`` and ``extend``: cells are carried out until all have ended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli import options
from analysis.cli.console import stderr
from analysis.cli.option_groups import grouped
from analysis.cli.progress import EVERY, clock_time
from analysis.cli.study.work import Work
from moloch.exit_codes import ExitCode

if TYPE_CHECKING:
    from analysis.studies.record.counts import StudyStanding
    from analysis.studies.study import Study
    from analysis.studies.study_run import StudyRun

Page = Annotated[
    Path,
    typer.Argument(
        metavar="PAGE|STUDY", help="The study's page, or its folder once it has begun.", callback=options.page_or_study
    ),
]
Folder = Annotated[
    Path | None, typer.Option("--out", help="The study's folder; by default one under runs/ with a hash of its base.")
]
NAMED = 10
"""Failed cells that are named at the end."""
LOOK = 2.0
"""Seconds for which what was said of the cells that run holds."""


@grouped
def run(page: Page, work: Work, out: Folder = None, as_json: options.Json = False) -> None:
    """Begin a study, or resume it where it stopped: the same command comes to the same results.

    Exit code 0: every cell has ended; 3: some failed or are missing; 5: a budget is spent; 130: interrupted.
    """
    with stderr().status("loading"):
        study = _held(page, out, work)
    _carry_out(study, work, as_json=as_json)


@grouped
def retry(page: Page, work: Work, out: Folder = None, as_json: options.Json = False) -> None:
    """Try failed cells again, whatever the reason, and continue."""
    with stderr().status("loading"):
        study = _held(page, out, work)
        study.state()
    _carry_out(study, work, retry=True, as_json=as_json)


@grouped
def extend(page: Page, work: Work, out: Folder = None, as_json: options.Json = False) -> None:
    """Add the seeds and levels that the page has and the study does not, and carry out the new cells; the study's log says so."""
    with stderr().status("loading"):
        study = _held(page, out, work)
        added = study.extend()
    for each in added or ["nothing: the study has all that the page has"]:
        stderr().print(f"added {each}", markup=False, soft_wrap=True)
    _carry_out(study, work, as_json=as_json)


def opened(page: Path, out: Path | None) -> Study:
    """Return the study of a page, or that in a folder.

    Raises:
        PageMistakes: the page has mistakes.
        InputError: there is no page, and no study.
    """
    from analysis.studies.study import Study

    return Study.open(page) if page.is_dir() else Study(page, out=out)


def _held(page: Path, out: Path | None, work: Work) -> Study:
    """Return the study that is to be carried out, once object storage takes it: nothing of it is begun before."""
    study = opened(page, out)
    if work.store:
        study.hold(work.store)
    return study


def _carry_out(study: Study, work: Work, *, retry: bool = False, as_json: bool) -> None:
    from analysis.cli.run import say_lack
    from analysis.cli.study.results import print_study

    if work.engine == "slurm":
        from analysis.studies.engines.slurm import check_sbatch, options_of

        options_of(work.slurm or ())
        if not work.script_only:
            check_sbatch()
    if work.engine == "local":  # elsewhere other machines ask
        with stderr().status("looking for the models"):
            study.check_servers()
    study.begin()
    say_lack(cell.config for cell in study.cells)
    if work.engine == "slurm":
        submit(study, work, retry=retry, as_json=as_json)
        return
    done = carry_out(study, work, retry=retry)
    if as_json:
        print(json.dumps(as_dict(done)))
    else:
        say_lines(done)
        if done.exit_code == ExitCode.DONE:
            print_study(study.folder, "study results", look=False)  # all have ended: no look before the end
    raise typer.Exit(done.exit_code)


def carry_out(study: Study, work: Work, *, retry: bool = False) -> StudyRun:
    """Carry the cells of a study out that has begun, and say on stderr how it stands meanwhile.

    Raises:
        InputError: the engine is unknown, or cannot be had here.
    """
    from analysis.studies.engines import make_engine

    with (
        closing(make_engine(work.engine, work.number, study.folder, work.ray_address)) as workers,
        shown(study) as report,
    ):
        return study.run(
            engine=workers,
            retry=retry,
            wait=work.wait,
            workspace=work.workspace,
            reuse_older=work.reuse_older,
            store=work.store or "",
            report=report,
        )


def submit(study: Study, work: Work, *, retry: bool = False, as_json: bool) -> None:
    """Hand the cells that are left to Slurm, or print the script that does."""
    from analysis.studies.engines.slurm import array_of
    from analysis.studies.engines.slurm import submit as send
    from analysis.studies.record.layout import Layout

    Layout(study.folder).output.mkdir(
        exist_ok=True
    )  # Slurm makes no folders; an element that cannot print fails in silence
    left = sum(cell.state not in ("ended", "reused") for cell in study.state().cells.values())
    command = ["retry" if retry else "run", str(study.folder.absolute()), "--jobs", "1", "--no-wait"]
    command += ["--workspace", str(work.workspace.absolute())] if work.workspace else []
    command += ["--reuse-older"] if work.reuse_older else []
    command += ["--store", work.store] if work.store else []
    script = array_of(study.folder, left, work.number, tuple(work.slurm or ()), command).script()
    if work.script_only:
        print(script, end="")
        return
    array = send(script)
    if as_json:
        print(json.dumps({"study": str(study.folder), "array": array}))
        return
    stderr().print(f"array {array} of Slurm: {left} cells are left: {study.folder}", markup=False, soft_wrap=True)


def say_lines(done: StudyRun) -> None:
    """Say on stderr how a study stands after it was worked on, and what to do next."""
    for line in lines(done, str(done.folder)):
        stderr().print(line, markup=False, soft_wrap=True)


def as_dict(done: StudyRun) -> dict[str, Any]:
    """Return what ``--json`` prints of a study that was worked on."""
    from analysis.studies.record.counts import standing

    now = standing(done.state)
    cells = {
        name: {
            "state": cell.state, "run": cell.run, "head": cell.head, "digest": cell.digest, "seconds": cell.seconds,
            "attempts": cell.attempts, "failures": [[each.origin, each.message] for each in cell.failures],
        }
        for name, cell in done.state.cells.items()
    }  # fmt: skip
    counts = {"ended": now.ended, "failed": now.failed, "waiting": now.waiting + now.running}
    return {"study": str(done.folder), "stopped": done.why, **counts, "cells": cells}


def lines(done: StudyRun, folder: str) -> Iterator[str]:
    """Yield how a study stands after it was worked on, and what to do next."""
    from analysis.studies.record.counts import standing
    from analysis.terminal.failures import what_to_do

    now = standing(done.state)
    if done.why:
        stop = done.state.stops[-1]
        words = {"budget": "the budget is spent", "failed_share": "too many cells failed", "hours": "its time is over"}
        yield f"Stopped: {words.get(done.why, done.why)}{f': {stop.detail}' if stop.detail else ''}. Nothing is lost; the same command resumes."
    yield (
        f"{now.ended} of {now.cells} cells have ended"
        + (f", {now.failed} failed" if now.failed else "")
        + f": {folder}"
    )
    failed = [cell for cell in done.state.cells.values() if cell.state == "failed"]
    for cell in failed[:NAMED]:
        last = cell.failures[-1]
        trace = f" (traceback: {folder}/{last.traceback})" if last.traceback and last.origin == "bug" else ""
        yield f"  {cell.planned.cell}: {last.origin}: {last.message}{trace}"
    if len(failed) > NAMED:
        yield f"  and {len(failed) - NAMED:,} more: moloch study status {folder}"
    for line in what_to_do((cell.failures[-1].origin for cell in failed), folder):
        yield f"  {line}"


@contextmanager
def shown(study: Study) -> Iterator[Callable[[StudyStanding], None]]:
    """Yield what says on stderr how a study stands: one live line on a terminal, else plain lines now and then."""
    from analysis.cli.first_step import after_first_step_of

    console, stepped, running = stderr(), after_first_step_of(study), Running(study.folder)
    if console.is_terminal:
        from rich.text import Text

        with console.status(Text(f"{study.page.name}: beginning")) as status:

            def live(now: StudyStanding) -> None:
                for line in (*stepped(now), *now.news):
                    console.print(line, markup=False, soft_wrap=False)  # at words
                doing = str(running).removeprefix("; ") if now.running else ""
                status.update(Text(f"{study.page.name}: {told(now)}" + (f"\n  {doing}" if doing else "")))

            yield live
        return
    said = time.monotonic()

    def plain(now: StudyStanding) -> None:
        nonlocal said
        for line in (*stepped(now), *now.news):
            console.print(line, markup=False, soft_wrap=True)
        if now.news or time.monotonic() - said >= EVERY:
            said = time.monotonic()
            console.print(f"{told(now)}{running}", markup=False, soft_wrap=True)

    console.print(f"{study.page.name}: {len(study.cells)} cells: {study.folder}", markup=False, soft_wrap=True)
    yield plain


def told(now: StudyStanding) -> str:
    """Return how a study stands, in a line."""
    counts = {"running": now.running, "waiting": now.waiting, "failed": now.failed}
    parts = [f"{now.ended} of {now.cells} ended", *(f"{number} {what}" for what, number in counts.items() if number)]
    return f"{', '.join(parts)}; {clock_time(now.seconds)} so far"


class Running:
    """What the models of a study's running cells are doing, and how long these take, whenever it is shown; empty where nothing is known.

    Args:
        folder: the study's.
    """

    def __init__(self, folder: Path) -> None:
        from analysis.studies.record.status import FollowedStudy

        self._study, self._looked, self._said = FollowedStudy(folder, inputs=False), float("-inf"), ""

    def __str__(self) -> str:
        from moloch.errors import MolochError

        if time.monotonic() - self._looked >= LOOK:
            with suppress(MolochError):  # who carries the study out says what is wrong
                self._said = self._look()
            self._looked = time.monotonic()
        return self._said

    def _look(self) -> str:
        from analysis.formats import duration

        now = self._study.look().as_dict()
        running = f"running: {now['traffic_said']}" if now["traffic_said"] else ""
        left = f"{duration(now['eta_s'])} left of those running" if now["eta_s"] else ""
        return "".join(f"; {each}" for each in (running, left) if each)
