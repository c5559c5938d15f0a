"""What interactive charts of altair have in common: marks of arms, intervals in rows, and what is said on pointing at a mark.

Colours are those of a light ground; a page puts the dark ones in their place (:mod:`analysis.figures.web_page`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.figures.figure import Chart
from analysis.figures.palette import QUIET, Look
from analysis.figures.rows import DODGE, HEADING, HIGH, Panel, Row, reach

if TYPE_CHECKING:
    import polars as pl

PIXELS = 96
"""Of an inch."""
BESIDE = ("run", "cell")
"""Columns that are too long to be said on pointing."""


def colour_of(looks: Mapping[str, Look], arms: Sequence[str], field: str = "arm", **more: Any) -> Any:
    """Return the encoding of arms as colours."""
    import altair as alt

    scale = alt.Scale(domain=list(arms), range=[looks[arm].light for arm in arms])
    return alt.Color(f"{field}:N", scale=scale, **more)


def shape_of(looks: Mapping[str, Look], arms: Sequence[str], field: str = "arm", **more: Any) -> Any:
    """Return the encoding of arms as marks."""
    import altair as alt

    scale = alt.Scale(domain=list(arms), range=[looks[arm].shape for arm in arms])
    return alt.Shape(f"{field}:N", scale=scale, **more)


def said_of(frame: pl.DataFrame) -> list[Any]:
    """Return what a mark says of itself: all columns that are short."""
    import altair as alt
    import polars as pl

    floats = {name for name, kind in frame.schema.items() if kind in (pl.Float64, pl.Float32)}
    names = [name for name in frame.columns if name not in BESIDE]
    return [
        alt.Tooltip(f"{name}:{'Q' if frame.schema[name].is_numeric() else 'N'}", title=name.replace("_", " "), **({"format": ".2f"} if name in floats else {}))
        for name in names
    ]  # fmt: skip


def records(frame: pl.DataFrame) -> Any:
    """Return a frame as data that stands in a chart itself."""
    import altair as alt

    return alt.Data(values=frame.to_dicts())


def interval_chart(frame: pl.DataFrame, panels: Sequence[Panel], looks: Mapping[str, Look]) -> Chart:
    """Return what :func:`analysis.figures.rows.interval_rows` draws."""
    import altair as alt
    import polars as pl

    arms = [arm for arm in dict.fromkeys(frame["arm"].to_list()) if arm in looks]
    columns = []
    for panel in panels:
        part = frame.filter(pl.col("panel") == panel.name)
        rows: list[Row] = part.to_dicts()
        groups = dict.fromkeys(row["group"] for row in rows)
        blocks = [
            _block([row for row in rows if row["group"] == group], panel, looks, arms, reach(rows, panel), said_of(part), last=group == list(groups)[-1])
            for group in groups
        ]  # fmt: skip
        columns.append(alt.vconcat(*blocks, spacing=6, title=alt.Title(panel.title, anchor="start")))
    return alt.hconcat(*columns, spacing=18)


def _block(
    rows: Sequence[Row],
    panel: Panel,
    looks: Mapping[str, Look],
    arms: Sequence[str],
    ends: tuple[float, float],
    said: list[Any],
    *,
    last: bool,
) -> Chart:
    import altair as alt

    labels = list(dict.fromkeys(row["label"] for row in rows))
    scale = alt.Scale(domain=list(ends), nice=False, clamp=True, zero=False)
    axis = (
        alt.Axis(title=panel.axis, labels=True, ticks=True) if last else alt.Axis(title=None, labels=False, ticks=False)
    )
    x = alt.X("value:Q", scale=scale, axis=axis)
    y = alt.Y("label:N", sort=labels, title=None, axis=alt.Axis(ticks=False, domain=False))
    most = max(sum(row["label"] == label for row in rows) for label in labels)
    beside = {"yOffset": alt.YOffset("arm:N", sort=list(arms))} if most > 1 else {}
    key = {"title": None} if most > 1 else {"legend": None}
    colour, shape = colour_of(looks, arms, **key), shape_of(looks, arms, **key)
    base = alt.Chart(alt.Data(values=list(rows)))
    bars = base.transform_filter("datum.low !== null").mark_rule(strokeWidth=1.6).encode(
        x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q", y=y, color=colour, tooltip=said, **beside
    )  # fmt: skip
    marks = base.transform_filter("datum.value !== null").mark_point(filled=True, size=70, opacity=1).encode(
        x=x, y=y, color=colour, shape=shape, tooltip=said, **beside
    )  # fmt: skip
    layers = [bars, marks]
    if panel.null is not None and ends[0] <= panel.null <= ends[1]:
        null = (
            alt.Chart(alt.Data(values=[{"null": panel.null}]))
            .mark_rule(color=QUIET[0])
            .encode(x=alt.X("null:Q", scale=scale, axis=axis))
        )
        layers = [null, *layers]
    heading = alt.Title(rows[0]["group"], fontSize=11, anchor="start", fontWeight="normal", offset=2)
    return alt.layer(*layers).properties(
        width=230, height=max(HEADING, max(HIGH, DODGE * (most + 1)) * len(labels)) * PIXELS, title=heading
    )
