"""Strengths of arms over a study, for the terminal. Knows the tables that :func:`analysis.studies.values.strengths.strength_dicts` makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from analysis.formats import bounds, log_odds, percent
from analysis.terminal.grid import add_row, new_table
from analysis.terminal.study import blocks, levels_of

if TYPE_CHECKING:
    from rich.console import RenderableType

NOTE = (
    "Intervals allow for variation between seeds, anchors and people: an arm is its method, and seeds are draws of it."
)


def strength_tables(tables: Sequence[dict[str, Any]], by: Sequence[str]) -> Iterator[RenderableType]:
    """Yield one table of all levels, and what being shown first adds in each."""
    from rich.text import Text

    columns = ["strength over base", "chosen over base", "without forfeits"]
    grid = new_table("Strengths over all seeds, in log-odds (Bradley-Terry), 95 % CI", [*by, "arm", *columns])
    for column in grid.columns[: len(by) + 1]:
        column.justify = "left"
    rows = {(*levels_of(table["levels"], by), row["arm"]): row for table in tables for row in table["strengths"]}
    for labels, row in blocks(rows, grid):
        chosen = row["chosen"]
        share = f"{percent(chosen['value'])} {bounds(chosen)}".rstrip()
        add_row(grid, *labels, log_odds(row["strength"]), share, log_odds(row["without_forfeits"]))
    yield grid
    for table in tables:
        where = f"{', '.join(levels_of(table['levels'], by))}: being" if by else "Being"
        yield Text(
            f"{where} shown first adds {log_odds(table['shown_first'])} to the log-odds; {table['votes']:,} votes.",
            style="dim",
        )
    yield Text(NOTE, style="dim")
