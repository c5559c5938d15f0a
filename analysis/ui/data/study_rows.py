"""Rows of a study: of all cells that can be read. Those that cannot are left out and named with their state, so that the others open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from abm.events import AnchorsListed, OtherArenaSet
from abm.log import open_log
from analysis.formats import count
from analysis.frames import CellRun, of_run
from analysis.readings.book import Book
from analysis.readings.reading import read
from analysis.studies.record.cell_ends import DAMAGED, GONE, MISSING, within
from analysis.studies.record.status import StudyStatus
from analysis.ui.address import PageAddress
from analysis.ui.data.rows import RowsPage, RowsQuery, rows_page
from analysis.ui.data.runs import quoted
from moloch.errors import LogError, MolochError

NAMED = 5
"""Cells that are named in a sentence."""
NOWHERE = Path("/dev/null/no-run")
"""A folder that is never there: a cell that stands in it has no rows."""


class UnreadCell(NamedTuple):
    """A cell without rows: ``state`` is missing or damaged, ``why`` says what is wrong, with places within the study."""

    cell: str
    state: str
    why: str


class RowsOfCells(NamedTuple):
    """A page of rows of those cells that can be read, with the query that has only these.

    Attributes:
        books: cell -> a book that knows its anchors and nothing else, of the cells on this page.
    """

    query: RowsQuery
    page: RowsPage
    unread: tuple[UnreadCell, ...]
    books: Mapping[str, Book]


def rows_of_cells(query: RowsQuery, study: Path, status: StudyStatus, page_no: int) -> RowsOfCells:
    """Return a page of a study's rows; cells that cannot be read are left out, and named.

    Args:
        query: of all cells.
        status: how they stand; those that are missing have no rows.

    Raises:
        InputError: as :func:`analysis.ui.data.rows.rows_page`.
    """
    lost = [UnreadCell(cell.cell, MISSING, GONE) for cell in status.cells if cell.state == MISSING]
    query = without(query, lost)
    try:
        page = rows_page(query, study, page_no)
    except LogError:
        lost += damaged_cells(query, study)
        query = without(query, lost)
        page = rows_page(query, study, page_no)
    only = query.equals.get("cell", ())
    unread = tuple(each for each in lost if not only or each.cell in only)
    return RowsOfCells(query, page, unread, _books(query, page) if "anchor" in query.columns else {})


def _books(query: RowsQuery, page: RowsPage) -> dict[str, Book]:
    shown = set(page.rows["cell"])
    return {run.cell: book_of_anchors(Path(run.folder)) for run in query.cells if run.cell in shown}


def book_of_anchors(run: Path) -> Book:
    """Return a book that knows a run's anchors, and nothing else."""
    book = Book()
    with suppress(MolochError):  # its rows are there as Parquet
        for block in open_log(run, write=False).blocks():
            read(block.events({AnchorsListed, OtherArenaSet}), book)
    return book


def damaged_cells(query: RowsQuery, study: Path) -> list[UnreadCell]:
    """Return those of a query's cells of whose logs its frame cannot be made; each log is read."""
    found = ((run.cell, _wrong(run, query.frame)) for run in query.cells)
    return [UnreadCell(cell, DAMAGED, within(wrong, study)) for cell, wrong in found if wrong]


def without(query: RowsQuery, cells: Iterable[UnreadCell]) -> RowsQuery:
    """Return a query in which some cells have no rows; the frame keeps the columns of all factors."""
    out = {each.cell for each in cells}
    kept = tuple(run._replace(folder=NOWHERE) if run.cell in out else run for run in query.cells)
    return replace(query, cells=kept, left_out=tuple(run.cell for run in kept if run.folder == NOWHERE))


def _wrong(run: CellRun, frame: str) -> str:
    import polars as pl

    if not (Path(run.folder) / "run.json").exists():  # it has not begun, or is missing
        return ""
    try:
        of_run(run.folder, frame).select(pl.len()).collect()
    except LogError as error:
        return " ".join(str(error).split())
    return ""


def said(unread: Sequence[UnreadCell], study: str) -> list[tuple[str, str]]:
    """Return a sentence in pieces about cells without rows, each of which leads to its row on the study's page; empty for none."""
    if not unread:
        return []
    pieces = [(f"Without the rows of {count(len(unread), 'cell')} that cannot be read: ", "")]
    for place, each in enumerate(unread[:NAMED]):
        url = PageAddress(study=study, find=each.cell).url
        pieces += [(", ", "")] * bool(place) + [(each.cell, url), (f" ({each.state})", "")]
    more = len(unread) - NAMED
    return [*pieces, (f" and {more:,} more." if more > 0 else ".", "")]


def alone(query: RowsQuery, unread: Sequence[UnreadCell], study: Path, key: str) -> dict[str, Any] | None:
    """Return the notice in place of rows where all cells that an address asks for cannot be read; None where some can."""
    only = query.equals.get("cell", ())
    if not unread or set(only) != {each.cell for each in unread}:
        return None
    cell, state, why = unread[0]
    damaged = state == DAMAGED
    return {
        "title": f"The log of {cell} is damaged" if damaged else f"The folder of {cell} is missing",
        "text": why,
        "command": f"moloch log verify {quoted(study)}#{cell}" if damaged else "",
        "link": {"url": PageAddress(study=key, find=cell).url, "text": "The cell on the study's page"},
    }
