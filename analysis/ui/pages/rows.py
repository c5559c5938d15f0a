"""Rows of a frame: what a number on another page was counted from."""

from __future__ import annotations

import time
from typing import Any

from analysis.formats import count
from analysis.frames import columns_of
from analysis.ui import lookups
from analysis.ui.address import PageAddress
from analysis.ui.data import row_table as data
from analysis.ui.data.doors import rows_address
from analysis.ui.data.rows import PAGE, RowsPage, RowsQuery, can_sort
from analysis.ui.data.runs import plain_path
from analysis.ui.framework import solara
from analysis.ui.library import Follower
from analysis.ui.pages import background, parts, vue
from analysis.ui.pages.diffusion import Rest
from moloch.errors import InputError, MolochError


@solara.component
def Rows(follower: Follower, address: PageAddress, go: vue.Go, rest: Rest) -> None:
    """The rows that the address asks for."""
    query, opened = RowsQuery.of(address), solara.use_memo(time.monotonic, [address])

    def chose(changed: dict[str, Any]) -> None:
        there = {column.name for column in columns_of(changed["value"])}
        kept = {name: values for name, values in query.equals.items() if name in there}
        go(rows_address(address.at(frame=changed["value"], sort=""), kept).url)

    def read() -> RowsPage | str:
        try:
            return lookups.rows(follower, query, address, opened)
        except MolochError as error:
            return str(error)

    found = background.use_reading(read, follower, address)
    vue.Controls(choices=[data.frame_choice(query)], said="", event_chose=chose)
    if found is None:
        vue.Notice(title="Reading the log", text=f"Looking for rows of {query.frame[:80]}.", busy=True)
    elif isinstance(found, str):
        vue.Notice(title="No such rows", text=found)
    else:
        Found(follower, query, address, found, go)


@solara.component
def Found(follower: Follower, query: RowsQuery, address: PageAddress, found: RowsPage, go: vue.Go) -> None:
    """Rows that were read."""
    wrong, set_wrong = solara.use_state("")
    columns = data.headings(query, address, found)
    names = [column["name"] for column in columns]

    def narrow(asked: dict[str, Any]) -> None:
        narrower = rows_address(address, {**query.equals, asked["column"]: str(asked["value"])[:200]})
        try:
            RowsQuery.of(narrower).code("")
        except InputError as error:
            set_wrong(str(error))
        else:
            set_wrong("")
            go(narrower.url)

    vue.RowsView(
        frame=query.frame,
        total=count(found.total, "row"),
        columns=columns,
        rows=follower.read(lambda book: data.cells(query, address, book, found, names)),
        common=data.common(query, found),
        filters=data.filters(query, address),
        fields=[name for name, column in query.columns.items() if can_sort(column) or "List" in column.dtype],
        meanings=data.meanings(query),
        pager=parts.pager(address, found.total, PAGE),
        found=address.find,
        wrong=wrong,
        file=f"/take/rows.csv?{address.at(page_no=0).search()}",
        code=query.code(plain_path(follower.path)),
        event_go=go,
        event_find=lambda text: go(address.at(find=text[:200], page_no=0).url),
        event_narrow=narrow,
    )
