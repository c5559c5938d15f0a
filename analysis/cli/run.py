"""``moloch run``: simulate, learn, evaluate, and print the results."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from analysis.cli import options
from analysis.cli.console import printer, show, stderr
from analysis.cli.first_step import after_first_step
from analysis.cli.option_groups import grouped
from analysis.cli.progress import progress
from analysis.cli.run_options import RunOptions
from moloch.exit_codes import ExitCode

if TYPE_CHECKING:
    from learning import Run, RunConfig
    from learning.runs.costs import RolePlan
    from learning.runs.inputs import Inputs
    from learning.runs.warmup import Warmup
    from learning.settings.sources import GivenSettings

NEXT_WIDTH = 80
"""Columns that a command to run next may take with its explanation."""


@grouped
def run(
    given: RunOptions,
    seed: options.Seed = None,
    dry_run: options.DryRun = False,
    out: options.Out = None,
    as_json: options.Json = False,
) -> None:
    """Let models compete and learn from votes, and measure the cost.

    Without options: the built-in sales arena and pocket model. Against base compete RFT (rejection fine-tuning on what voters chose), TFB (text
    feedback: on their thoughts, too) and a placebo, which learns from messages chosen at random.
    """
    with stderr().status("loading"):
        read, settings = given.read(seed)
    folder = out or settings.default_folder()
    if dry_run:
        print_plan([(settings, folder)], as_json=as_json, given=read)
        return
    lay_like(settings, folder, given.like)
    done, results = carry_out(settings, folder)
    if as_json:
        print(json.dumps(as_dict(done, results)))
    else:
        print_run(done, results)


def lay_like(settings: RunConfig, folder: Path, like: Path | None) -> None:
    """Take the data of the run that gave the settings from its folder, where the original is gone."""
    if like is not None:
        from learning.runs.own_data import lay

        lay(settings, folder, [like])


def carry_out(settings: RunConfig, folder: Path, label: str = "") -> tuple[Run, dict[str, Any]]:
    """Carry out or resume one run with a progress bar; return it with its held-out table.

    Raises:
        typer.Exit: stopped by Ctrl-C, after saying how to resume.
    """
    from abm.log import read_events
    from analysis.probes import battery
    from analysis.tables.results import results
    from learning import run as run_loop

    _say_plan(settings, folder)
    try:
        with progress(label, after_first_step(folder), folder) as report:
            judges = battery if settings.probes is None else None
            done = run_loop(settings, folder, probes=judges, report=report)
    except KeyboardInterrupt:
        stderr().print(stopped(folder), markup=False, soft_wrap=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    with stderr().status(f"{label}counting votes"):
        return done, results(read_events(done.path))


def stopped(folder: Path) -> str:
    """Return what to say of a run that was stopped with Ctrl-C."""
    if not (folder / "run.json").exists():
        return f"Stopped before the run began: there is no {folder} yet. The same command begins it."
    return f"Stopped; nothing is lost. To resume, give the same command, or: moloch resume {shlex.quote(str(folder))}"


def _say_plan(settings: RunConfig, folder: Path) -> None:
    """Say in which precision models compute if that was left open, and what is about to be asked of servers, which may cost money."""
    from abm.log import check_folder, open_log
    from learning.runs.costs import check_places, planned, sentence

    if not (folder / "run.json").exists():
        check_folder(folder)
    elif open_log(folder, write=False).ended():
        return
    check_places(settings)
    say_precision(settings, folder)
    say_lack([settings])
    served = [role for role in planned(settings, folder) if role.served and role.calls > role.answered]
    if served:
        stderr().print(f"plan: {sentence(served)}", markup=False, soft_wrap=True)


def say_lack(runs: Iterable[RunConfig]) -> None:
    """Say on stderr, once, that runs have no placebo, if one has none."""
    from learning.settings.effects import lacks_placebo

    if said := next(filter(None, map(lacks_placebo, runs)), ""):
        stderr().print(said, markup=False, soft_wrap=True)


def say_precision(settings: RunConfig, folder: Path) -> None:
    """Say on stderr in which precision models compute, if the settings left that open."""
    from abm.llm.precision import resolved
    from learning.runs.parts import settled

    if settings.precision == "auto":
        begun = (folder / "run.json").exists()
        why = "as the run began" if begun else resolved(settings.serving.device)[1]
        stderr().print(f"precision: {settled(settings, folder).precision}: {why}", markup=False, soft_wrap=True)


def as_dict(done: Run, results: dict[str, Any]) -> dict[str, Any]:
    """Return what ``--json`` prints of a run."""
    from analysis.answers import answer, plain_sentences

    return {
        "run": str(done.path),
        "head": done.head.hash,
        "digest": done.digest,
        "answer": plain_sentences(answer(results)),
        "table": results,
        "seconds": round(done.seconds, 2),
    }


def print_run(done: Run, results: dict[str, Any]) -> None:
    """Print a run's table, its hashes and what to do next."""
    from analysis.terminal.run import render

    console = printer()
    show(render(results))
    for line in (
        *table_lines(results),
        f"log     {done.path}   {done.head.seq:,} events, {done.seconds:.0f} s",
        f"head    {done.head.hash}",
        f"digest  {done.digest}",
        "",
        *next_lines(done.path),
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def table_lines(results: dict[str, Any]) -> Iterator[str]:
    """Yield the lines that follow a run's tables: anchors left out, models and how they served, what was fitted."""
    from analysis.terminal.extrapolation import extrapolation_lines
    from analysis.terminal.service import service_lines

    dropped = "; ".join(f"{count} {why}" for why, count in results["dropped"].items())
    yield f"\nanchors left out: {dropped}\n" if dropped else ""
    yield from (f"model   {line}" for line in service_lines(results["service"]))
    yield from (f"fitted  {line}" for line in extrapolation_lines(results["extrapolation"]))


def next_lines(run: Path) -> list[str]:
    """Return commands to run next, ready to paste, each with what it does as a comment if both fit into ``NEXT_WIDTH`` columns."""
    path = shlex.quote(str(run))
    commands = {
        f"moloch show {path}": "its contests",
        f"moloch ui {path}": "in the browser",
        f"moloch results {path} --full": "all tables",
        f"moloch report {path}": "a page to mail",
        f"moloch replay {path} --verify": "again, from the log",
        f"moloch study --like {path} --seeds 8": "several trainings",
    }
    lines = []
    for command, what in commands.items():
        line = f"{'' if lines else 'next':8}{command}"
        said = f"{line}  # {what}"
        lines.append(said if len(said) <= NEXT_WIDTH else line)
    return lines


def print_plan(runs: list[tuple[RunConfig, Path]], *, as_json: bool, given: GivenSettings | None = None) -> None:
    """Print the plan of runs that differ in their seed, and what they would ask of models, all of them together.

    Servers are asked nothing, but those of this machine that have a name are looked for; no folder is made. How long it takes is
    measured on a few tokens where a model other than the pocket model writes in this process.

    Args:
        given: what the settings were made of, to say where their values come from.
    """
    from abm.llm.http.nearby import not_ready
    from learning.plan.counts import part_dicts
    from learning.plan.order import plan
    from learning.runs.costs import check_places, endpoints, plan_dicts, planned, total
    from learning.runs.inputs import gather
    from learning.runs.own_data import at_hand
    from learning.runs.parts import settled
    from learning.runs.pools import pools

    with stderr().status("planning"):
        check_places(runs[0][0])
        runs = [(settled(config, folder), folder) for config, folder in runs]
        read = [at_hand(config, folder) for config, folder in runs]
        inputs = [gather(config) for config in read]
        plans = [planned(*run, each) for run, each in zip(runs, inputs, strict=True)]
        if warm := _warmup(runs[0][0], inputs[0], plans):
            timed = zip(plans, runs, inputs, strict=True)
            plans = [warm.timed(roles, config, each, folder) for roles, (config, folder), each in timed]
        roles = total(plans)
        parts = plan(runs[0][0], inputs[0])
        drawn = pools(read) if len(runs) > 1 else None
        absent = not_ready(endpoints(runs[0][0].serving, roles))
    for line in absent:
        stderr().print(line, markup=False, soft_wrap=True)
    say_lack([runs[0][0]])
    if as_json:
        folders = [str(folder) for _, folder in runs]
        told = {"warmup": warm.as_dict()} if warm else {}
        told |= drawn.as_dict() if drawn else {}
        told["settings"] = runs[0][0].model_dump(mode="json")
        print(json.dumps({"runs": folders, "parts": part_dicts(parts), "plan": plan_dicts(roles)} | told))
        return
    from analysis.terminal.parts import part_lines
    from analysis.terminal.plan import render_plan
    from analysis.terminal.settings import folder_line, value_lines
    from learning.settings.origins import changed, setting_values

    console = printer()
    if given is not None:
        console.print("Settings that are not at their defaults (all: moloch config show --all)", style="italic")
        for line in value_lines(changed(setting_values(runs[0][0], given))):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        console.print(
            f"\n{folder_line(runs[0][1])}\n" if len(runs) == 1 else "", markup=False, highlight=False, soft_wrap=True
        )
    console.print("Parts" if len(runs) == 1 else f"Parts of each of {len(runs)} runs", style="italic")
    for line in [*part_lines(parts), *(drawn.sentences() if drawn else ())]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    show(render_plan(roles, warm))


def _warmup(config: RunConfig, inputs: Inputs, plans: list[list[RolePlan]]) -> Warmup | None:
    """Return how fast the writers of runs are, if they are in this process and have something to do; None if they cannot be had."""
    from learning.runs.costs import USUAL_TOKENS
    from learning.runs.warmup import is_measured, measure
    from moloch.errors import MolochError

    if not is_measured(config) or all(role.calls == role.answered for roles in plans for role in roles):
        return None
    try:
        return measure(config, inputs, min(USUAL_TOKENS, config.sampling.max_tokens))
    except MolochError as error:  # a plan needs no model
        stderr().print(f"no minutes: {error}", markup=False, soft_wrap=True)
        return None
