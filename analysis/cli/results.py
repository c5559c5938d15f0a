"""``moloch results``: the tables of a run or a study again, at any time, from its log alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from analysis.cli import options
from analysis.cli.console import printer, show, stderr

Full = Annotated[bool, typer.Option("--full", help="All tables, not only the most important ones.")]


def results(
    run: Annotated[Path, typer.Argument(metavar="RUN|STUDY", help="The folder of a run or a study, or STUDY#CELL.")],
    full: Full = False,
    look: options.Look = False,
    as_json: options.Json = False,
) -> None:
    """Print the answer and the tables of a run or a study again.

    Reads only. For a study's estimates by factor, or as a table file: moloch study results.
    """
    from analysis.cli.places import began, named_place
    from analysis.studies.record.layout import is_study

    run = named_place(run)
    if is_study(run):
        from analysis.cli.study.results import print_study

        print_study(run, "results", look=look, form="json" if as_json else "table", full=full)
        return
    from analysis.studies.prereg.looks import look_at
    from analysis.studies.record.places import one_run

    began(run := one_run(run))
    look_at([run], "results", look)
    print_tables(run, as_json=as_json, full=full)


def print_tables(run: Path, *, as_json: bool, full: bool = False) -> None:
    """Print a run's answer and tables, and where its log stands."""

    with stderr().status("counting votes"):
        from abm.log import open_log
        from analysis.tables.results import results as tables

        log = open_log(run, write=False)
        head, ended = log.head(), log.ended()
        table, digest = tables(log.read(stop=head.seq)), ended.digest if ended else ""
    if as_json:
        from analysis.answers import answer, plain_sentences

        answered = plain_sentences(answer(table))
        print(json.dumps({"run": str(run), "head": head.hash, "digest": digest, "answer": answered, "table": table}))
        return
    from analysis.cli.run import table_lines
    from analysis.terminal.pages import pages_line
    from analysis.terminal.run import render

    console = printer()
    show(render(table, full=full))
    lines = [f"log     {run}   {head.seq:,} events", f"head    {head.hash}", f"digest  {digest or 'when it ends'}"]
    lines.append(pages_line(run))
    for line in (*table_lines(table), *lines):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
