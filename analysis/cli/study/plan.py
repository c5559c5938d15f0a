"""``moloch study plan``: what a page comes to, before anything is asked of a model."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from analysis.cli import options
from analysis.cli.console import show
from analysis.cli.study.carry_out import Older, Workspace


def plan(
    page: options.StudyOrPage,
    jobs: Annotated[int, typer.Option(min=0, help="Cells at a time; by default as many as there are cores.")] = 0,
    out: options.StudyFolder = None,
    workspace: Workspace = None,
    older: Older = False,
    as_json: options.Json = False,
) -> None:
    """Show what a page comes to: cells, calls, tokens, money, hours. Asks no model, makes no folder.

    Exit code 2: the page has mistakes; all of them are told, each with its place.
    """
    from analysis.cli.study.reading import reading
    from analysis.studies.layout import PAGE, is_study
    from analysis.studies.page import read_page
    from analysis.studies.plan import plan_study

    if is_study(page):
        page, out = page / PAGE, out or page
    with reading("planning") as report:
        planned = plan_study(read_page(page), out, jobs=jobs, workspace=workspace, older=older, report=report)
    if as_json:
        print(json.dumps(planned.as_dict()))
        return
    from analysis.terminal.study_plan import render_study_plan

    show(render_study_plan(planned.as_dict(), planned.roles, planned.pools.sentences()))
