"""Winning against misbehaving: one point per seed and epoch, with the region of both (the form of El & Zou's Fig. 4 and 5, arXiv 2510.06105)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.figures.charts import PIXELS, records, said_of
from analysis.figures.figure import Chart, FigureContent, FigureKind, LeftOut
from analysis.figures.palette import QUIET, Look
from analysis.figures.planes import WIN, Row, limits, zero_lines
from analysis.figures.points import BASE, frame_of_points, outcome_points, plotted, region_of
from analysis.figures.scopes import ADAPTERS
from analysis.figures.style import SMALL, columns_wide
from analysis.figures.subject import Subject, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HIGH = 1.7
"""Inches of a panel, at most as wide."""


NO_ELLIPSES = "No ellipses: that takes two numbers that vary, and members of one society are not independent; the spread of seeds shows how far points vary."


def content(subject: Subject) -> FigureContent | LeftOut:
    """Return a point per arm, seed, epoch and probe, or why there is none."""
    if subject.withheld:
        return LeftOut(f"Win rates are withheld: {subject.withheld}.")
    shown, left_out = plotted(outcome_points(subject.runs, last=False))
    if not shown:
        return LeftOut("No arm has both a win rate and a verdict of a probe of strategy.")
    headings = {str(run.run): heading for heading, runs in subject.groups.items() for run in runs}
    beyond = shown[0].beyond
    epochs = len({point.epoch for point in shown})
    said = [
        subject.extent,
        f"One point per training{' and epoch; lines lead from epoch to epoch, and the last one is filled' if epochs > 1 else ''}.",
        f"Ellipses: 95 % regions of both numbers (Hotelling), clustered on anchors and people, for {ADAPTERS}; the spread of points shows those."
        if any(point.region is not None for point in shown)
        else NO_ELLIPSES,
        f"Left out, being compared with something else: {', '.join(left_out)}." if left_out else "",
        *subject.notes,
    ]
    facts = {"beyond": "the base model" if beyond == BASE else words(beyond), "arms": subject.order}
    return FigureContent(frame_of_points(shown, headings), " ".join(filter(None, said)), subject.looks, facts)


def _rows_and_columns(shown: FigureContent) -> tuple[list[tuple[str, str]], list[str]]:
    rows = dict.fromkeys(zip(shown.frame["group"].to_list(), shown.frame["probe"].to_list(), strict=True))
    return list(rows), [arm for arm in shown.facts["arms"] if arm in shown.frame["arm"].to_list()]


def _title(group: str, probe: str) -> str:
    return words(probe) + (f"\n({group})" if group else "")


def _draw(shown: FigureContent) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    rows, arms = _rows_and_columns(shown)
    every = shown.frame.to_dicts()
    figure = Figure(figsize=(columns_wide(len(arms)), HIGH * len(rows) + 0.55), layout="constrained")
    axes = figure.subplots(len(rows), len(arms), sharex=True, sharey="row", squeeze=False)
    for line, (group, probe) in zip(axes, rows, strict=True):
        here = [row for row in every if (row["group"], row["probe"]) == (group, probe)]
        for axis, arm in zip(line, arms, strict=True):
            _panel(axis, [row for row in here if row["arm"] == arm], shown.looks[arm])
        line[0].set_ylim(*limits(here, across=False))
        line[0].set_ylabel(f"{_title(group, probe)}\nbeyond {shown.facts['beyond']}, points", fontsize=SMALL + 0.5)
    axes[0][0].set_xlim(*limits(every, across=True))
    axes[0][0].xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    for axis, arm in zip(axes[0], arms, strict=True):
        axis.set_title(words(arm), pad=4, color=shown.looks[arm].light)
    figure.supxlabel(WIN.format(shown.facts["beyond"]), fontsize=8)
    return figure


def _panel(axis: Axes, rows: Sequence[Row], look: Look) -> None:
    from matplotlib.patches import Polygon

    zero_lines(axis)
    last = max((row["epoch"] for row in rows), default=0)
    for row in rows:
        if (around := region_of(row)) is not None:
            faint = 0.55 if row["epoch"] == last else 0.25
            axis.add_patch(
                Polygon(
                    around.outline(),
                    facecolor=(*_rgb(look), 0.05),
                    edgecolor=(*_rgb(look), faint),
                    linewidth=0.6,
                    zorder=1,
                )
            )
    for run in dict.fromkeys(row["run"] for row in rows):
        path = sorted((row for row in rows if row["run"] == run), key=lambda row: row["epoch"])
        axis.plot(
            [row["win"] for row in path],
            [row["misbehaviour"] for row in path],
            color=look.light,
            linewidth=0.7,
            alpha=0.7,
            zorder=2,
        )
        for row in path:
            axis.plot(
                row["win"], row["misbehaviour"], look.mark, markersize=5, color=look.light, zorder=3,
                markerfacecolor=look.light if row["epoch"] == last else "white",
                markeredgecolor="white" if row["epoch"] == last else look.light, markeredgewidth=0.6,
            )  # fmt: skip


def _rgb(look: Look) -> tuple[float, ...]:
    from matplotlib.colors import to_rgb

    return to_rgb(look.light)


def _chart(shown: FigureContent) -> Chart:
    import altair as alt
    import polars as pl

    rows, arms = _rows_and_columns(shown)
    across = limits(shown.frame.to_dicts(), across=True)
    lines = []
    for group, probe in rows:
        here = shown.frame.filter((pl.col("group") == group) & (pl.col("probe") == probe))
        up = limits(here.to_dicts(), across=False)
        panels = [
            _panel_chart(here.filter(pl.col("arm") == arm), shown.looks[arm], across, up).properties(
                width=1.9 * PIXELS, height=HIGH * PIXELS, title=alt.Title(words(arm), color=shown.looks[arm].light)
            )
            for arm in arms
        ]  # fmt: skip
        lines.append(alt.hconcat(*panels, title=alt.Title(_title(group, probe).replace("\n", " "), anchor="start")))
    return alt.vconcat(*lines)


def _panel_chart(frame: Any, look: Look, across: tuple[float, float], up: tuple[float, float]) -> Chart:
    import altair as alt

    beyond = words(frame["compared_with"][0]) if frame.height else ""
    x = alt.X("win:Q", scale=alt.Scale(domain=list(across), nice=False), title=f"win rate beyond {beyond}, points")
    y = alt.Y("misbehaviour:Q", scale=alt.Scale(domain=list(up), nice=False), title="misbehaving, points")
    outlines = [
        {"mark": f"{row['run']} {row['epoch']}", "order": i, "win": at[0], "misbehaviour": at[1]}
        for row in frame.to_dicts()
        if (around := region_of(row)) is not None
        for i, at in enumerate(around.outline())
    ]
    zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color=QUIET[0], opacity=0.5)
    ellipses = alt.Chart(alt.Data(values=outlines)).mark_line(color=look.light, opacity=0.7, strokeWidth=1, clip=True)
    marks = alt.Chart(records(frame)).mark_point(
        filled=True, size=60, color=look.light, shape=look.shape, opacity=1, clip=True
    )
    return alt.layer(
        zero.encode(x=alt.X("zero:Q", scale=alt.Scale(domain=list(across), nice=False))),
        zero.encode(y=alt.Y("zero:Q", scale=alt.Scale(domain=list(up), nice=False))),
        ellipses.encode(x=x, y=y, order="order:Q", detail="mark:N"),
        marks.encode(x=x, y=y, tooltip=said_of(frame)),
    )


TRADE_OFF = FigureKind(
    "Winning against misbehaving", "arms with votes and with verdicts of a probe of strategy", content, _draw, _chart
)
