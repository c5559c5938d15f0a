"""The people of a run and what was written for them, as tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from analysis.formats import count
from analysis.readings.minds import Minds
from analysis.readings.society import SocietyKey
from analysis.ui import lookups
from analysis.ui.address import PageAddress
from analysis.ui.data import people as data
from analysis.ui.data import writings
from analysis.ui.data.film import society_choices
from analysis.ui.framework import solara
from analysis.ui.library import Follower
from analysis.ui.pages import background, parts, vue
from analysis.ui.pages.diffusion import Rest
from moloch.errors import ContradictoryLog

TABLES = ("members", "messages", "polls")


@solara.component
def People(follower: Follower, address: PageAddress, go: vue.Go, rest: Rest) -> None:
    """One of the tables, by the address's ``frame``."""
    key, choices = follower.read(lambda book: society_choices(book, address.at(fill="choice")))
    if key is None:
        vue.Notice(title="Nobody yet", text=parts.nobody(follower))
    elif address.frame == "messages":
        Messages(follower, address, go)
    elif address.frame == "polls":
        Polls(follower, address, key, choices[:1], go)
    else:
        Members(follower, address, key, choices[:1], go)


@solara.component
def Members(
    follower: Follower, address: PageAddress, key: SocietyKey, choices: list[dict[str, Any]], go: vue.Go
) -> None:
    """Everybody in a society."""

    def make(minds: Minds | None) -> tuple[dict[str, Any], list[dict[str, Any]]] | str:
        book = follower.read(lambda book: book)
        if minds is None:
            return "This society has not begun."
        table = data.member_table(book, minds, address, key)
        return _said(table), data.member_choices(book, minds, address, key)

    found = background.use_reading(lambda: lookups.minds(follower, key, make), follower, key, address)
    more = found[1] if isinstance(found, tuple) else []
    vue.Controls(choices=[*choices, *more], said="", event_chose=parts.chooser(address.at(sort=""), go))
    _table(found, "members", address, data.PAGE, go)


@solara.component
def Messages(follower: Follower, address: PageAddress, go: vue.Go) -> None:
    """Everything that competitors wrote."""

    def make() -> tuple[dict[str, Any], list[dict[str, Any]]]:
        try:
            reached, wrong = lookups.reached(follower), None
        except ContradictoryLog as error:
            reached, wrong = {}, parts.wrong(error, "How far messages came is", address.run)
        table = follower.read(lambda book: writings.message_table(book, reached, address))
        return table | {"wrong": wrong}, follower.read(lambda book: writings.message_choices(book, address))

    found = background.use_reading(make, follower, address)
    vue.Controls(choices=found[1] if found else [], said="", event_chose=parts.chooser(address, go))
    _table(found, "messages", address, writings.PAGE, go)


@solara.component
def Polls(follower: Follower, address: PageAddress, key: SocietyKey, choices: list[dict[str, Any]], go: vue.Go) -> None:
    """What polls said, and how the votes came out."""

    def make(minds: Minds | None) -> dict[str, Any] | str:
        if minds is None:
            return "This society has not begun."
        rows = follower.read(lambda book: data.poll_rows(book, minds, address))
        start, stop = parts.page_of(address, len(rows), data.PAGE)
        said = "The log holds the sums of a poll, not who answered what." if rows else ""
        return {"head": [], "rows": rows[start:stop], "total": len(rows), "said": said}

    found = background.use_reading(lambda: lookups.minds(follower, key, make), follower, key, address)
    vue.Controls(choices=choices, said="", event_chose=parts.chooser(address, go))
    _table(found, "polls", address, data.PAGE, go)


def _said(table: dict[str, Any]) -> dict[str, Any]:
    """Return a table of members with a line about it."""
    changed = f"{count(table['changed'], 'member')} of {table['of']:,} changed their mind" if table["changed"] else ""
    none = "Nobody’s mind changed here: no member came to think best of another competitor, or chose another one about the same anchor."
    return table | {"said": changed or none}


def _table(found: Any, kind: str, address: PageAddress, size: int, go: vue.Go) -> None:
    """Show a table once it is there."""
    table = found[0] if isinstance(found, tuple) else found
    if table is None:
        vue.Notice(title="Reading the log", text="The table is being made.", busy=True)
        return
    if isinstance(table, str):
        vue.Notice(title="Nobody yet", text=table)
        return
    there = PageAddress(run=address.run, page="people", society=address.society)
    find: Callable[[str], None] = lambda text: go(address.at(find=text, page_no=0).url)  # noqa: E731
    vue.PeopleTable(
        kind=kind,
        tables=[{"name": name, "url": there.at(frame="" if name == "members" else name).url} for name in TABLES],
        table=table,
        total=count(table["total"], kind.removesuffix("s")),
        pager=parts.pager(address, table["total"], size),
        found=address.find,
        wrong=table.get("wrong"),
        event_go=go,
        event_find=find,
    )
