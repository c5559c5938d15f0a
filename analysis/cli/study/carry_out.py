"""``moloch study run``, ``retry`` and ``extend``: cells are carried out until all have ended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from analysis.cli import options
from analysis.cli.console import stderr

if TYPE_CHECKING:
    from analysis.studies.counts import StudyStanding
    from analysis.studies.study import Study, StudyRun

Page = Annotated[Path, typer.Argument(help="The study's page, or its folder once it has begun.")]
Jobs = Annotated[
    str,
    typer.Option(help="Cells at a time: a number, or auto: as many as the cores and the memory of this machine allow."),
]
EngineName = Annotated[
    str,
    typer.Option(
        "--engine",
        help="Where cells are carried out: local, processes of this machine; ray, a cluster; slurm, an array of jobs, "
        "which is submitted and left alone.",
    ),
]
RayAddress = Annotated[
    str,
    typer.Option(
        metavar="HOST:PORT", help="Head of a Ray cluster to join; without it ray starts one of this machine's own."
    ),
]
SlurmOption = Annotated[
    list[str] | None,
    typer.Option(
        "--slurm", metavar="KEY=VALUE", help="An option of sbatch, as often as needed: partition=long, time=24:00:00."
    ),
]
ScriptOnly = Annotated[bool, typer.Option("--script-only", help="Print the array's script instead of submitting it.")]
Wait = Annotated[
    bool, typer.Option(help="Wait for cells that others carry out; without, end once no other cell is left.")
]
Folder = Annotated[
    Path | None, typer.Option("--out", help="The study's folder; by default one under runs/ with a hash of its base.")
]
Workspace = Annotated[
    Path | None,
    typer.Option(
        help="Where finished runs that are cells of the study are looked for; by default the folder that it stands in."
    ),
]
Older = Annotated[
    bool, typer.Option("--reuse-older", help="Take finished runs of other versions of moloch for cells, too.")
]
Store = Annotated[
    str | None,
    typer.Option(help="Object storage to which the log of each cell goes once it has ended: s3://bucket/folder."),
]
EVERY = 30.0
"""Seconds between two lines that say how a study stands, where there is no terminal."""


def run(
    page: Page,
    jobs: Jobs = "auto",
    engine: EngineName = "local",
    ray_address: RayAddress = "",
    slurm: SlurmOption = None,
    script_only: ScriptOnly = False,
    wait: Wait = True,
    out: Folder = None,
    workspace: Workspace = None,
    older: Older = False,
    store: Store = None,
    as_json: options.Json = False,
) -> None:
    """Begin a study, or go on with it where it stopped: the same command again comes to the same results.

    Exit code 0: every cell has ended; 3: some failed or are missing; 5: a budget is spent; 130: interrupted.
    """
    with stderr().status("loading"):
        study = opened(page, out)
    where = Where(engine, _number(jobs), ray_address, tuple(slurm or ()), script_only)
    _carry_out(study, where, Runs(workspace, older, store or ""), wait=wait, as_json=as_json)


def retry(
    page: Page,
    jobs: Jobs = "auto",
    engine: EngineName = "local",
    ray_address: RayAddress = "",
    slurm: SlurmOption = None,
    script_only: ScriptOnly = False,
    wait: Wait = True,
    out: Folder = None,
    workspace: Workspace = None,
    older: Older = False,
    store: Store = None,
    as_json: options.Json = False,
) -> None:
    """Try the cells again that failed, whatever the reason, and go on."""
    with stderr().status("loading"):
        study = opened(page, out)
        study.state()
    where = Where(engine, _number(jobs), ray_address, tuple(slurm or ()), script_only)
    _carry_out(study, where, Runs(workspace, older, store or ""), wait=wait, retry=True, as_json=as_json)


def extend(
    page: Page,
    jobs: Jobs = "auto",
    engine: EngineName = "local",
    ray_address: RayAddress = "",
    slurm: SlurmOption = None,
    script_only: ScriptOnly = False,
    wait: Wait = True,
    out: Folder = None,
    workspace: Workspace = None,
    older: Older = False,
    store: Store = None,
    as_json: options.Json = False,
) -> None:
    """Add the seeds and levels that the page has and the study does not, and carry out the new cells; the study's log says so."""
    with stderr().status("loading"):
        study = opened(page, out)
        added = study.extend()
    for each in added or ["nothing: the study has all that the page has"]:
        stderr().print(f"added {each}", markup=False, soft_wrap=True)
    where = Where(engine, _number(jobs), ray_address, tuple(slurm or ()), script_only)
    _carry_out(study, where, Runs(workspace, older, store or ""), wait=wait, as_json=as_json)


def opened(page: Path, out: Path | None) -> Study:
    """Return the study of a page, or that in a folder.

    Raises:
        PageMistakes: the page has mistakes.
        InputError: there is no page, and no study.
    """
    from analysis.studies.study import Study

    return Study.open(page) if page.is_dir() else Study(page, out=out)


@dataclass(frozen=True)
class Where:
    """Where cells are carried out, as a command line says it.

    Attributes:
        engine: its name; ``jobs``: tasks at a time, None for as many as it has room for.
        ray_address: of a cluster; ``slurm``: options of an array; ``script_only``: print that array's script.

    Raises:
        InputError: an option is another engine's.
    """

    engine: str
    jobs: int | None
    ray_address: str
    slurm: tuple[str, ...]
    script_only: bool

    def __post_init__(self) -> None:
        from moloch.errors import InputError

        for option, engine in {"ray_address": "ray", "slurm": "slurm", "script_only": "slurm"}.items():
            if getattr(self, option) and self.engine != engine:
                name = option.replace("_", "-")
                raise InputError(f"--{name} is for --engine {engine}", why=f"the engine is {self.engine}")


class Runs(NamedTuple):
    """Which finished runs are cells already, and the object storage to which those that end go; empty for none."""

    workspace: Path | None
    older: bool
    store: str


def _carry_out(
    study: Study, where: Where, runs: Runs, *, retry: bool = False, wait: bool = True, as_json: bool
) -> None:
    from analysis.studies.engines import make_engine

    study.begin()
    if where.engine == "slurm":
        _submit(study, where, runs, retry=retry, as_json=as_json)
        return
    with (
        closing(make_engine(where.engine, where.jobs, study.folder, where.ray_address)) as workers,
        shown(study) as report,
    ):
        done = study.run(
            engine=workers,
            retry=retry,
            wait=wait,
            workspace=runs.workspace,
            reuse_older=runs.older,
            store=runs.store,
            report=report,
        )
    if as_json:
        print(json.dumps(as_dict(done)))
    else:
        for line in lines(done, str(study.folder)):
            stderr().print(line, markup=False, soft_wrap=True)
    raise typer.Exit(done.exit_code)


def _submit(study: Study, where: Where, runs: Runs, *, retry: bool, as_json: bool) -> None:
    """Hand the cells that are left to Slurm, or print the script that does."""
    from analysis.studies.engines.slurm import array_of, submit
    from analysis.studies.layout import Layout

    Layout(study.folder).output.mkdir(
        exist_ok=True
    )  # Slurm makes no folders; an element that cannot print fails in silence
    left = sum(cell.state not in ("ended", "reused") for cell in study.state().cells.values())
    command = ["retry" if retry else "run", str(study.folder.absolute()), "--jobs", "1", "--no-wait"]
    command += ["--workspace", str(runs.workspace.absolute())] if runs.workspace else []
    command += ["--reuse-older"] if runs.older else []
    command += ["--store", runs.store] if runs.store else []
    script = array_of(study.folder, left, where.jobs, where.slurm, command).script()
    if where.script_only:
        print(script, end="")
        return
    array = submit(script)
    if as_json:
        print(json.dumps({"study": str(study.folder), "array": array}))
        return
    stderr().print(f"array {array} of Slurm: {left} cells are left: {study.folder}", markup=False, soft_wrap=True)


def _number(jobs: str) -> int | None:
    from moloch.errors import InputError

    if jobs == "auto":
        return None
    if not jobs.isdecimal() or not 1 <= int(jobs) <= 1024:
        raise InputError(f"--jobs is not {jobs!r}", why="it takes a number from 1 to 1024, or auto")
    return int(jobs)


def as_dict(done: StudyRun) -> dict[str, Any]:
    """Return what ``--json`` prints of a study that was worked on."""
    from analysis.studies.counts import standing

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
    from analysis.studies.counts import standing

    now = standing(done.state)
    if done.why:
        stop = done.state.stops[-1]
        words = {"budget": "the budget is spent", "failed_share": "too many cells failed", "hours": "its time is over"}
        yield f"Stopped: {words.get(done.why, done.why)}{f': {stop.detail}' if stop.detail else ''}. Nothing is lost; the same command goes on."
    yield (
        f"{now.ended} of {now.cells} cells have ended"
        + (f", {now.failed} failed" if now.failed else "")
        + f": {folder}"
    )
    failed = [cell for cell in done.state.cells.values() if cell.state == "failed"]
    for cell in failed[:10]:
        last = cell.failures[-1]
        yield f"  {cell.planned.cell}: {last.origin}: {last.message}"
    if failed:
        more = f"  and {len(failed) - 10} more; " if len(failed) > 10 else "  "
        yield f"{more}once the reason is gone: moloch study retry {folder}"


@contextmanager
def shown(study: Study) -> Iterator[Callable[[StudyStanding], None]]:
    """Yield what says on stderr how a study stands: one live line on a terminal, else plain lines now and then."""
    console = stderr()
    if console.is_terminal:
        with console.status(f"{study.page.name}: beginning") as status:

            def live(now: StudyStanding) -> None:
                for line in now.news:
                    console.print(line, markup=False, soft_wrap=True)
                status.update(f"{study.page.name}: {told(now)}")

            yield live
        return
    said = time.monotonic()

    def plain(now: StudyStanding) -> None:
        nonlocal said
        for line in now.news:
            console.print(line, markup=False, soft_wrap=True)
        if now.news or time.monotonic() - said >= EVERY:
            said = time.monotonic()
            console.print(told(now), markup=False, soft_wrap=True)

    console.print(f"{study.page.name}: {len(study.cells)} cells: {study.folder}", markup=False, soft_wrap=True)
    yield plain


def told(now: StudyStanding) -> str:
    """Return how a study stands, in a line."""
    parts = [f"{now.ended} of {now.cells} ended", f"{now.running} running", f"{now.waiting} waiting"]
    parts += [f"{now.failed} failed"] if now.failed else []
    return f"{', '.join(parts)}; {_clock(now.seconds)}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
