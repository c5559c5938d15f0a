"""A study's mixed models in the terminal: each difference by both ways, and what it varies by.

Knows the rows that :func:`analysis.studies.findings.mixed_rows.mixed_dicts` makes; knows nothing of models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from analysis.formats import DASH, difference, number
from analysis.terminal.grid import Row, add_row, from_comparator, new_table
from analysis.terminal.study import blocks, levels_of

if TYPE_CHECKING:
    from rich.console import RenderableType

EFFECTS = ("seed", "anchor", "person", "seed_x_anchor", "seed_x_person", "residual")
NOTE = (
    "A check, not the headline: effects of seeds, anchors and people are assumed to be normal with equal spread. Spreads are standard deviations, "
    "in points; a dash: that effect cannot be separated from another one here."
)


def mixed_tables(rows: Sequence[Row], by: Sequence[str]) -> Iterator[RenderableType]:
    """Yield a table of differences by both ways, and one of spreads.

    Args:
        by: factors that split the rows.
    """
    from rich.text import Text

    if not rows:
        yield Text(
            "No mixed model: that takes two seeds whose votes are kept, and an arm that is compared with another.",
            style="yellow",
        )
        return
    columns = [*by, "arm", "outcome"]
    both = new_table(
        f"Differences {from_comparator(rows)} by two ways, 95 % CI", [*columns, "clustered", "mixed model"]
    )
    spreads = new_table("What they vary by", [*columns, *(effect.replace("_", " ") for effect in EFFECTS)])
    groups = {(*levels_of(row, by), row["arm"], row["outcome"]): row for row in rows}
    for grid in (both, spreads):
        for column in grid.columns[: len(columns)]:
            column.justify = "left"
        for labels, row in blocks(groups, grid, 2):
            add_row(grid, *labels, *(_both(row) if grid is both else _spreads(row)))
        yield grid
    yield Text(NOTE, style="dim")


def _both(row: Row) -> list[str]:
    return [
        difference({"value": row[f"{way}estimate"], "low": row[f"{way}low"], "high": row[f"{way}high"]})
        for way in ("clustered_", "")
    ]


def _spreads(row: Row) -> list[str]:
    values = (row[f"sd_{effect}"] for effect in EFFECTS)
    return [DASH if value is None else number(100 * value, 1) for value in values]
