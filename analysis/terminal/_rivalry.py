"""The effect of rivalry for the terminal: each learner of a market against its twins, beside the same alone.

Knows the rows that :func:`analysis.tables.results.results` returns; knows nothing of events.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.answers.words import RIVALRY
from analysis.formats import DASH, points
from analysis.terminal.grid import Row, add_row, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType

COLUMNS = ("learner", "outcome", "less market twin", "alone less twin", "rivalry", "less own twin")
ROWS = ("learner", "rows", "market twin", "own twin", "alone", "its twin", "equal")


def rivalry_tables(rows: Sequence[Row]) -> list[RenderableType]:
    """Return the differences of every learner, and the rows that each side learnt from, epoch by epoch."""
    from rich.text import Text

    effects, learnt = new_table("Rivalry", COLUMNS, 2), new_table("Rows learnt from, by epoch", ROWS)
    previous = ""
    for row in rows:
        learner, previous = ("" if row["learner"] == previous else row["learner"]), row["learner"]
        values = (row[name] for name in ("among_rivals", "alone", "rivalry", "own_picks"))
        add_row(effects, learner, row["outcome"], *(points({"value": value}) for value in values))
        if learner:
            between = row["between"]
            sides = (between[side] for side in ("learner", "market_twin", "own_twin", "solo", "solo_twin"))
            numbers = (" + ".join(map(str, row["rows"].get(arm, ()))) or DASH for arm in sides)
            add_row(learnt, learner, *numbers, "yes" if row["equal"] else "no")
    return [effects, learnt, Text(RIVALRY, style="dim")]
