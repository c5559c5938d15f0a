"""What interactive charts of altair have in common: marks of arms, intervals in rows, and what is said on pointing at a mark.

Colours are those of a light ground; a page puts the dark ones in their place (:mod:`analysis.figures.web_page`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from analysis.figures.figure import Chart
from analysis.figures.palette import QUIET, RULE, Look
from analysis.figures.rows import DODGE, HEADING, HIGH, Panel, Row, reach

if TYPE_CHECKING:
    import polars as pl

PIXELS = 96
"""Of an inch."""
WIDE = {1: 480, 2: 320, 3: 230}
"""Panels side by side -> pixels of each; more are as wide as three."""
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
        alt.Tooltip(
            f"{name}:{'Q' if frame.schema[name].is_numeric() else 'N'}",
            title=name.replace("_", " "),
            format=".2f" if name in floats else alt.Undefined,
        )
        for name in names
    ]


def records(frame: pl.DataFrame) -> Any:
    """Return a frame as data that stands in a chart itself."""
    import altair as alt

    return alt.Data(values=frame.to_dicts())


class _Block(NamedTuple):
    """The rows under one heading, alike in all panels: labels in order, arms, and whether several of these stand in one row."""

    heading: str
    labels: Sequence[str]
    arms: Sequence[str]
    most: int
    last: bool

    @property
    def high(self) -> float:
        """Pixels."""
        return max(HEADING, max(HIGH, DODGE * (self.most + 1)) * len(self.labels)) * PIXELS


def interval_chart(frame: pl.DataFrame, panels: Sequence[Panel], looks: Mapping[str, Look]) -> Chart:
    """Return what :func:`analysis.figures.rows.interval_rows` draws."""
    import altair as alt
    import polars as pl

    blocks = _blocks(frame.to_dicts())
    columns = []
    for panel in panels:
        part = frame.filter(pl.col("panel") == panel.name)
        ends, said = reach(part.to_dicts(), panel), said_of(part)
        drawn = [
            _block_chart(
                part.filter(pl.col("group") == block.heading).to_dicts(),
                panel,
                block,
                looks,
                ends,
                said,
                WIDE[min(len(panels), 3)],
            )
            for block in blocks
        ]
        columns.append(alt.vconcat(*drawn, spacing=6, title=alt.Title(panel.title, anchor="start")))
    return alt.hconcat(*columns, spacing=18)


def _blocks(rows: Sequence[Row]) -> list[_Block]:
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    groups: dict[str, dict[str, set[str]]] = {}
    for row in rows:
        groups.setdefault(row["group"], {}).setdefault(row["label"], set()).add(row["arm"])
    return [
        _Block(group, list(labels), arms, max(map(len, labels.values())), last=group == list(groups)[-1])
        for group, labels in groups.items()
    ]


def _block_chart(
    rows: Sequence[Row],
    panel: Panel,
    block: _Block,
    looks: Mapping[str, Look],
    ends: tuple[float, float],
    said: list[Any],
    wide: int,
) -> Chart:
    import altair as alt

    scale = alt.Scale(domain=list(ends), nice=False, clamp=True, zero=False)
    axis = alt.Axis(title=panel.axis) if block.last else alt.Axis(title=None, labels=False, ticks=False)

    def at(name: str) -> Any:
        return alt.X(f"{name}:Q", scale=scale, axis=axis)

    here: dict[str, Any] = {
        "y": alt.Y("label:N", title=None, scale=alt.Scale(domain=list(block.labels)), axis=alt.Axis(ticks=False, domain=False))
    }  # fmt: skip
    if block.most > 1:
        here["yOffset"] = alt.YOffset("arm:N", scale=alt.Scale(domain=list(block.arms)))
    key: dict[str, Any] = {"title": None} if block.most > 1 else {"legend": None}
    colour, shape = colour_of(looks, block.arms, **key), shape_of(looks, block.arms, **key)
    base = alt.Chart(alt.Data(values=list(rows))).encode(**here)
    bars = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=1.6)
    marks = base.transform_filter("isValid(datum.value)").mark_point(filled=True, size=70, opacity=1)
    layers = [
        *_around(base, rows, at, colour),
        bars.encode(x=at("low"), x2="high:Q", color=colour, tooltip=said),
        marks.encode(x=at("value"), color=colour, shape=shape, tooltip=said),
    ]
    if panel.null is not None and ends[0] <= panel.null <= ends[1]:
        null = alt.Chart(alt.Data(values=[{"null": panel.null}])).mark_rule(color=QUIET[0])
        layers = [null.encode(x=at("null")), *layers]
    heading = alt.Title(block.heading, fontSize=11, anchor="start", fontWeight="normal", offset=2)
    return alt.layer(*layers).properties(width=wide, height=block.high, title=heading)


def _around(base: Any, rows: Sequence[Row], at: Callable[[str], Any], colour: Any) -> list[Any]:
    """Return what stands around a mark where rows have it: margin, smallest detectable effect, inner interval."""
    layers = []
    if any(row.get("margin") for row in rows):
        band = base.transform_filter("isValid(datum.margin)").transform_calculate(below="-datum.margin")
        layers.append(band.mark_bar(color=RULE[0], opacity=0.5).encode(x=at("below"), x2="margin:Q"))
    if any(row.get("detectable") for row in rows):
        found = base.transform_filter("isValid(datum.detectable)").transform_calculate(below="-datum.detectable")
        layers += [found.mark_tick(color=QUIET[0], thickness=1).encode(x=at(end)) for end in ("below", "detectable")]
    if any(row.get("low_90") is not None for row in rows):
        inner = base.transform_filter("isValid(datum.low_90)").mark_rule(strokeWidth=4)
        layers.append(inner.encode(x=at("low_90"), x2="high_90:Q", color=colour))
    return layers
