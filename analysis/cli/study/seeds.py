"""``moloch study --seeds 5``: the same run over several seeds, and what holds across them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analysis.cli import options
from analysis.cli.console import printer, stderr
from analysis.cli.run import as_dict, carry_out, print_plan

if TYPE_CHECKING:
    from learning import RunConfig


def seeds(
    config: options.Config = None,
    number: Annotated[int, typer.Option("--seeds", min=2, help="How many seeds: 1, 2, ...")] = 5,
    arena: options.Arena = None,
    anchors: options.Anchors = None,
    personas: options.Personas = None,
    audience: options.Audience = None,
    model: options.Model = None,
    world: options.World = None,
    epochs: options.Epochs = None,
    profile: options.Profile = None,
    llm: options.Llm = None,
    reader: options.Reader = None,
    max_calls: options.MaxCalls = None,
    max_tokens: options.MaxTokens = None,
    max_usd: options.MaxUsd = None,
    max_minutes: options.MaxMinutes = None,
    dry_run: options.DryRun = False,
    out: options.Out = None,
    set_: options.Set = None,
    extensions: options.Extensions = None,
    as_json: options.Json = False,
) -> None:
    """Run several seeds, one after the other, and give means with intervals over seeds.

    Each seed is a separate run under the study's folder; finished runs are not repeated. Bounds apply to all of them together.
    """
    given = options.serving(llm, max_calls, max_tokens, max_usd, max_minutes) + (set_ or [])
    with stderr().status("loading"):
        from abm.log import read_events
        from analysis.tables.pooled import across_runs
        from analysis.tables.seeds import across_seeds
        from analysis.terminal.extrapolation import extrapolation_lines
        from analysis.terminal.seeds import render_seeds
        from analysis.terminal.written import writing_line
        from learning import load_config
        from moloch.errors import InputError

        settings = []
        for seed in range(1, number + 1):
            overrides = options.given(arena, anchors, personas, audience, model, epochs, seed, world, extensions)
            settings.append(load_config(config, overrides, given, profile=profile or ""))
            if seed == 1 and (read_by := options.read_by(reader, settings[-1])):
                given += read_by
                settings = [load_config(config, overrides, given, profile=profile or "")]
            if settings[-1].seed != seed:  # one run would count as several
                raise InputError("a study sets the seed of each run itself", why="--set gives one", fix="Leave it out.")
    first = settings[0]
    world = "" if first.world == "isolated" else f"-{first.world}"
    folder = out or Path("runs") / f"study-{Path(first.arena).stem}-{Path(first.audience).stem}{world}"
    if dry_run:
        print_plan([(s, folder / f"seed-{s.seed}") for s in settings], as_json=as_json)
        return
    began = time.monotonic()
    runs = []
    for s in settings:
        shared = _shared(s, folder, began)
        runs.append(carry_out(shared, folder / f"seed-{s.seed}", f"seed {s.seed} of {number}, "))
    pooled = across_runs((str(done.path), read_events(done.path)) for done, _ in runs)
    results = across_seeds([table for _, table in runs], pooled)
    if as_json:
        print(json.dumps({"study": str(folder), "runs": [as_dict(*run) for run in runs], "table": results}))
        return
    console = printer()
    for part in render_seeds(results):
        console.print(part)
    for done, table in runs:
        fitted = (f"  fitted {line}" for line in extrapolation_lines(table["extrapolation"]))
        wrote = [f"  wrote {line}"] if (line := writing_line(table["writing"])) else []
        for line in (f"{done.path}  head {done.head.hash}", *fitted, *wrote):
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _shared(settings: RunConfig, folder: Path, began: float) -> RunConfig:
    """Return a run's settings with bounds that all runs of the study share."""
    changes: dict[str, object] = {"shared": str(folder / "budget")}
    if (minutes := settings.budget.minutes) is not None:
        changes["minutes"] = max(0.0, minutes - (time.monotonic() - began) / 60)
    return settings.model_copy(update={"budget": settings.budget.model_copy(update=changes)})
