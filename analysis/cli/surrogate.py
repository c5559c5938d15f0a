"""``moloch surrogate``: a choice model fitted on the votes of runs, for audiences too large to be asked one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analysis.cli import options
from analysis.cli.console import say, show, stderr

if TYPE_CHECKING:
    from analysis.tables.surrogate import Assessment
    from learning.surrogates.surrogate import Surrogate


def surrogate(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN|STUDY...",
            help="Folders of runs of the isolated world in which personas voted, or of studies.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The audience's YAML file to write.")] = Path("surrogate.yaml"),
    audience: Annotated[
        str | None, typer.Option(help="Which audience's votes, where runs hold several: 'llm (MODEL)'.")
    ] = None,
    held_out: Annotated[
        float, typer.Option(min=0.05, max=0.5, help="Share of anchors, and of personas, to hold out.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(help="Seed of what is held out.")] = 0,
    look: options.Look = False,
    as_json: options.Json = False,
) -> None:
    """Fit a choice model on logged votes, and test it on votes that the fit never saw.

    Then: moloch run --audience surrogate.yaml --set crowd.size=1000000 --set crowd.audience=surrogate.yaml
    """
    from abm.audience import audience_file, save_audience
    from analysis.cli.places import named_place
    from analysis.studies.prereg.looks import look_at
    from analysis.studies.record.places import runs_of

    audience_file(out)  # before the fit, which may take minutes
    runs = [named_place(run) for run in runs]
    paths = [each for run in runs for each in runs_of(run)]
    look_at(runs + paths, "surrogate", look)
    with stderr().status("fitting"):
        from analysis.tables.surrogate import as_dict, surrogate_of

        fitted, assessed = surrogate_of(
            paths,
            audience=audience,
            name=out.stem,
            held_out=held_out,
            seed=seed,
        )
        save_audience(fitted.model, out)
    if as_json:
        print(json.dumps({"audience": str(out), "fitted_on": fitted.audience} | as_dict(fitted, assessed)))
        return
    _print(fitted, assessed, out)


def _print(found: Surrogate, assessed: Assessment, out: Path) -> None:
    from analysis.terminal.surrogate import render

    show(render(found, assessed))
    say("", f"audience {out}")
