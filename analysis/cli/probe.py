"""``moloch probe``: let language models, or rules, judge a run's messages, as often as you like, without changing the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli import options
from analysis.cli.console import printer, show, stderr
from analysis.cli.progress import counted
from moloch.exit_codes import ExitCode

if TYPE_CHECKING:
    from abm.events import Phase
    from abm.llm.budget import Budget
    from analysis.judges import Inquiry, Probed


def probe(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|STUDY",
            help="The folder of a run, STUDY#CELL, or a study: all its cells.",
            callback=options.place,
        ),
    ],
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="With --rules: probes, by name; by default those of the run's arena."),
    ] = None,
    judge: Annotated[
        list[str] | None,
        typer.Option("--judge", help="pocket, a model's folder or name, or http://host/v1#NAME; repeatable."),
    ] = None,
    rules: Annotated[
        bool, typer.Option("--rules", help="Judge by probes that need no model: lexical ones, and your own.")
    ] = False,
    battery: Annotated[
        str | None, typer.Option(help="What judges are asked: paper (the default), battery2026, or a battery's YAML.")
    ] = None,
    llm: Annotated[str | None, typer.Option(help="transformers, vllm, or a server's URL, for all judges.")] = None,
    serving: Annotated[Path | None, typer.Option(help="YAML: where models are served, and their prices.")] = None,
    phase: Annotated[str, typer.Option(help="evaluate, or train.")] = "evaluate",
    epoch: Annotated[int | None, typer.Option(help="By default, the last one of the phase.")] = None,
    arm: Annotated[list[str] | None, typer.Option("--arm", help="Only this arm; repeatable.")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Judge messages about this many anchors only.")] = None,
    validate: Annotated[
        Path | None, typer.Option(help="CSV of message,probe,label, or cases: judge these, compare.")
    ] = None,
    answer_tokens: Annotated[
        int | None, typer.Option(min=16, help="Tokens per answer, at most; 512 by default, more for models that think.")
    ] = None,
    max_calls: Annotated[int | None, typer.Option(min=0, help="Stop before more calls, in all.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=0, help="Stop before more tokens, in all.")] = None,
    max_usd: Annotated[float | None, typer.Option(min=0, help="Stop before more US dollars, in all.")] = None,
    max_minutes: Annotated[float | None, typer.Option(min=0, help="Stop after this many minutes.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the verdicts; by default RUN/verdicts.")] = None,
    extensions: options.Extensions = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it may cost; ask nothing.")] = False,
    look: options.Look = False,
    as_json: options.Json = False,
) -> None:
    """Judge the messages of a run by questions to models (--judge) or by rules (--rules), and compare its arms.

    Answers are kept: the same command again, a killed one, or a larger --sample pays for nothing twice. Bounds hold for all
    cells of a study together.
    """
    from contextlib import closing

    from analysis.cli.probe_rules import check_options, judge_by_rules
    from analysis.studies.prereg.looks import look_at
    from analysis.studies.record.layout import is_study
    from analysis.studies.record.places import runs_of

    asks = {
        "--judge": judge, "--battery": battery, "--llm": llm, "--serving": serving, "--validate": validate,
        "--answer-tokens": answer_tokens, "--max-calls": max_calls, "--max-tokens": max_tokens, "--max-usd": max_usd,
        "--max-minutes": max_minutes,
    }  # fmt: skip
    check_options(rules, names or (), extensions or (), asks)
    runs = runs_of(run)
    if not dry_run:
        look_at([run], "probe", look)
    if rules:
        from analysis.judges import Selection

        selection = Selection(_phase(phase), epoch, tuple(arm or ()), sample)
        judge_by_rules(run, runs, names or (), extensions or (), selection, out, dry_run=dry_run, as_json=as_json)
        return
    judge = judge or []
    with stderr().status("reading the run"):
        from abm.llm.backends import Backends
        from abm.llm.budget import Bounds, Budget
        from analysis.judges import ANSWER_TOKENS, Selection, judges, load_battery, prepare

        questions = load_battery(battery or "paper")
        places = options.places(serving, llm)
        budget = Budget(Bounds(calls=max_calls, tokens=max_tokens, usd=max_usd, minutes=max_minutes))
        selection = Selection(_phase(phase), epoch, tuple(arm or ()), sample)
    with closing(Backends(places, budget=budget)) as backends:
        with stderr().status("planning"):
            places.check(judge)
            named = judges(judge, places, backends)
        told = []
        for each in runs:
            with stderr().status("planning"):
                beside = out / each.name if out is not None and is_study(run) else out
                prepared = prepare(
                    each,
                    named,
                    questions,
                    selection,
                    labels=validate,
                    out=beside,
                    max_tokens=answer_tokens or ANSWER_TOKENS,
                )
            if is_study(run) and not as_json:
                printer().print(f"\n{each.name}", markup=False, highlight=False, style="bold")
            told.append(_costs(prepared, as_json) if dry_run else _judged(prepared, budget, as_json))
    if as_json:
        print(json.dumps({"study": str(run), "runs": told} if is_study(run) else told[0]))


def _judged(prepared: Inquiry, budget: Budget, as_json: bool) -> dict[str, Any]:
    """Judge one run's messages; say what came of it unless it is asked for as JSON, and return that."""
    results = _carry_out(prepared, budget if budget.bounded else None)
    if not as_json:
        _print(results)
    return results.as_dict()


def _carry_out(prepared: Inquiry, budget: Budget | None) -> Probed:
    try:
        with counted("judging") as report:
            return prepared.carry_out(budget=budget, report=report)
    except KeyboardInterrupt:
        said = f"Stopped; every answer is safe in {prepared.folder}. The same command resumes."
        stderr().print(said, markup=False, soft_wrap=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _phase(phase: str) -> Phase:
    from moloch.errors import InputError

    if phase == "train" or phase == "evaluate":
        return phase
    raise InputError(f"no phase {phase!r}", fix="Choose train or evaluate.")


def _costs(prepared: Inquiry, as_json: bool) -> dict[str, Any]:
    """Say what judging a run would cost unless it is asked for as JSON, and return it."""
    from msgspec import to_builtins

    costs = prepared.costs()
    if not as_json:
        from analysis.terminal.judges import render_costs

        show(render_costs(costs))
    return {"run": str(prepared.run), "verdicts": str(prepared.folder), "plan": to_builtins(costs)}


def _print(found: Probed) -> None:
    from analysis.terminal.judges import render

    console = printer()
    show(render(found.as_dict()))
    for line in (f"\nverdicts {found.folder}", f"head     {found.head}"):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
