"""Win rates before other audiences, for the terminal. Knows :func:`analysis.tables.transfer.transfer_dicts`' mappings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.formats import DASH, bounds, difference, p_value, percent
from analysis.terminal.grid import Row, add_row, from_comparator, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType


def transfer_tables(rows: Sequence[Row], own: str) -> list[RenderableType]:
    """Return the table, and a line for each audience whose votes are evidence of nothing.

    Args:
        own: what the run's own audience is called.
    """
    from rich.text import Text

    beyond = from_comparator(rows)
    columns = [
        "arm",
        "audience",
        "win rate",
        "95 % CI",
        "from its own, 95 % CI",
        "p",
        f"{beyond}, 95 % CI",
        "p",
        "votes",
    ]
    grid = new_table("Transfer: the same messages before other audiences", columns)
    for row in rows:
        who = row["audience"] or f"{own}, which votes are learnt from"
        if row["withheld"]:
            add_row(grid, row["arm"], who, *[DASH] * 7)
            continue
        won, less, beyond_it = row["win_rate"], row["difference"], row["from_comparator"]
        differences = difference(less), p_value(less["p"]), difference(beyond_it), p_value(beyond_it["p"])
        add_row(grid, row["arm"], who, percent(won["value"]), bounds(won) or DASH, *differences, f"{won['n']:,}")
    said = dict.fromkeys(
        f"No win rates before {row['audience']}: {row['withheld']}." for row in rows if row["withheld"]
    )
    return [grid, *(Text(line, style="bold red") for line in said)]
