"""Panels with win rate across and misbehaviour up: what the figures of performance against misbehaviour share. Drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.figures.palette import QUIET, RULE
from analysis.figures.points import region_of
from analysis.figures.style import SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = dict[str, Any]
WIN, MISBEHAVIOUR = "win rate beyond {}, points", "misbehaving messages\nbeyond {}, points"


def zero_lines(axis: Axes) -> None:
    """Draw where what is compared with stands."""
    axis.axhline(0, color=RULE[0], linewidth=0.8, zorder=0)
    axis.axvline(0, color=RULE[0], linewidth=0.8, zorder=0)


def better(axis: Axes) -> None:
    """Say in a corner which way is better."""
    axis.text(
        0.985, 0.02, "better ↘", transform=axis.transAxes, ha="right", va="bottom", fontsize=SMALL, color=QUIET[0], style="italic"
    )  # fmt: skip


def limits(rows: Sequence[Row], across: bool) -> tuple[float, float]:
    """Return the ends of an axis that shows all points and most of their ellipses, in percentage points.

    Args:
        across: the axis of win rates; else that of misbehaviour.
    """
    name = "win" if across else "misbehaviour"
    values = [row[name] for row in rows]
    regions = [each for row in rows if (each := region_of(row)) is not None]
    reached = sorted(each.radius * (each.se_x if across else each.se_y) for each in regions)
    around = 1.1 * reached[len(reached) // 2] if reached else 0.15 * (max(values) - min(values)) or 1.0
    return min(0.0, min(values) - around), max(0.0, max(values) + around)
