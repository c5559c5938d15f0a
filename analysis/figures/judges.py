"""How judges agree: of each probe and pair of raters, beyond chance and as it is (:mod:`analysis.judges`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from analysis.figures.charts import interval_chart
from analysis.figures.figure import Chart, FigureContent, FigureKind, LeftOut
from analysis.figures.frames import frame_of_marks
from analysis.figures.palette import BASE
from analysis.figures.rows import Panel, interval_rows
from analysis.figures.subject import RunRead, Subject, words
from analysis.formats import model_name, number, number_bounds
from analysis.judges import read_agreement
from analysis.statistics.estimates import Estimate, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHANCE, RAW = "beyond chance", "raw"


def content(subject: Subject) -> FigureContent | LeftOut:
    """Return the agreement of each pair of raters, or why there is none."""
    marks = [mark for run in subject.runs for mark in _of_run(run, several=len(subject.runs) > 1)]
    if not marks:
        return LeftOut(
            "No two judges, or a judge and a rule, judged the same messages: moloch probe RUN --judge MODEL asks them."
        )
    said = [
        subject.extent,
        "Beyond chance: Cohen's kappa of a pair, Krippendorff's alpha of all judges (1: always alike, 0: as by chance), bootstrap over distinct messages.",
        "Raw: share of messages with the same verdict, Wilson's interval. Where nearly all messages have one verdict, raw agreement is high by chance.",
        "95 % intervals, for other messages of these writers.",
        *subject.notes,
    ]
    return FigureContent(frame_of_marks(marks), " ".join(said), subject.looks)


def _of_run(run: RunRead, *, several: bool) -> Iterator[dict[str, Any]]:
    pairs, alphas = read_agreement(run.run)
    for probe in dict.fromkeys(row.probe for row in (*pairs, *alphas)):
        place = {"group": words(probe) + (f" ({run.cell})" if several else ""), "arm": BASE, "probe": probe, **run.ids}
        for pair in (row for row in pairs if row.probe == probe):
            label = f"{model_name(pair.first)} and {model_name(pair.second)}"
            who = {"label": label, "first": pair.first, "second": pair.second}
            yield place | who | {"panel": CHANCE, "measure": "kappa"} | _columns(pair.found.kappa)
            yield place | who | {"panel": RAW, "measure": "agreement"} | _columns(pair.found.raw)
        for row in (row for row in alphas if row.probe == probe):
            who = {"label": f"all {row.judges} judges", "first": "", "second": ""}
            yield place | who | {"panel": CHANCE, "measure": "alpha"} | _columns(row.alpha)


def _columns(estimate: Estimate) -> dict[str, Any]:
    numbers = {name: None if (x := getattr(estimate, name)) != x else x for name in ("value", "low", "high")}
    shown = f"{number(estimate.value, 2)} {number_bounds(plain(estimate))}".strip()
    return {"unit": "share", **numbers, "shown": shown, "n": estimate.n}


def _panels() -> list[Panel]:
    return [
        Panel(CHANCE, "agreement beyond chance", "kappa or alpha", 0.0),
        Panel(RAW, "raw agreement", "share of messages", 1.0),
    ]


def _draw(shown: FigureContent) -> Figure:
    return interval_rows(shown.frame, _panels(), shown.looks)


def _chart(shown: FigureContent) -> Chart:
    return interval_chart(shown.frame, _panels(), shown.looks)


JUDGES = FigureKind("How judges agree", "verdicts of two raters about the same messages", content, _draw, _chart)
