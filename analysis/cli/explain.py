"""``moloch explain``: what an arm's votes were for, feature by feature."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from analysis.cli import options
from analysis.cli.console import say, show, stderr
from analysis.cli.heads import closing_lines


def explain(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|STUDY", help="The folder of a run or a study, or STUDY#CELL.", callback=options.place
        ),
    ],
    arm: Annotated[str, typer.Option(help="Whose gains.")],
    epoch: Annotated[int | None, typer.Option(min=1, help="Epoch of the evaluation; by default the last.")] = None,
    surrogate: Annotated[
        Path | None, typer.Option(help="A choice model's YAML to explain votes by, in place of one fitted here.")
    ] = None,
    look: options.Look = False,
    as_json: options.Json = False,
) -> None:
    """Decompose an arm's win rate: how many points each feature of its messages was worth to the audience.

    By the choice model that reacted, or by one that is fitted to the votes of a language model. Reads only.
    """
    from analysis.studies.prereg.looks import look_at
    from analysis.studies.record.places import runs_of

    runs = runs_of(run)
    look_at(runs, "explain", look)
    with stderr().status("explaining votes"):
        from analysis.tables.explained import explained

        found = explained(runs, arm, epoch=epoch, surrogate=surrogate)
    if as_json:
        print(json.dumps(found.as_dict()))
        return
    from analysis.terminal.explained import render

    show(render(found))
    say(*closing_lines(run))
