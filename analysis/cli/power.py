"""``moloch power``: what a page's design can find, before anything is paid for, and which design finds what is wanted for least."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from analysis.cli import options
from analysis.cli.console import show


def power(
    page: options.StudyOrPage,
    pilot: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RUN|STUDY",
            help="Runs that show how much outcomes vary; may be given several times. Two or more seeds show how trainings vary.",
        ),
    ] = None,
    effect: Annotated[
        float | None,
        typer.Option(metavar="POINTS", help="The effect to be found; by default the margins of the page's hypotheses."),
    ] = None,
    outcome: Annotated[
        str, typer.Option(help="win_rate or a probe, in place of the outcomes that the page declares.")
    ] = "",
    wanted: Annotated[float, typer.Option("--power", min=0.5, max=0.99, help="The chance to find an effect.")] = 0.8,
    max_seeds: Annotated[int, typer.Option(min=2, help="Designs with more are left out.")] = 100,
    as_json: options.Json = False,
) -> None:
    """Say what a study can find, before it is paid for.

    Shows the detectable effects of its page's design, and the cheapest design for a wanted effect. Pilots show how much outcomes vary; without any, what is usual for the arena with
    the pocket model is used, and marked. Asks no model, makes no folder, shows no effect of a pilot.
    """
    from analysis.cli.study.reading import reading
    from analysis.studies.designs.planned_power import check_effect, study_power
    from analysis.studies.pages.page import read_page
    from analysis.studies.record.layout import PAGE, is_study

    share, recorded = check_effect(effect), is_study(page)
    with reading("reading pilots") as report:
        told = study_power(
            read_page(page / PAGE if recorded else page, recorded=recorded),
            pilot or (),
            effect=share,
            outcome=outcome,
            power=wanted,
            most_seeds=max_seeds,
            report=report,
        )
    if as_json:
        print(json.dumps(told.as_dict()))
        return
    from analysis.terminal.power import render_power

    show(render_power(told.as_dict()))
