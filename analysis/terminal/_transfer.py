"""Win rates before other audiences, for the terminal. Knows :func:`analysis.tables.transfer.transfer_dicts`' mappings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.formats import DASH, difference, p_value, rate
from analysis.terminal.grid import Row, add_row, from_comparator, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType

OWN = "its own"
"""The run's own audience, whose votes are learnt from."""


def transfer_tables(rows: Sequence[Row]) -> list[RenderableType]:
    """Return the table, and a line for each audience whose votes are evidence of nothing."""
    from rich.text import Text

    beyond = from_comparator(rows)
    columns = ["arm", "before", f"{beyond}, 95 %", "win rate, 95 %", f"from {OWN}, 95 %", "p"]
    grid = new_table("Transfer: the same messages before audiences other than the run's", columns, labels=2)
    previous = ""
    for row in rows:
        arm, previous = "" if row["arm"] == previous else row["arm"], row["arm"]
        if row["withheld"]:
            add_row(grid, arm, row["audience"] or OWN, *[DASH] * 4)
            continue
        won, less = row["win_rate"], row["difference"]
        rates = difference(row["from_comparator"]), rate(won), difference(less), p_value(less["p"])
        add_row(grid, arm, row["audience"] or OWN, *rates)
    said = dict.fromkeys(
        f"No win rates before {row['audience']}: {row['withheld']}." for row in rows if row["withheld"]
    )
    return [grid, *(Text(line, style="bold red") for line in said)]
