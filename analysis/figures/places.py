"""Whether it matters where an option stands: how much oftener each place was chosen than without a bias (:mod:`analysis.tables.positions`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from analysis.figures.charts import interval_chart
from analysis.figures.figure import Chart, FigureContent, FigureKind, LeftOut
from analysis.figures.frames import estimate_columns, frame_of_marks
from analysis.figures.palette import BASE
from analysis.figures.rows import Panel, interval_rows
from analysis.figures.scopes import NO_INTERVALS, SEEDS
from analysis.figures.subject import RunRead, Subject
from analysis.statistics.estimates import Estimate, mean_of
from analysis.tables.society import estimate_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
BIAS = "bias"


def content(subject: Subject) -> FigureContent | LeftOut:
    """Return a row per number of options and place, the mean of the runs and each run; or why there is none."""
    if not any(run.positions for run in subject.runs):
        return LeftOut("Nobody chose among options: no vote says where the chosen option stood.")
    marks = [mark for heading, runs in subject.groups.items() for mark in _of_group(heading, runs)]
    several = any(len(runs) > 1 for runs in subject.groups.values())
    said = [
        subject.extent,
        "Share of valid votes for the option in each place, minus the share of an audience without a bias; votes of all phases, because a bias is the reader's.",
        f"Lines: Student's 95 % interval over seeds, for {SEEDS}."
        if several
        else "Lines: 95 %, clustered on anchors and people."
        if any(mark["low"] is not None for mark in marks)
        else NO_INTERVALS,
        *subject.notes,
    ]
    return FigureContent(frame_of_marks(marks), " ".join(said), subject.looks)


def _of_group(heading: str, runs: Sequence[RunRead]) -> Iterator[dict[str, Any]]:
    by: dict[tuple[int, int], list[Estimate]] = {}
    for run in runs:
        for row in run.positions:
            chosen = estimate_of(run.evaluation, row.chosen)
            by.setdefault((row.options, row.position), []).append(chosen)
    for (options, position), found in sorted(by.items()):
        null = 1 / options
        estimate = found[0] if len(found) == 1 else mean_of([each.value for each in found], null=null)
        value, low, high = (None if x != x else x - null for x in (estimate.value, estimate.low, estimate.high))
        counted = {"n": len(found), "over": "seeds" if len(found) > 1 else "anchors, people" if low is not None else ""}
        yield {
            "panel": BIAS,
            "group": f"{options} options{f' ({heading})' if heading else ''}",
            "label": f"shown {ORDINALS[position - 1] if position <= len(ORDINALS) else position}",
            "arm": BASE,
            "unit": "percentage points",
            **estimate_columns({"estimate": value, "low": low, "high": high, **counted}, 100),
            "levels": heading,
            "options": options,
            "position": position,
            "share": estimate.value,
            "votes": sum(each.n for each in found),
            "cells": ", ".join(run.cell for run in runs),
        }


def _panels() -> list[Panel]:
    return [Panel(BIAS, "chosen more often than without a bias", "percentage points of votes", far=60)]


def _draw(shown: FigureContent) -> Figure:
    return interval_rows(shown.frame, _panels(), shown.looks)


def _chart(shown: FigureContent) -> Chart:
    return interval_chart(shown.frame, _panels(), shown.looks)


POSITIONS = FigureKind("Position bias", "votes for one of several options", content, _draw, _chart)
