"""What each interval of a study's effects speaks of, side by side, in the terminal. Knows rows of the tidy frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.formats import DASH, p_value, points, points_bounds
from analysis.terminal.grid import Row, add_row, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType

TITLES = {"from_comparator": "Beyond the comparator", "rivalry": "Effect of rivalry"}
"""Measures that are effects: how their tables are headed."""
SCOPES = {
    "new trainings, anchors and people": "",
    "these anchors and people": "_seeds",
    "these adapters": "_adapters",
}
"""What an interval speaks of: how its columns end."""
FLIPPED = "Signs flipped: p of a test over seeds that assumes no distribution, and in brackets the least that so many seeds can give."


def scope_tables(
    rows: Sequence[Row], by: Sequence[str], levels: Callable[[Row], tuple[str, ...]]
) -> Iterator[RenderableType]:
    """Yield a table for each measure that is an effect.

    Args:
        rows: without those that are withheld.
        by: factors that split the rows; ``levels``: how those of a row are shown.
    """
    from rich.text import Text

    tables = [_table(title, of, by, levels) for measure, title in TITLES.items() if (of := _of(rows, measure))]
    yield from tables
    if tables:
        yield Text(FLIPPED, style="dim")


def _of(rows: Sequence[Row], measure: str) -> list[Row]:
    return [row for row in rows if row["measure"] == measure and not row["withheld"]]


def _table(title: str, rows: Sequence[Row], by: Sequence[str], levels: Callable[[Row], tuple[str, ...]]) -> Any:
    labels = [*by, "arm", "outcome"]
    grid = new_table(
        f"{title}, points: what each 95 % interval speaks of", [*labels, "", *SCOPES, "signs flipped"], len(labels)
    )
    for row in rows:
        intervals = [_interval(row, ending) for ending in SCOPES.values()]
        add_row(
            grid,
            *levels(row),
            row["arm"],
            row["outcome"],
            points({"value": row["estimate"]}),
            *intervals,
            _flipped(row),
        )
    return grid


def _interval(row: Mapping[str, Any], ending: str) -> str:
    se = None if ending else row["se"]
    return (
        points_bounds({"value": row["estimate"], "low": row[f"low{ending}"], "high": row[f"high{ending}"], "se": se})
        or DASH
    )


def _flipped(row: Mapping[str, Any]) -> str:
    return DASH if row["p_randomised"] is None else f"{p_value(row['p_randomised'])} ({p_value(row['p_smallest'])})"
