"""Rows of a frame, of a run or of all cells of a study: what a number on another page was counted from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from analysis.formats import count
from analysis.frames import columns_of
from analysis.studies.frames.study_frames import cell_runs
from analysis.studies.record.cell_ends import within
from analysis.ui import lookups
from analysis.ui.address import PageAddress
from analysis.ui.data import row_table as data
from analysis.ui.data.doors import rows_address
from analysis.ui.data.rows import PAGE, RowsPage, RowsQuery, can_sort
from analysis.ui.data.runs import plain_path, quoted
from analysis.ui.data.study import HIDDEN
from analysis.ui.data.study_rows import RowsOfCells, alone, rows_of_cells, said
from analysis.ui.framework import solara
from analysis.ui.library import Follower, library
from analysis.ui.pages import background, parts, vue
from analysis.ui.pages.diffusion import Rest
from analysis.ui.pages.study import keys_of_cells
from analysis.ui.studies import ShownStudy
from moloch.errors import InputError, LogError, MolochError


@solara.component
def Rows(follower: Follower, address: PageAddress, go: vue.Go, rest: Rest) -> None:
    """The rows that the address asks for."""
    query, opened = RowsQuery.of(address), solara.use_memo(time.monotonic, [address])

    def chose(changed: dict[str, Any]) -> None:
        there = {column.name for column in columns_of(changed["value"])}
        kept = {name: values for name, values in query.equals.items() if name in there}
        go(rows_address(address.at(frame=changed["value"], sort=""), kept).url)

    def read() -> RowsPage | MolochError:
        try:
            return lookups.rows(follower, query, address, opened)
        except MolochError as error:
            return error

    found = background.use_reading(read, follower, address)
    vue.Controls(choices=[data.frame_choice(query)], said="", event_chose=chose)
    if found is None:
        vue.Notice(title="Reading the log", text=f"Looking for rows of {query.frame[:80]}.", busy=True)
    elif isinstance(found, LogError):
        command = f"moloch log verify {quoted(follower.path)}"
        vue.Notice(title="This log cannot be read", text=within(str(found), follower.path), command=command)
    elif isinstance(found, MolochError):
        vue.Notice(title="No such rows", text=str(found))
    else:
        Found(
            query,
            address,
            found,
            go,
            cells=lambda names: follower.read(lambda book: data.cells(query, address, book, found, names)),
            folder=follower.path,
        )


@solara.component
def StudyRows(study: ShownStudy, address: PageAddress, go: vue.Go) -> None:
    """The rows that the address asks for, of all cells of a study."""
    opened = solara.use_memo(time.monotonic, [address])
    up = {"name": study.key, "url": PageAddress(study=study.key).url}
    vue.Header(run=None, page="", tabs=[], home="/", event_go=go)

    def read() -> RowsOfCells | str:
        try:
            query = RowsQuery.of(address, tuple(cell_runs(study.path)))
            return rows_of_cells(query, study.path, study.status(), address.page_no)
        except MolochError as error:
            return within(str(error), study.path)

    found = background.use_reading(read, study, address, opened) if not study.closed else HIDDEN
    if found is None:
        text = f"Looking for rows of {address.frame[:80]} in all cells."
        vue.Notice(first=True, title="Reading the cells", text=text, busy=True)
    elif isinstance(found, str):
        vue.Notice(first=True, title="No such rows", text=found)
    else:
        query, page, unread, books = found
        if (instead := alone(query, unread, study.path, study.key)) is not None:
            vue.Notice(first=True, event_go=go, **instead)
            return
        keys = keys_of_cells(library(), study.path)
        Found(
            query,
            address,
            page,
            go,
            cells=lambda names: data.study_cells(query, address, keys, page, names, books),
            folder=study.path,
            up=up,
            unread=said(unread, study.key),
        )


@solara.component
def Found(
    query: RowsQuery,
    address: PageAddress,
    found: RowsPage,
    go: vue.Go,
    cells: Callable[[list[str]], list[list[data.Cell]]],
    folder: Path,
    up: vue.Row | None = None,
    unread: Sequence[tuple[str, str]] = (),
) -> None:
    """Rows that were read; ``up``: the study that they are of, ``unread``: a sentence about its cells without rows."""
    wrong, set_wrong = solara.use_state("")
    columns = data.headings(query, address, found)
    names = [column["name"] for column in columns]

    def narrow(asked: dict[str, Any]) -> None:
        narrower = rows_address(address, {**query.equals, asked["column"]: str(asked["value"])[:200]})
        try:
            RowsQuery.of(narrower, query.cells).code("")
        except InputError as error:
            set_wrong(str(error))
        else:
            set_wrong("")
            go(narrower.url)

    vue.RowsView(
        frame=query.frame,
        total=count(found.total, "row"),
        columns=columns,
        rows=cells(names),
        common=data.common(query, found),
        filters=data.filters(query, address),
        fields=[name for name, column in query.columns.items() if can_sort(column) or "List" in column.dtype],
        up=up,
        unread=list(unread),
        meanings=data.meanings(query),
        pager=parts.pager(address, found.total, PAGE),
        found=address.find,
        wrong=wrong,
        file=f"/take/rows.csv?{address.at(page_no=0).search()}",
        code=query.code(plain_path(folder)),
        event_go=go,
        event_find=lambda text: go(address.at(find=text[:200], page_no=0).url),
        event_narrow=narrow,
    )
