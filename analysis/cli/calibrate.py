"""``moloch calibrate``: how far a run's personas answer and vote as people do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from analysis.cli import options
from analysis.cli.console import printer, show, stderr


def calibrate(
    run: options.RunOrCell,
    human: Annotated[
        list[Path],
        typer.Option("--human", help="A table of people's answers or votes: csv, xlsx, parquet, ...; repeatable."),
    ],
    by: Annotated[
        list[str] | None, typer.Option("--by", help="Compare groups by this attribute, too; repeatable.")
    ] = None,
    missing: Annotated[
        list[str] | None, typer.Option("--missing", help="A code that stands for no answer, as -9; repeatable.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option("--log", help="Folder of the log of answers; by default RUN/surveys.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the rows as a table: NAME.csv or NAME.parquet.")] = None,
    look: options.Look = False,
    as_json: options.Json = False,
) -> None:
    """Compare answers and votes of a run's personas with those of people, per question and group; no model is asked."""
    from analysis.studies.prereg.looks import look_at

    look_at([run], "calibrate", look)
    with stderr().status("comparing"):
        from analysis.calibration import calibrate, calibration_frame
        from analysis.frames import check_target, write_frame
        from analysis.statistics.estimates import plain

        check_target(out)
        agreement = calibrate(run, human, by=by or (), missing=missing or (), answers=log)
        if out is not None:
            write_frame(calibration_frame(agreement.rows), out)
    if as_json:
        rows = [plain(row) for row in agreement.rows]
        head = {"run": str(run), "head": agreement.head, "missing": agreement.missing, "notes": list(agreement.notes)}
        print(json.dumps(head | {"rows": rows, "out": str(out) if out else None}))
        return
    from analysis.terminal.calibration import render_calibration

    console = printer()
    show(render_calibration(agreement.rows))
    for note in agreement.notes:
        console.print(note, style="bold yellow", markup=False, highlight=False, soft_wrap=True)
    left_out = [f"{agreement.missing:,} cells without an answer"] if agreement.missing else []
    for line in (*left_out, *([f"table    {out}"] if out else []), f"head     {agreement.head}"):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
