"""``moloch run``: simulate, learn, evaluate, and print what came out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from learning import Progress, Run, RunConfig


def run(
    config: Annotated[Path | None, typer.Argument(help="Settings as YAML; the options below override it.")] = None,
    arena: Annotated[str | None, typer.Option(help="sales, elections, social, or an arena's YAML.")] = None,
    anchors: Annotated[str | None, typer.Option(help="Folder with train.jsonl and test.jsonl.")] = None,
    personas: Annotated[str | None, typer.Option(help="biographic, demographic, or a JSON Lines file.")] = None,
    audience: Annotated[str | None, typer.Option(help="default, neutral, or a choice model's YAML.")] = None,
    model: Annotated[str | None, typer.Option(help="pocket, or the folder of a causal language model.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Rounds of simulating and learning.")] = None,
    seed: Annotated[int | None, typer.Option(help="Decides all randomness of the run.")] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; the same command resumes it.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Any setting, as key=value.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Let models compete for an audience, learn from its votes, and measure what winning cost.

    Without options: the built-in sales arena and pocket model, base against RFT, TFB and placebo.
    """
    from rich.console import Console

    stderr = Console(stderr=True)
    options: dict[str, Any] = {
        "arena": arena, "anchors": anchors, "personas": personas, "audience": audience, "model": model,
        "epochs": epochs, "seed": seed,
    }  # fmt: skip
    with stderr.status("loading moloch and its model"):
        from learning import load_config

        settings = load_config(config, options, set_ or [])
        folder = out or settings.default_folder()
    done = _carry_out(settings, folder, stderr)
    _print(done, as_json)


def _carry_out(settings: RunConfig, folder: Path, stderr: Any) -> Run:
    from analysis.probes import battery
    from learning import run as run_loop

    try:
        with _progress(stderr) as report:
            return run_loop(settings, folder, probes=battery, report=report)
    except KeyboardInterrupt:
        stderr.print(f"\nStopped; nothing is lost. The same command goes on from here: {folder}", highlight=False)
        raise typer.Exit(130) from None


@contextmanager
def _progress(stderr: Any) -> Iterator[Any]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task("loading the model", total=None)

        def report(progress: Progress_) -> None:
            bar.update(task, completed=progress.done, total=progress.total, description=progress.doing)

        yield report


def _print(done: Run, as_json: bool) -> None:
    import json

    from rich.console import Console
    from rich.markup import escape

    from abm.log import read_events
    from analysis.evaluation import render, table

    results = table(list(read_events(done.path)))
    if as_json:
        print(
            json.dumps(
                {
                    "run": str(done.path),
                    "head": done.head.hash,
                    "digest": done.digest,
                    "table": results,
                    "seconds": round(done.seconds, 2),
                }  # fmt: skip
            )
        )
        return
    console = Console()
    for part in render(results):
        console.print(part)
    run = escape(str(done.path))
    console.print(f"\nlog     {run}   {done.head.seq:,} events, {done.seconds:.0f} s", highlight=False)
    console.print(f"head    {done.head.hash}", highlight=False)
    console.print(f"digest  {done.digest}", highlight=False)
    console.print(
        f"\nnext    moloch show {run}              the contests, and one of them whole\n"
        f"        moloch replay {run} --verify   every step again, from the log\n"
        f"        moloch run --audience neutral   the same with an audience that ignores misbehaviour",
        highlight=False,
    )


if TYPE_CHECKING:
    Progress_ = Progress
