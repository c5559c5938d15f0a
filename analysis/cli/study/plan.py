"""``moloch study plan``: what a page comes to, before anything is asked of a model."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from analysis.cli import options
from analysis.cli.console import show, stderr
from analysis.cli.study.work import Older, Workspace


def plan(
    page: options.StudyOrPage,
    jobs: Annotated[
        int, typer.Option(min=0, show_default=False, help="Cells at a time; by default as many as there are cores.")
    ] = 0,
    out: options.StudyFolder = None,
    workspace: Workspace = None,
    older: Older = False,
    as_json: options.Json = False,
) -> None:
    """Show what a page comes to: cells, calls, tokens, money, hours. Asks no model, makes no folder.

    Exit code 2: the page has mistakes; all of them are reported, each with its place.
    """
    from abm.llm.http.nearby import not_ready
    from analysis.cli.run import say_lack
    from analysis.cli.study.reading import reading
    from analysis.studies.designs.plan import plan_study
    from analysis.studies.pages.page import read_page
    from analysis.studies.record.layout import PAGE, is_study
    from learning.runs.costs import endpoints

    if recorded := is_study(page):
        page, out = page / PAGE, out or page
    with reading("planning") as report:
        planned = plan_study(
            read_page(page, recorded=recorded), out, jobs=jobs, workspace=workspace, older=older, report=report
        )
        servings = {id(cell.config.serving): cell.config.serving for cell, _ in planned.cells}  # seeds share theirs
        absent = not_ready(endpoint for serving in servings.values() for endpoint in endpoints(serving, planned.roles))
    for line in absent:
        stderr().print(line, markup=False, soft_wrap=True)
    say_lack(cell.config for cell, _ in planned.cells)
    if as_json:
        print(json.dumps(planned.as_dict()))
        return
    from analysis.terminal.study_plan import render_study_plan

    show(render_study_plan(planned.as_dict(), planned.roles, planned.pools.sentences()))
