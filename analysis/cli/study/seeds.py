"""``moloch study --seeds 5``: the short form of a study: the same run over several seeds, and what holds across them."""

from __future__ import annotations

import json
import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli import options
from analysis.cli.console import say, stderr
from analysis.cli.option_groups import grouped
from analysis.cli.run_options import RunOptions
from analysis.cli.study.results import print_replicates
from analysis.cli.study.work import Work
from moloch.exit_codes import ExitCode

if TYPE_CHECKING:
    from analysis.studies.study import Study
    from analysis.studies.study_run import StudyRun
    from learning.settings.sources import GivenSettings


@grouped
def seeds(
    given: RunOptions,
    number: Annotated[int, typer.Option("--seeds", min=2, help="How many seeds to run: 1, 2, ...")] = 5,
    dry_run: options.DryRun = False,
    out: Annotated[
        Path | None, typer.Option(help="The study's folder; by default one under runs/ with a hash of its settings.")
    ] = None,
    *,
    work: Work,
    as_json: options.Json = False,
) -> None:
    """Run several seeds, and give means with intervals over them: the short form of a study, whose page is made of these options.

    The same command resumes where it stopped; with more seeds it adds them. Limits apply to all runs together. moloch study
    status, run, retry and results take its folder.
    """
    with stderr().status("loading"):
        read = _settings(given)
        study = _study(read.values, number, out)
    if dry_run:
        _print_plan(study, work, read, as_json=as_json)
        return
    if work.store:
        study.hold(work.store)
    _begin(study)
    if work.engine == "slurm":
        from analysis.cli.study.carry_out import submit

        submit(study, work, as_json=as_json)
        return
    from analysis.cli.study.carry_out import carry_out, say_lines

    done = carry_out(study, work)
    if not as_json:
        say_lines(done)
    missing = _print_results(study, done, as_json=as_json)
    raise typer.Exit(done.exit_code or (ExitCode.NOT_WHOLE if missing else ExitCode.DONE))


def _settings(given: RunOptions) -> GivenSettings:
    """Return the settings that the command line gives, which are valid.

    Raises:
        InputError: they are not, they name a seed, or the file is a study's page.
    """
    from learning.settings.effects import warn_of
    from moloch.errors import InputError

    read, _ = given.read()
    for layer in read.layers:
        if layer.chosen and "seed" in layer.settings:
            why = "a study sets the seed of each run itself"
            told = InputError(
                "setting 'seed' has no effect here", where=layer.at(("seed",)), why=why, fix="Leave it out."
            )
            if layer is not read.file:
                raise told
            warn_of(told)
    return read


def _study(settings: dict[str, Any], number: int, out: Path | None) -> Study:
    from abm.log import check_folder
    from analysis.studies.pages.short_form import short_page
    from analysis.studies.study import Study
    from learning.runs.costs import check_places

    study = Study(short_page(settings, number), out=out)
    check_folder(study.folder)
    check_places(study.cells[0].config)
    return study


def _begin(study: Study) -> None:
    """Make the study, or add the seeds that it has not; say what is about to be asked of servers, which may cost money."""
    from analysis.cli.run import say_lack, say_precision
    from analysis.studies.record.layout import Layout, is_study
    from learning.runs.costs import RolePlan, planned, sentence, total
    from moloch.errors import LogError

    if is_study(study.folder):
        for each in study.extend():
            stderr().print(f"added {each}", markup=False, soft_wrap=True)
    study.begin()
    layout, first = Layout(study.folder), study.cells[0]
    say_precision(first.config, layout.cell(first.name))
    say_lack([first.config])
    plans = list[list[RolePlan]]()
    for cell in study.cells:
        if study.state().cells[cell.name].state not in ("ended", "reused"):
            with suppress(LogError):  # its worker says what is wrong with it
                plans.append(planned(cell.config, layout.cell(cell.name)))
    roles = total(plans)
    if served := [role for role in roles if role.served and role.calls > role.answered]:
        stderr().print(f"plan: {sentence(served)}", markup=False, soft_wrap=True)


def _print_plan(study: Study, work: Work, read: GivenSettings, *, as_json: bool) -> None:
    """Print what is left to ask; runs that are finished elsewhere and are cells already are named, and ask nothing."""
    from analysis.cli.run import print_plan
    from analysis.studies.record.layout import Layout

    layout, library = Layout(study.folder), study.library(work.workspace, work.reuse_older)
    runs = list[tuple[Any, Path]]()
    for cell in study.cells:
        folder = layout.cell(cell.name)
        if not folder.exists() and (done := library.find(cell.config)) is not None:
            stderr().print(f"seed {cell.seed} is {done.path}, and is not repeated", markup=False, soft_wrap=True)
            folder = done.path
        runs.append((cell.config, folder))
    print_plan(runs, as_json=as_json, given=read)
    if not as_json:
        say("", f"folder  {study.folder}")


def _print_results(study: Study, done: StudyRun, *, as_json: bool) -> int:
    """Print what has ended, and return how many cells have no results."""
    from analysis.cli.study.carry_out import as_dict
    from analysis.studies.findings.replicates import replicates

    with stderr().status("counting votes"):
        of = replicates(study.folder)
    if as_json:
        print(json.dumps(as_dict(done) | {"table": of.table}))
    elif of.table is not None:
        print_replicates(of)
        folder = shlex.quote(str(study.folder))
        say(f"next    moloch results {folder}   these tables again")
        say(f"        moloch show {folder}#{of.runs[0].cell}   the contests of a seed")
    return len(of.missing)
