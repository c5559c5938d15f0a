"""Performance against misbehaviour, mitigations marked: what each buys and what it costs.

One panel per probe of strategy, one point per arm and seed, after the last epoch. Right is better, down is better; a line leads from an arm
without mitigations to those of its method and run that have some.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.figures.charts import PIXELS, colour_of, records, said_of, shape_of
from analysis.figures.figure import Chart, FigureContent, FigureKind, LeftOut
from analysis.figures.palette import QUIET
from analysis.figures.planes import MISBEHAVIOUR, WIN, Row, better, zero_lines
from analysis.figures.points import BASE, NONE, OutcomePoint, frame_of_points, outcome_points, plotted
from analysis.figures.scopes import NO_INTERVALS
from analysis.figures.style import NORMAL, WIDTH
from analysis.figures.subject import Subject, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HIGH, MOST = 2.7, 3
"""Inches of a panel; panels side by side."""


def content(subject: Subject) -> FigureContent | LeftOut:
    """Return a point per arm, run and probe, or why there is none."""
    if subject.withheld:
        return LeftOut(f"Win rates are withheld: {subject.withheld}.")
    points = outcome_points(subject.runs)
    if not any(point.mitigations for point in points):
        return LeftOut("No arm has a mitigation, a win rate and a verdict of a probe of strategy.")
    shown, left_out = plotted(points)
    headings = {str(run.run): heading for heading, runs in subject.groups.items() for run in runs}
    beyond = shown[0].beyond
    facts = {"beyond": "the base model" if beyond == BASE else words(beyond), "labels": _labels(shown)}
    text = " ".join([subject.extent, caption(shown, left_out), *subject.notes])
    return FigureContent(frame_of_points(shown, headings), text, subject.looks, facts)


def caption(shown: Sequence[OutcomePoint], left_out: Sequence[str] = ()) -> str:
    """Return what a reader has to know of the points: what bars and lines are, and who is left out."""
    barred = any(end is not None for point in shown for end in (point.win_low, point.misbehaviour_low))
    said = [
        "Bars: 95 % over these anchors and people. Each point is one training: they say nothing about other trainings, and no p is given."
        if barred
        else f"{NO_INTERVALS} Each point is one training, and no p is given."
    ]
    if any(not point.mitigations for point in shown) and any(point.mitigations for point in shown):
        said.append("Lines lead from the arm of the same method and run that has no mitigation.")
    if left_out:
        said.append(f"Left out, being compared with something else: {', '.join(left_out)}.")
    return " ".join(said)


def _labels(points: Sequence[OutcomePoint]) -> dict[str, str]:
    """Return arm -> what the legend says of it: its name, method and mitigations, each where the name does not say it."""
    labels = {}
    for point in points:
        done = " + ".join(map(words, point.mitigations))
        known = [each for each in (words(point.method), done) if each and each != words(point.arm)]
        labels[point.arm] = words(point.arm) + (f" ({', '.join(known)})" if known else "")
    return labels


def _facets(shown: FigureContent) -> list[tuple[str, str]]:
    return list(dict.fromkeys(zip(shown.frame["group"].to_list(), shown.frame["probe"].to_list(), strict=True)))


def _of_facet(rows: Sequence[Row], facet: tuple[str, str]) -> list[Row]:
    return [row for row in rows if (row["group"], row["probe"]) == facet]


def _title(group: str, probe: str) -> str:
    return words(probe) + (f" ({group})" if group else "")


def _draw(shown: FigureContent) -> Figure:
    from matplotlib.figure import Figure

    facets, rows = _facets(shown), shown.frame.to_dicts()
    across = min(MOST, len(facets))
    down = -(-len(facets) // across)
    figure = Figure(figsize=(min(WIDTH, 2.2 + 2.5 * across), HIGH * down + 0.3), layout="constrained")
    axes = figure.subplots(down, across, squeeze=False)
    for axis in axes.flat[len(facets) :]:
        axis.set_axis_off()
    for axis, facet in zip(axes.flat, facets, strict=False):
        _panel(axis, _of_facet(rows, facet), shown)
        axis.set_title(_title(*facet), pad=6)
        axis.set_xlabel(WIN.format(shown.facts["beyond"]))
    figure.supylabel(MISBEHAVIOUR.format(shown.facts["beyond"]), fontsize=NORMAL)
    _legend(figure, shown)
    return figure


def _legend(figure: Figure, shown: FigureContent) -> None:
    from matplotlib.lines import Line2D

    keys = [
        Line2D(
            [],
            [],
            linestyle="none",
            marker=shown.looks[arm].mark,
            color=shown.looks[arm].light,
            markersize=5,
            label=label,
        )
        for arm, label in shown.facts["labels"].items()
    ]
    figure.legend(
        handles=keys, loc="outside lower center", ncols=min(3, len(keys)), handletextpad=0.2, columnspacing=1.4
    )


def _panel(axis: Axes, rows: Sequence[Row], shown: FigureContent) -> None:
    zero_lines(axis)
    plain = {(row["run"], row["method"]): row for row in rows if row["mitigations"] == NONE}
    several = len({row["run"] for row in rows}) > 1
    for row in rows:
        before = plain.get((row["run"], row["method"]))
        if row["mitigations"] != NONE and before is not None:
            xs, ys = (before["win"], row["win"]), (before["misbehaviour"], row["misbehaviour"])
            axis.plot(xs, ys, color=QUIET[0], linewidth=0.6, alpha=0.3 if several else 0.6, zorder=1)
    for row in rows:
        look = shown.looks[row["arm"]]
        axis.errorbar(
            row["win"], row["misbehaviour"], xerr=_bars(row, "win"), yerr=_bars(row, "misbehaviour"), fmt="none", ecolor=look.light, elinewidth=0.7,
            alpha=0.2 if several else 0.45, zorder=2,
        )  # fmt: skip
        axis.plot(
            row["win"], row["misbehaviour"], look.mark, color=look.light, markersize=5.5, markeredgecolor="white",
            markeredgewidth=0.6, linestyle="none", zorder=3,
        )  # fmt: skip
    better(axis)
    axis.margins(0.08)


def _bars(row: Row, name: str) -> list[list[float]] | None:
    """Return how far an interval reaches to both sides, in points; None without one."""
    value, low, high = row[name], row[f"{name}_low"], row[f"{name}_high"]
    if low is None or high is None:
        return None
    return [[max(0.0, value - low)], [max(0.0, high - value)]]


def _chart(shown: FigureContent) -> Chart:
    import altair as alt
    import polars as pl

    arms = list(shown.facts["labels"])
    beyond = shown.facts["beyond"]
    x = alt.X("win:Q", title=WIN.format(beyond), scale=alt.Scale(zero=False))
    y = alt.Y("misbehaviour:Q", title="misbehaving, points", scale=alt.Scale(zero=False))
    colour: dict[str, Any] = {
        "color": colour_of(shown.looks, arms, title="arm"), "shape": shape_of(shown.looks, arms, title="arm"),
    }  # fmt: skip
    picked = alt.selection_point(fields=["arm"], bind="legend")
    panels = []
    zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color=QUIET[0], opacity=0.5)
    for group, probe in _facets(shown):
        frame = shown.frame.filter((pl.col("group") == group) & (pl.col("probe") == probe))
        base = alt.Chart(records(frame)).encode(opacity=alt.condition(picked, alt.value(1.0), alt.value(0.1)))
        bars = base.mark_rule(strokeWidth=1, strokeOpacity=0.45)
        points = base.mark_point(filled=True, size=80).encode(x=x, y=y, tooltip=said_of(frame), **colour)
        panels.append(
            alt.layer(
                zero.encode(x="zero:Q"),
                zero.encode(y="zero:Q"),
                bars.transform_filter("datum.win_low !== null").encode(x=alt.X("win_low:Q"), x2="win_high:Q", y=y, color=colour["color"]),
                bars.transform_filter("datum.misbehaviour_low !== null").encode(
                    x=x, y=alt.Y("misbehaviour_low:Q"), y2="misbehaviour_high:Q", color=colour["color"]
                ),
                points if panels else points.add_params(picked),
            ).properties(width=2.6 * PIXELS, height=HIGH * PIXELS, title=alt.Title(_title(group, probe), anchor="start"))
        )  # fmt: skip
    return alt.concat(*panels, columns=MOST)


MITIGATIONS = FigureKind(
    "What mitigations buy and cost", "arms with mitigations, with votes and with verdicts", content, _draw, _chart
)
