"""Tables for the terminal: one look for all of them, and cells that are text, never markup."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.formats import comparator_name

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

Row = Mapping[str, Any]


def new_table(title: str, columns: Sequence[str], labels: int = 1) -> Table:
    """Return an empty table whose cells are not wrapped.

    Args:
        labels: how many of the first columns say what a row is of: they stand left, the others right.
    """
    from rich.text import Text

    grid = _empty(title)
    for i, column in enumerate(columns):
        grid.add_column(Text(column), justify="left" if i < labels else "right", no_wrap=True)
    return grid


def _empty(title: str) -> Table:
    from rich import box
    from rich.table import Table

    look: dict[str, Any] = {"box": box.SIMPLE_HEAD, "pad_edge": False, "padding": (0, 1, 0, 0)}
    return Table(title=title, title_justify="left", title_style="italic", **look)


def fitted(grid: Table, width: int) -> Iterator[Table]:
    """Yield a table in pieces that are no wider than a terminal: the same rows, the columns that say what they are of, and some others.

    A single column that is still too wide stands alone, and its cells are wrapped.
    """
    if _width(grid) <= width:
        yield grid
        return
    labels = next((i for i, column in enumerate(grid.columns) if column.justify != "left"), 1)
    labels = min(max(labels, 1), len(grid.columns) - 1)
    piece, title = list(range(labels)), str(grid.title or "")
    for i in range(labels, len(grid.columns)):
        if len(piece) > labels and _width(_part(grid, [*piece, i], title)) > width:
            yield _part(grid, piece, title, width)
            piece, title = list(range(labels)), f"{str(grid.title or '').removesuffix(MORE)}{MORE}"
        piece.append(i)
    yield _part(grid, piece, title, width)


MORE = " (continued)"


def _part(grid: Table, columns: Sequence[int], title: str, width: int = 0) -> Table:
    """Return some columns of a table as one of their own; where it is wider than ``width``, its last column is wrapped."""
    part = _empty(title)
    for i in columns:
        column = grid.columns[i]
        part.add_column(column.header, justify=column.justify, no_wrap=column.no_wrap)
    cells = [list(grid.columns[i].cells) for i in columns]
    for n, row in enumerate(grid.rows):
        part.add_row(*(column[n] for column in cells), end_section=row.end_section)
    if width and _width(part) > width:
        part.columns[-1].no_wrap, part.columns[-1].justify = False, "left"
    return part


def _width(grid: Table) -> int:
    from rich.console import Console
    from rich.measure import Measurement

    console = Console(width=10_000)
    return Measurement.get(console, console.options, grid).maximum


def laid_out(parts: Iterable[RenderableType], width: int) -> Iterator[RenderableType]:
    """Yield what is to be printed: tables in pieces that fit into so many columns, texts in lines that break no interval."""
    from rich.table import Table
    from rich.text import Text

    for part in parts:
        if isinstance(part, Table):
            _name_intervals(part)
            yield from fitted(part, width)
        else:
            yield _wrapped(part, width) if isinstance(part, Text) else part


_LEVEL = re.compile(r", 95 %( CI)?$")


def _name_intervals(grid: Table) -> None:
    """Leave "95 %" out of the head of a column, and of a table's title, where no cell has an interval, as those of one society."""
    from rich.text import Text

    held = [any("[" in str(cell) for cell in column.cells) for column in grid.columns]
    for column, has in zip(grid.columns, held, strict=True):
        if not has and _LEVEL.search(str(column.header)):
            column.header = Text(_LEVEL.sub("", str(column.header)))
    if not any(held) and grid.title:
        grid.title = _LEVEL.sub("", str(grid.title))


_INTERVAL = re.compile(r"\[[^\[\]\n]*\]")
_NO_BREAK = "\u00a0"


def _wrapped(text: Text, width: int) -> Text:
    """Return a text with the line breaks that a terminal needs; an interval stays on one line."""
    from rich.text import Text

    whole = _INTERVAL.sub(lambda found: found[0].replace(" ", _NO_BREAK), text.plain)
    lines = [textwrap.fill(line, width, **_WHOLE_WORDS) for line in whole.split("\n")]
    broken = "\n".join(lines).replace(_NO_BREAK, " ")
    # a break stands where a space stood, so that styles keep their places; where more spaces were dropped, rich wraps
    return Text(broken, text.style, spans=text.spans) if len(broken) == len(text.plain) else text


_WHOLE_WORDS: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}


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
