"""What each interval of a study's effects speaks of, one below the other, in the terminal. Knows rows of the tidy frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from analysis.formats import DASH, p_value, points, points_bounds
from analysis.tables.conventions import headline
from analysis.terminal.grid import Row, add_row, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType

TITLES = {"from_comparator": "Beyond the comparator", "rivalry": "Effect of rivalry"}
"""Measures that are effects: how their tables are headed."""
FLIPPED = "Signs flipped: p of a test over seeds that assumes no distribution, and the smallest p that this many seeds can give."


def scope_tables(rows: Sequence[Row], levels: Callable[[Row], tuple[str, ...]]) -> Iterator[RenderableType]:
    """Yield a table for each measure that is an effect, of the headline outcomes.

    Args:
        levels: how those of a row are shown.
    """
    from rich.text import Text

    tables = [_table(title, of, levels) for measure, title in TITLES.items() if (of := _of(rows, measure))]
    yield from tables
    if tables:
        yield Text(FLIPPED, style="dim")


def _of(rows: Sequence[Row], measure: str) -> list[Row]:
    shown = [row for row in rows if row["measure"] == measure and not row["withheld"]]
    return [row for row in shown if row["kind"] in ("votes", "strategy") and headline(row["outcome"])]


def _table(title: str, rows: Sequence[Row], levels: Callable[[Row], tuple[str, ...]]) -> Any:
    grid = new_table(f"{title}, points", ["what an interval holds for", "95 % CI", "p"])
    for row in rows:
        add_row(grid, ", ".join([*levels(row), row["arm"], row["outcome"]]), points({"value": row["estimate"]}), "")
        add_row(grid, "  new trainings, anchors and people", _interval(row, ""), p_value(row["p"]))
        add_row(grid, "  these anchors and people", _interval(row, "_seeds"), "")
        add_row(grid, "  these adapters", _interval(row, "_adapters"), "")
        if row["p_randomised"] is not None:
            least = f"at least {p_value(row['p_smallest'])}"
            add_row(grid, "  signs flipped", least, p_value(row["p_randomised"]))
        grid.add_section()
    return grid


def _interval(row: Row, ending: str) -> str:
    se = None if ending else row["se"]
    bounds = {"value": row["estimate"], "low": row[f"low{ending}"], "high": row[f"high{ending}"], "se": se}
    return points_bounds(bounds) or DASH
