"""Intervals in rows, in one or several panels side by side: the common form of most figures. Drawn by matplotlib.

Its frame has a row per mark: ``panel``, ``group``, ``label``, ``arm``, ``value``, ``low`` and ``high`` (null where there is none), ``unit``
and ``shown``, the number as text. Panels, groups and labels stand in the order of the frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from analysis.figures.palette import BASE, INK, QUIET, RULE, Look
from analysis.figures.style import SMALL, WIDTH
from analysis.formats import points_bounds, signed

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = dict[str, Any]
HIGH, HEADING, AROUND, LEGEND, DODGE = 0.2, 0.26, 0.62, 0.22, 0.105
"""Inches of a row, of a heading, of the axis below with what is around it, of a legend, and between marks in one row."""
WIDER = 2.2
"""An interval that reaches so many times as far as the farthest value is cut off, and an arrow says so."""


class Panel(NamedTuple):
    """One axis.

    Attributes:
        name: in the frame's column ``panel``; ``title``: above it; ``axis``: below it, with the unit.
        null: where a line stands; None for none.
        least: what the quantity can be at least.
        far: from the null, an axis reaches no farther than this for the sake of intervals alone.
    """

    name: str
    title: str
    axis: str
    null: float | None = 0.0
    far: float = inf
    least: float = -inf


class Line(NamedTuple):
    """A row on the page: a heading, which has no label, or a label below one."""

    group: str
    label: str


class RowPlace(NamedTuple):
    """Where a row stands: its middle and its height, in inches from above; and the arms that have a mark in it, one below the other."""

    y: float
    high: float
    arms: tuple[str, ...] = ()

    def of(self, arm: str) -> float:
        """Return where an arm's mark stands."""
        return self.y + DODGE * (self.arms.index(arm) - (len(self.arms) - 1) / 2)


def interval_rows(frame: pl.DataFrame, panels: Sequence[Panel], looks: Mapping[str, Look]) -> Figure:
    """Return the rows as a figure; beside the common columns, ``low_90``, ``high_90``, ``margin`` and ``detectable`` are drawn where they are."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    rows = frame.to_dicts()
    places = _places(rows)
    dodged = any(len(place.arms) > 1 for place in places.values())
    height = sum(place.high for place in places.values()) + AROUND + (LEGEND if dodged else 0)
    figure = Figure(figsize=(WIDTH, height), layout=ConstrainedLayoutEngine(w_pad=0.02, wspace=0.02))
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, panel in zip(axes, panels, strict=True):
        _panel(axis, [row for row in rows if row["panel"] == panel.name], panel, places, looks)
    _labels(axes[0], places)
    if dodged:
        _legend(figure, list(dict.fromkeys(row["arm"] for row in rows)), looks)
    return figure


def estimate_shown(value: float | None, low: float | None, high: float | None, digits: int = 1) -> str:
    """Return a number of points with its interval as figures print it beside the mark."""
    if value is None:
        return "undefined"
    if low is None or high is None:
        return signed(value, digits)
    bounds = (
        points_bounds({"low": low / 100, "high": high / 100}) if digits else f"[{signed(low, 0)}, {signed(high, 0)}]"
    )
    return f"{signed(value, digits)} {bounds}"


def reach(rows: Sequence[Row], panel: Panel) -> tuple[float, float]:
    """Return where an axis begins and ends, so that one wide interval does not press all others together."""
    values = [row["value"] for row in rows if row["value"] is not None]
    ends = [row[end] for row in rows for end in ("low", "high") if row[end] is not None]
    around = [
        sign * row[name] for row in rows for name in ("margin", "detectable") if row.get(name) for sign in (-1, 1)
    ]
    bounds = ends + around
    null = panel.null or 0.0
    farthest = max((abs(value - null) for value in values), default=1.0) or 1.0
    typical = sorted(abs(bound - null) for bound in ends)
    far = max(WIDER * farthest, min(panel.far, 1.15 * typical[3 * len(typical) // 4]) if typical else 0.0)
    low = max(null - far, panel.least, min([*bounds, *values, null]))
    high = min(null + far, max([*bounds, *values, null]))
    margin = 0.06 * (high - low or 1.0)
    return low - margin, high + margin


def _lines(rows: Sequence[Row]) -> dict[Line, tuple[str, ...]]:
    """Return the rows in order, each with the arms that have a mark in it."""
    groups: dict[str, dict[str, dict[str, None]]] = {}
    for row in rows:
        groups.setdefault(row["group"], {}).setdefault(row["label"], {})[row["arm"]] = None
    lines: dict[Line, tuple[str, ...]] = {}
    for group, labels in groups.items():
        if group:
            lines[Line(group, "")] = ()
        lines |= {Line(group, label): tuple(arms) for label, arms in labels.items()}
    return lines


def _places(rows: Sequence[Row]) -> dict[Line, RowPlace]:
    places, y = dict[Line, RowPlace](), 0.0
    for line, arms in _lines(rows).items():
        high = max(HIGH, DODGE * (len(arms) + 1)) if line.label else HEADING
        places[line] = RowPlace(y + (high / 2 if line.label else 0.62 * high), high, arms)
        y += high
    return places


def _labels(axis: Axes, places: Mapping[Line, RowPlace]) -> None:
    labelled = {line: place.y for line, place in places.items() if line.label}
    axis.set_yticks(list(labelled.values()), [line.label for line in labelled])
    axis.set_ylim(sum(place.high for place in places.values()) + 0.02, -0.02)


def _legend(figure: Figure, arms: Sequence[str], looks: Mapping[str, Look]) -> None:
    from matplotlib.lines import Line2D

    keys = [
        Line2D([], [], color=looks[arm].light, marker=looks[arm].mark, markersize=4.5, linewidth=1.1, label=arm.replace("_", " "))
        for arm in arms
    ]  # fmt: skip
    figure.legend(handles=keys, loc="outside lower center", ncols=min(6, len(keys)))


def _panel(
    axis: Axes, rows: Sequence[Row], panel: Panel, places: Mapping[Line, RowPlace], looks: Mapping[str, Look]
) -> None:
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.set_title(panel.title, pad=5)
    axis.set_xlabel(panel.axis, labelpad=3)
    if panel.null is not None:
        axis.axvline(panel.null, color=QUIET[0], linewidth=0.7, zorder=1)
    left, right = reach(rows, panel)
    axis.set_xlim(left, right)
    for row in rows:
        y = places[Line(row["group"], row["label"])].of(row["arm"])
        _mark(axis, row, y, looks.get(row["arm"], looks[BASE]), (left, right))
        if row["shown"]:
            axis.annotate(
                row["shown"], (1, y), xycoords=axis.get_yaxis_transform(), xytext=(6, 0), textcoords="offset points",
                va="center_baseline", fontsize=SMALL - 0.5, color=INK[0], annotation_clip=False,
            )  # fmt: skip
    for line, (y, high, arms) in places.items():
        if len(arms) == 1:
            axis.axhline(y, color=RULE[0], linewidth=0.4, zorder=0)
        elif arms:
            axis.axhline(y + high / 2, color=RULE[0], linewidth=0.4, zorder=0)
        if not line.label and axis.get_subplotspec().colspan.start == 0:  # pyright: ignore[reportOptionalMemberAccess]
            axis.annotate(
                line.group, (0, y), xycoords=axis.get_yaxis_transform(), xytext=(-4, 0), textcoords="offset points",
                ha="right", va="center", fontweight="bold", fontsize=SMALL + 0.5, annotation_clip=False,
            )  # fmt: skip


def _mark(axis: Axes, row: Row, y: float, look: Look, ends: tuple[float, float]) -> None:
    if row.get("margin"):
        axis.fill_betweenx(
            [y - 0.42 * HIGH, y + 0.42 * HIGH],
            -row["margin"],
            row["margin"],
            color=RULE[0],
            alpha=0.55,
            linewidth=0,
            zorder=0.5,
        )
    if row.get("detectable"):
        for end, side in ((-row["detectable"], 0), (row["detectable"], 1)):
            if ends[0] <= end <= ends[1]:
                _bracket(axis, end, y, side)
    if row["value"] is None:
        return
    if row.get("low_90") is not None and row.get("high_90") is not None:
        inner = [max(row["low_90"], ends[0]), min(row["high_90"], ends[1])]
        axis.plot(inner, [y, y], color=look.light, linewidth=2.6, solid_capstyle="butt", zorder=2)
    if row["low"] is not None and row["high"] is not None:
        low, high = max(row["low"], ends[0]), min(row["high"], ends[1])
        axis.plot([low, high], [y, y], color=look.light, linewidth=1.1, solid_capstyle="butt", zorder=2)
        for cut, at, sign in ((row["low"] < ends[0], low, "<"), (row["high"] > ends[1], high, ">")):
            if cut:
                axis.plot([at], [y], sign, color=look.light, markersize=3.5, zorder=2, clip_on=False)
    if ends[0] <= row["value"] <= ends[1]:
        hollow = bool(row.get("hollow"))
        axis.plot(
            [row["value"]], [y], look.mark, color=look.light, markersize=5,
            markerfacecolor="white" if hollow else look.light, markeredgecolor=look.light if hollow else "white",
            markeredgewidth=0.9 if hollow else 0.5, zorder=3,
        )  # fmt: skip


def _bracket(axis: Axes, x: float, y: float, right: int) -> None:
    """Draw a bracket that opens towards the null."""
    axis.annotate("]" if right else "[", (x, y), ha="center", va="center", fontsize=SMALL + 1, color=QUIET[0], zorder=2)
