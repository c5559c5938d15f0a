"""``moloch report``: what a run or a study found, as one file that can be mailed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from analysis.cli import options
from analysis.cli.console import say, stderr
from analysis.cli.heads import closing_lines, heads_of


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN|STUDY", help="The folder of a run or a study, or STUDY#CELL.")],
    out: Annotated[Path, typer.Option(help="The file to write; it is replaced if it is there.")] = Path("report.html"),
    form: Annotated[
        str | None, typer.Option("--format", help="html, md or latex; by default what the file's name ends with says.")
    ] = None,
    look: options.Look = False,
    as_json: options.Json = False,
) -> None:
    """Write a run or a study as one page that can be mailed.

    It holds the answer, design, figures, tables, transcripts, limits, and how to make it again. Reads only. The page needs nothing else, and asks for nothing: no script, no network.
    """
    from analysis.cli.places import began, named_place
    from analysis.reports.report_file import check_place, form_of, write_report
    from analysis.reports.report_file import report as make
    from analysis.studies.prereg.looks import look_at
    from analysis.studies.record.layout import is_study
    from analysis.studies.record.places import one_run

    run = named_place(run)
    if not is_study(run):
        began(run := one_run(run))
    check_place(out)
    form = form or form_of(out)
    look_at([run], "report", look)
    with stderr().status("reading the log"):
        text = make(run, form)
    write_report(text, out)
    if as_json:
        heads = heads_of(run)
        print(json.dumps({"run": str(run), "head": heads[str(run)], "report": str(out), "bytes": len(text.encode())}))
        return
    say(f"{out}   {len(text.encode()) / 1000:,.0f} kB", *closing_lines(run))
