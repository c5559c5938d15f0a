"""``moloch compare``: two runs side by side, or two studies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from analysis.cli import options
from analysis.cli.console import printer, say, show, stderr
from analysis.cli.heads import closing_lines, head_lines
from moloch.exit_codes import ExitCode


def compare(
    a: Annotated[
        Path, typer.Argument(metavar="A", help="The folder of a run, STUDY#CELL, or a study.", callback=options.place)
    ],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another run, or another study.", callback=options.place)],
    by: Annotated[
        str | None, typer.Option(help="Of studies: the factors to compare by; by default those that both have.")
    ] = None,
    frames: Annotated[
        bool,
        typer.Option(
            "--frames",
            help="Whether both have the same results: all frames, row by row. Exit code 4 if not.",
        ),
    ] = False,
    look: options.Look = False,
    as_json: options.Json = False,
) -> None:
    """Compare two runs, or two studies.

    Of two runs: their settings, the first decision that differs, and their outcomes. Of two studies: the differences of their estimates, B less A, for levels and arms that both have, with intervals.
    With --frames: whether two executions came to the same, down to every vote; what a clock or a machine says is not compared.
    """
    from analysis.studies.prereg.looks import look_at
    from analysis.studies.record.layout import is_study
    from analysis.studies.record.places import one_run
    from moloch.errors import InputError

    studies = [is_study(each) for each in (a, b)]
    if studies[0] != studies[1]:
        study, run = (a, b) if studies[0] else (b, a)
        raise InputError(
            "a study and a run cannot be compared",
            where=f"{study}, {run}",
            fix=f"Name a cell of the study, {study}#CELL.",
        )
    if by is not None and (frames or not studies[0]):
        why = "frames are compared row by row" if frames else ""
        raise InputError("--by is for estimates of two studies", where=f"{a}, {b}", why=why)
    if not studies[0]:
        a, b = one_run(a), one_run(b)
    look_at([a, b], "compare", look)
    if frames:
        _compare_frames(a, b, as_json)
        return
    if studies[0]:
        _compare_studies(a, b, by, as_json)
        return
    with stderr().status("comparing"):
        from analysis.tables.compare import compare as compare_runs

        comparison = compare_runs(a, b)
    if as_json:
        print(json.dumps(comparison.as_dict()))
        return
    from analysis.terminal.compare import render_comparison

    show(render_comparison(comparison))
    say(*(head_lines(a, b) if comparison.same or comparison.identical else closing_lines(a, b)))


def _compare_studies(a: Path, b: Path, by: str | None, as_json: bool) -> None:
    from analysis.cli.study.reading import reading
    from analysis.studies.findings.compare import compare_studies
    from analysis.terminal.study_compare import render_study_comparison

    with reading() as report:
        told = compare_studies(a, b, None if by is None else [each.strip() for each in by.split(",")], report)
    if as_json:
        print(json.dumps(told.as_dict()))
    else:
        show(render_study_comparison(told.as_dict()))
        say(*head_lines(a, b))


def _compare_frames(a: Path, b: Path, as_json: bool) -> None:
    from analysis.cli.study.reading import reading
    from analysis.studies.frames.equality import equal_frames
    from analysis.terminal.frame_equality import frame_equality_lines

    with reading("comparing") as report:
        told = equal_frames(a, b, report)
    if as_json:
        print(json.dumps(told.as_dict()))
    else:
        for line in frame_equality_lines(told.as_dict()):
            printer().print(line, markup=False, highlight=False, soft_wrap=True)
    if not told.equal:
        raise typer.Exit(ExitCode.DIFFERS)
