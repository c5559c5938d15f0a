"""``moloch figures``: figures of runs and studies, as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from analysis.cli import options
from analysis.cli.console import stderr


def figures(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN|STUDY...", help="Folders of runs or of a study, or STUDY#CELL.")
    ],
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("figures"),
    only: Annotated[list[str] | None, typer.Option(help="A figure by name; may be given several times. All.")] = None,
    form: Annotated[
        list[str] | None, typer.Option("--format", help="svg (default), pdf or png; may be given several times.")
    ] = None,
    look: options.Look = False,
    as_json: options.Json = False,
) -> None:
    """Draw what runs found: performance against misbehaviour, mitigations marked. Reads only logs."""
    from analysis.studies.looks import look_at
    from analysis.studies.places import runs_of

    found = [run for path in runs for run in runs_of(path)]
    look_at(found, "figures", look)
    with stderr().status("drawing"):
        from analysis.figures import draw

        files = draw(found, out, names=only or (), formats=form or ("svg",))
    if as_json:
        print(json.dumps({"runs": [str(run) for run in found], "files": [str(file) for file in files]}))
        return
    for file in files:
        print(file)
