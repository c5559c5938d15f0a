"""``moloch init``: write a commented starting point that runs."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from analysis.cli import options
from analysis.cli.console import say


def init(
    kind: Annotated[
        str, typer.Argument(metavar="[KIND]", help="study, arena, probe, ranker, or persona-mapping; study by default.")
    ] = "study",
    like: Annotated[
        str | None,
        typer.Option(help="Of an arena: sales, elections or social, to begin as that one with all its anchors."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder to write to; by default this one.")] = Path(),
    as_json: options.Json = False,
) -> None:
    """Write a commented starting point that runs.

    A study's page, an arena with anchors, a probe, a ranker, or people with a mapping. Nothing is overwritten.
    """
    from analysis.starters import write_starter

    made = write_starter(kind, out, like or "")
    if as_json:
        print(json.dumps({"kind": kind, "folder": str(out), "files": list(made.files), "next": list(made.commands)}))
        return
    for i, name in enumerate(made.files):
        say(f"{'' if i else 'wrote':6} {out / name}")
    here = {} if out.resolve() == Path.cwd() else {f"cd {shlex.quote(str(out))}": ""}
    for i, (command, what) in enumerate((here | dict(made.commands)).items()):
        say(f"{'' if i else 'next':6} {command}")
        if what:
            say(f"{'':6}     {what}")
