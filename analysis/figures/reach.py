"""How far misbehaving and clean messages went in the feeds, and how deep at equal size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.figures.charts import PIXELS
from analysis.figures.figure import Chart, FigureContent, FigureKind, LeftOut
from analysis.figures.frames import frame_of_marks
from analysis.figures.palette import CLEAN, INK, MISBEHAVING, RULE
from analysis.figures.style import SMALL, WIDTH
from analysis.figures.subject import RunRead, Subject
from analysis.formats import count, known, number, percent, signed
from analysis.readings.spreads import Spread
from analysis.statistics.estimates import NOTHING
from analysis.tables.matched_cascades import MatchedRow, evaluated_spreads, matched_cascades
from analysis.tables.reach import reach_table

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = {"misbehaving": MISBEHAVING, "clean": CLEAN}
DASHES = {"misbehaving": "solid", "clean": (0, (4, 1.5))}
HIGH, LONG = 1.9, 1_000
"""Inches of a panel; beyond so many, an axis is logarithmic."""
SEEN, SHARED, DEPTH = "seen", "size", "depth"
TITLES = {
    SEEN: ("how many saw it", "members, at least", "share of messages"),
    SHARED: ("how many shared it", "size of its cascade, at least", "share of messages"),
    DEPTH: ("how deep, at equal size", "size of the cascade", "depth"),
}


def content(subject: Subject) -> FigureContent | LeftOut:
    """Return a row per message that was in a feed and judged, or why there is none."""
    if not any(run.spreads for run in subject.runs):
        return LeftOut("No message was in a feed: this is not the networked world.")
    found = [(run, spread) for run in subject.runs for spread in evaluated_spreads(run.spreads)]
    kinds = {spread.misbehaved for _, spread in found}
    if kinds != {True, False}:
        return LeftOut(
            "Only messages of one kind were in the feeds: "
            + (
                "no probe of strategy judged them."
                if not kinds
                else "all misbehave."
                if True in kinds
                else "none misbehaves."
            )
        )
    rows = [_mark(subject, run, spread) for run, spread in found]
    matched = matched_cascades([(spread, f"{run.run} {spread.anchor}") for run, spread in found])
    flagged = sum(row["kind"] == "misbehaving" for row in rows)
    said = [
        subject.extent,
        f"{count(flagged, 'message')} in which a probe of strategy found something, {len(rows) - flagged:,} in which none did; "
        "all competitors, last evaluation.",
        "Left and middle: share of messages that reached so many members or more.",
        *(_said(matched)),
        "A cascade is its author and those who shared it.",
        *_amplified(subject),
        *subject.notes,
    ]
    return FigureContent(frame_of_marks(rows), " ".join(said), subject.looks, {"depth": _beside(matched)})


def _mark(subject: Subject, run: RunRead, spread: Spread) -> dict[str, Any]:
    shape = spread.shape
    flagged = [probe for probe, label in spread.labels.items() if label == 1]
    ids = {name: getattr(spread, name) for name in ("epoch", "arm", "competitor", "anchor", "contest", "message")}
    kind = "misbehaving" if spread.misbehaved else "clean"
    counts = {"seen": spread.seen, "likes": spread.likes, "shares": len(spread.sharers)}
    cascade = {"size": shape.size, "depth": shape.depth, "breadth": shape.breadth, "virality": shape.virality}
    return {
        "group": subject.group(run.levels),
        "kind": kind,
        "found": ", ".join(flagged),
        **run.ids,
        **ids,
        **counts,
        **cascade,
    }


def _said(matched: Sequence[MatchedRow]) -> list[str]:
    depth = next((row for row in matched if row.measure == "depth"), None)
    if depth is None or depth.difference.value != depth.difference.value:
        return ["No misbehaving cascade has the size of a clean one, so that depth cannot be compared."]
    if not known(depth.difference.low):
        return [
            f"Right: mean depth by size. At equal size misbehaving cascades are {number(depth.difference.value, 2)} deeper, without an interval "
            f"({percent(depth.matched, 0)} of them have a clean one of their size)."
        ]
    bounds = f"[{number(depth.difference.low, 2)}, {number(depth.difference.high, 2)}]"
    return [
        f"Right: mean depth by size. At equal size misbehaving cascades are {number(depth.difference.value, 2)} {bounds} deeper "
        f"(95 %, jackknife over anchors, which depend on each other in a lasting society; {percent(depth.matched, 0)} of them have a clean one of their size)."
    ]


def _beside(matched: Sequence[MatchedRow]) -> str:
    """Return the difference in depth as it stands in its panel."""
    depth = next((row.difference for row in matched if row.measure == "depth"), NOTHING)
    if depth.value != depth.value:
        return "no two of equal size"
    return f"misbehaving less clean:\n{signed(depth.value, 2)} [{signed(depth.low, 2)}, {signed(depth.high, 2)}]"


def _amplified(subject: Subject) -> list[str]:
    """Return what feeds made of misbehaviour in a single run, by its own tables."""
    if len(subject.runs) != 1:
        return []
    rows = [
        row
        for row in reach_table(subject.runs[0].spreads)
        if row.kind == "strategy" and row.amplified.value == row.amplified.value
    ]
    each = [
        f"{row.arm}, {row.probe.replace('_', ' ')}: {percent(row.seen.value)} of views, {percent(row.published.value)} of messages"
        for row in rows
    ]
    return [f"Misbehaviour seen and written: {'; '.join(each)}."] if each else []


def at_least(values: Sequence[int]) -> list[tuple[int, float]]:
    """Return (k, share of values that are k or more) for each value that occurs, ascending."""
    ordered = np.sort(np.asarray(values))
    distinct = np.unique(ordered)
    shares = 1 - np.searchsorted(ordered, distinct, side="left") / len(ordered)
    return list(zip(distinct.tolist(), shares.tolist(), strict=True))


def _curves(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the points of all curves: panel, kind, x, y and how many messages stand behind."""
    import polars as pl

    curves = []
    for kind in KINDS:
        part = frame.filter(pl.col("kind") == kind)
        for panel in (SEEN, SHARED):
            curves += [
                {"panel": panel, "kind": kind, "x": x, "y": y, "messages": part.height}
                for x, y in at_least(part[panel].to_list())
            ]
        by_size = part.group_by("size").agg(pl.col("depth").mean(), pl.len()).sort("size")
        curves += [{"panel": DEPTH, "kind": kind, "x": x, "y": y, "messages": n} for x, y, n in by_size.iter_rows()]
    return curves


def _draw(shown: FigureContent) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HIGH + 0.45), layout="constrained")
    curves = _curves(shown.frame)
    for axis, panel in zip(figure.subplots(1, 3), TITLES, strict=True):
        _panel(axis, panel, [point for point in curves if point["panel"] == panel])
    bottom, top = figure.axes[2].get_ylim()
    figure.axes[2].set_ylim(bottom, top + 0.28 * (top - bottom))  # room for what is said above the marks
    figure.axes[2].text(
        0.03, 0.97, shown.facts["depth"], transform=figure.axes[2].transAxes, va="top", fontsize=SMALL, color=INK[0]
    )
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, handlelength=3)
    return figure


def _panel(axis: Axes, panel: str, points: Sequence[dict[str, Any]]) -> None:
    title, across, up = TITLES[panel]
    axis.set_title(title, pad=4)
    axis.set_xlabel(across)
    axis.set_ylabel(up)
    axis.grid(color=RULE[0], linewidth=0.4)
    for kind, (colour, _) in KINDS.items():
        own = [point for point in points if point["kind"] == kind]
        xs, ys = [point["x"] for point in own], [point["y"] for point in own]
        if panel == DEPTH:
            axis.scatter(
                xs,
                ys,
                s=[4 + 3 * point["messages"] ** 0.5 for point in own],
                color=colour,
                alpha=0.55,
                linewidths=0,
                marker="o" if kind == "misbehaving" else "s",
            )
        else:
            axis.step(xs, ys, where="post", color=colour, linestyle=DASHES[kind], linewidth=1.3, label=kind)
    if max((point["x"] for point in points), default=1) > LONG:
        axis.set_xscale("log")
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axis.tick_params(labelsize=SMALL)


def _chart(shown: FigureContent) -> Chart:
    import altair as alt

    curves = _curves(shown.frame)
    colour = alt.Color(
        "kind:N", scale=alt.Scale(domain=list(KINDS), range=[light for light, _ in KINDS.values()]), title=None
    )
    panels = []
    for panel, (title, across, up) in TITLES.items():
        data = alt.Data(values=[point for point in curves if point["panel"] == panel])
        said = [
            alt.Tooltip("kind:N"),
            alt.Tooltip("x:Q", title=across),
            alt.Tooltip("y:Q", title=up, format=".2f"),
            alt.Tooltip("messages:Q"),
        ]
        chart = alt.Chart(data).encode(
            x=alt.X("x:Q", title=across), y=alt.Y("y:Q", title=up), color=colour, tooltip=said
        )
        if panel == DEPTH:
            drawn = chart.mark_point(filled=True, opacity=0.6).encode(
                size=alt.Size("messages:Q", legend=None),
                shape=alt.Shape("kind:N", legend=None, scale=alt.Scale(domain=list(KINDS), range=["circle", "square"])),
            )
        else:
            drawn = chart.mark_line(interpolate="step-after", point=True).encode(
                strokeDash=alt.StrokeDash(
                    "kind:N", legend=None, scale=alt.Scale(domain=list(KINDS), range=[[1, 0], [4, 2]])
                )
            )
        panels.append(drawn.properties(width=2.4 * PIXELS, height=HIGH * PIXELS, title=title))
    return alt.hconcat(*panels)


REACH = FigureKind(
    "Reach of misbehaving and clean messages",
    "feeds, and messages that a probe of strategy judged",
    content,
    _draw,
    _chart,
)
