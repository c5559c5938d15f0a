"""How much trainings vary, for the terminal. Knows the rows that :func:`analysis.tables.results.results` returns; knows nothing of events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.formats import DASH, number, p_value, percent, points
from analysis.terminal.grid import Row, add_row, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType

COLUMNS = ("outcome", "trained again", "R", "mean", "s, points", "arm", "value", "less mean", "p", "p (rank)")
NOTE = (
    "s: standard deviation of R trainings of one arm, other picks and other weights. p: of the sharp null that the arm's one training is one more of "
    "them, from five trainings on. There is no interval for the effect: that takes several trainings of both."
)


def repeat_tables(rows: Sequence[Row]) -> list[RenderableType]:
    """Return the spread of every arm that was trained several times, and how far from its mean the others are."""
    from rich.text import Text

    grid = new_table("Trainings vary", COLUMNS, 2)
    for row in rows:
        s = number(100 * row["s"], 1) if row["s"] else "no variation"
        of = percent(row["mean"]), s, row["arm"] or DASH
        against = points({"value": row["difference"]}), p_value(row["p"]), p_value(row["p_rank"])
        add_row(grid, row["outcome"], row["control"], str(len(row["values"])), *of, percent(row["value"]), *against)
    return [grid, Text(NOTE, style="dim")]
