"""Rows of a frame as a page shows them: headings with their meanings, cells that lead on, filters in words.

Knows rows and a run's book; reads no log.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from abm.log.codec import RUN_KINDS
from analysis.formats import DASH, short
from analysis.frames import NAMES
from analysis.readings.book import Book
from analysis.ui.address import PageAddress
from analysis.ui.data.doors import event_url, rows_address
from analysis.ui.data.references import reference_url
from analysis.ui.data.rows import RowsPage, RowsQuery, can_sort

TEXT = 90
"""Characters of a text that a cell has room for."""
TIME = "seconds since 1970-01-01 UTC"
"""Unit of moments in frames and files."""
SHOWN_TIME = f"date and time in UTC; filters and the file have {TIME}"
EVENTS = ("seq", "cause", "decided")
"""Columns that name an event of the run by its place."""
NOT_OF_THE_RUN = ("labels",)
"""Frames whose ``seq`` is that of a log beside the run's."""
Cell = list[str]
"""A text; where it leads, empty for nowhere; what it stands for, where it is not the value itself."""


def headings(query: RowsQuery, address: PageAddress, found: RowsPage) -> list[dict[str, Any]]:
    """Return the columns that are shown: a heading, what it means, where sorting by it leads.

    Left out are those that a filter fixes, and those that are the same in all rows of this page: :func:`common` has these.
    """
    shown, alike = [], {name for name, _ in common(query, found)}
    for name, column in query.columns.items():
        if name in alike or (name not in ("seq", "cell") and name in _fixed(query)):
            continue
        ascending, descending = query.sort == name, query.sort == f"-{name}"
        unit = f", {SHOWN_TIME if column.unit == TIME else column.unit}" if column.unit else ""
        shown.append(
            {
                "name": name,
                "meaning": f"{column.meaning or name}{unit}",
                "number": column.dtype in ("Int64", "Float64"),
                "url": address.at(sort=f"-{name}" if ascending else name, page_no=0).url if can_sort(column) else "",
                "sorted": "ascending" if ascending else "descending" if descending else "none",
            }
        )
    return shown


def common(query: RowsQuery, found: RowsPage) -> list[tuple[str, str]]:
    """Return the columns that are the same in all rows of this page, and what they hold; none for a single row."""
    if found.rows.height < 2:
        return []
    kept = {"seq", "cell", query.sort.removeprefix("-"), *_fixed(query)}
    moments = _moments(query)
    alike = [name for name in query.columns if name not in kept and found.rows[name].n_unique() == 1]
    return [(name, _said(found.rows[name][0], name in moments)[0]) for name in alike]


def _fixed(query: RowsQuery) -> set[str]:
    columns = query.columns
    return {n for n, values in query.equals.items() if len(values) == 1 and not columns[n].dtype.startswith("List")}


def cells(query: RowsQuery, address: PageAddress, book: Book, found: RowsPage, names: list[str]) -> list[list[Cell]]:
    """Return a page's rows, each with a cell for each of the columns that have these names."""
    moments = _moments(query)

    def cell(name: str, row: Mapping[str, Any]) -> Cell:
        if named := _anchor(name, row, book):
            return named
        text, whole = _said(row[name], name in moments)
        return [text, _door(name, row, query, address, book), whole]

    return [[cell(name, row) for name in names] for row in found.rows.iter_rows(named=True)]


def _anchor(name: str, row: Mapping[str, Any], book: Book | None) -> Cell | None:
    """Return an anchor as its subject; None for another column, and for an anchor that the book does not know."""
    if name != "anchor" or book is None or row[name] not in book.anchors:
        return None
    return [short(book.subject(row[name]), 50), "", str(row[name])]


def study_cells(
    query: RowsQuery,
    address: PageAddress,
    keys: Mapping[str, str],
    found: RowsPage,
    names: list[str],
    books: Mapping[str, Book],
) -> list[list[Cell]]:
    """Return a page's rows of a study: a cell's name leads to the same rows of its run, an event to its page.

    Args:
        keys: name of a cell -> key of its run; without those that are not shown.
        books: name of a cell -> a book that knows its anchors.
    """
    factors = {"cell", "seed", *(name for cell in query.cells for name in cell.factors)}
    kept = {name: values for name, values in query.equals.items() if name not in factors}

    def door(name: str, row: Mapping[str, Any]) -> str:
        run = PageAddress(run=keys.get(str(row["cell"]), ""), page="rows", frame=address.frame, find=address.find)
        if not run.run:
            return ""
        if name == "cell":
            return rows_address(run, kept).url
        of_run = name in EVENTS and query.frame not in NOT_OF_THE_RUN and row[name] is not None
        return event_url(run, row[name]) if of_run else ""

    def cell(name: str, row: Mapping[str, Any]) -> Cell:
        if named := _anchor(name, row, books.get(str(row["cell"]))):
            return named
        text, whole = _said(row[name], name in moments)
        return [text, door(name, row), whole]

    moments = _moments(query)
    return [[cell(name, row) for name in names] for row in found.rows.iter_rows(named=True)]


def _moments(query: RowsQuery) -> frozenset[str]:
    """Return the columns that hold moments."""
    return frozenset(name for name, column in query.columns.items() if column.unit == TIME)


def _said(value: Any, moment: bool) -> tuple[str, str]:
    """Return a value as it is shown, and, of a moment, the seconds that date and time stand for."""
    if not moment or not value:
        return _text(value), ""
    try:
        at = datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):  # a log may hold any number
        return _text(value), ""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC", f"{_text(value)} {TIME}"


def meanings(query: RowsQuery) -> list[list[str]]:
    """Return each column's name, unit and meaning, and which event says it."""
    return [[column.name, column.unit, column.meaning, column.source] for column in query.columns.values()]


def _text(value: Any) -> str:
    if value is None:
        return DASH
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".") if 1e-3 <= abs(value) < 1e12 or not value else f"{value:.4g}"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if hasattr(value, "to_list"):
        value = value.to_list()
    if isinstance(value, list):
        return short(", ".join(map(_text, value)), TEXT)
    return short(str(value), TEXT)


def _door(name: str, row: Mapping[str, Any], query: RowsQuery, address: PageAddress, book: Book) -> str:
    """Return where a cell leads."""
    value = row[name]
    if value is None or value == "":
        return ""
    if name in EVENTS:
        return event_url(address, value) if query.frame not in NOT_OF_THE_RUN else ""
    return reference_url(name, value, row, address, book)


def filters(query: RowsQuery, address: PageAddress) -> list[dict[str, str]]:
    """Return the filters in words, each with the address that leads to the rows without it."""
    shown = []
    for name, values in query.equals.items():
        rest = {other: each for other, each in query.equals.items() if other != name}
        said = " or ".join(short(value, 40) or "empty" for value in values)
        shown.append({"text": f"{name} is {said}", "url": rows_address(address, rest).url})
    if query.find:
        shown.append(
            {"text": f"some text contains “{short(query.find, 40)}”", "url": address.at(find="", page_no=0).url}
        )
    return shown


def frame_choice(query: RowsQuery) -> dict[str, Any]:
    """Return the choice among frames: those that have a name of their own, then every type of event."""
    kinds = sorted(RUN_KINDS)
    options = [*([name, name] for name in NAMES), *([kind, f"event: {kind}"] for kind in kinds)]
    return {"name": "frame", "label": "Rows of", "value": query.frame, "options": options}
