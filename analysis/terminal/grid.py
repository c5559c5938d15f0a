"""Tables for the terminal: one look for all of them, and cells that are text, never markup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.formats import comparator_name

if TYPE_CHECKING:
    from rich.table import Table

Row = Mapping[str, Any]


def new_table(title: str, columns: Sequence[str]) -> Table:
    """Return an empty table; its first column stands left, the others right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    look: dict[str, Any] = {"box": box.SIMPLE_HEAD, "pad_edge": False, "padding": (0, 1, 0, 0)}
    grid = Table(title=title, title_justify="left", title_style="italic", **look)
    for i, column in enumerate(columns):
        grid.add_column(Text(column), justify="left" if i == 0 else "right", no_wrap=True)
    return grid


def add_row(grid: Table, *cells: str) -> None:
    """Add a row of texts, which are shown letter by letter."""
    from rich.text import Text

    grid.add_row(*map(Text, cells))


def from_comparator(rows: Iterable[Row]) -> str:
    """Return the heading of differences between arms: from which arm, or from each arm's comparator."""
    return f"from {comparator_name(row['compared_with'] for row in rows)}"


def by_probe(grid: Table, rows: Sequence[Row]) -> Iterator[tuple[str, Row]]:
    """Yield each row with its probe's name, which stands in the probe's first row only; other orders are kept."""
    previous = ""
    for row in sorted(rows, key=lambda row: row["probe"]):
        if previous and row["probe"] != previous:
            grid.add_section()
        yield ("" if row["probe"] == previous else row["probe"]), row
        previous = row["probe"]
