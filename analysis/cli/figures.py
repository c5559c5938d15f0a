"""``moloch figures``: figures of runs and studies, as files with their numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli import options
from analysis.cli.console import say, stderr
from analysis.cli.heads import closing_lines, heads_of

if TYPE_CHECKING:
    from analysis.figures import DrawnFigure


def figures(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN|STUDY...", help="Folders of runs or of a study, or STUDY#CELL.")
    ],
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("figures"),
    only: Annotated[list[str] | None, typer.Option(help="A figure by name; may be given several times. All.")] = None,
    form: Annotated[
        list[str] | None,
        typer.Option(
            "--format", help="svg (default), pdf, png or html (interactive, one file); may be given several times."
        ),
    ] = None,
    look: options.Look = False,
    as_json: options.Json = False,
) -> None:
    """Draw what runs found, and write the numbers behind each figure beside it; figures that lack something say what. Reads only logs."""
    from analysis.cli.places import named_place
    from analysis.studies.prereg.looks import look_at
    from analysis.studies.record.places import runs_of
    from moloch.errors import InputError

    if out.exists() and not out.is_dir():
        raise InputError("figures go into a folder", where=str(out), why="it is a file", fix="Give another --out.")
    runs = [named_place(path) for path in runs]
    found = [run for path in runs for run in runs_of(path)]
    look_at(found, "figures", look)
    with stderr().status("drawing"):
        from analysis.figures import draw

        figures = draw(runs, out, names=only or (), formats=form or ("svg",))
    if as_json:
        told = {"runs": [str(run) for run in found], "heads": heads_of(*runs)}
        print(json.dumps(told | {"figures": [_as_dict(figure, out) for figure in figures]}))
        return
    for figure in figures:
        for file in _files(figure, out):
            print(file)
    say(*closing_lines(*runs))
    for figure in figures:
        if figure.left_out:
            stderr().print(f"left out: {figure.name}. {figure.left_out}", markup=False, highlight=False, soft_wrap=True)


def _files(figure: DrawnFigure, out: Path) -> list[str]:
    return [str(out / f"{figure.name}.{form}") for form in figure.files]


def _as_dict(figure: DrawnFigure, out: Path) -> dict[str, Any]:
    return {
        "name": figure.name,
        "title": figure.title,
        "caption": figure.caption,
        "files": _files(figure, out),
        "left_out": figure.left_out,
    }
