"""One message: what it says, who chose it, and, where members see each other, which way it went."""

from __future__ import annotations

from typing import Any, NamedTuple

from abm.events import Event
from analysis.formats import count
from analysis.judges import VerdictRow
from analysis.readings.book import Book, Contest
from analysis.readings.cascades import Cascade
from analysis.readings.spreads import Spread
from analysis.ui import lookups
from analysis.ui.address import PageAddress
from analysis.ui.data import contests
from analysis.ui.data.cascade import SEEN, cascade_view, viewer_rows
from analysis.ui.data.film import society_of
from analysis.ui.data.message import one_message
from analysis.ui.data.places import names_of
from analysis.ui.data.takes import rows_take
from analysis.ui.framework import solara
from analysis.ui.library import Follower
from analysis.ui.pages import background, parts, vue
from analysis.ui.pages.parts import Rest
from moloch.errors import ContradictoryLog


@solara.component
def MessagePage(follower: Follower, address: PageAddress, go: vue.Go, rest: Rest) -> None:
    """The message in the address's slot of its contest."""
    contest = follower.read(lambda book: book.contests.get(address.contest))
    if contest is None or address.slot not in contest.messages:
        asked = f"{address.contest[:120]}/{address.slot}"
        vue.Notice(title="No such message", text=f"The log holds no message {asked!r}.")
    else:
        message = contest.messages[address.slot].message
        OneMessage(follower, contest, address, go).key(message)


class _Read(NamedTuple):
    """The events of the message's step, judges' verdicts, its way through the feeds where it was in them, or why that is left out."""

    events: list[Event]
    judged: list[VerdictRow]
    found: tuple[Cascade, Spread] | None
    wrong: dict[str, str] | None = None


@solara.component
def OneMessage(follower: Follower, contest: Contest, address: PageAddress, go: vue.Go) -> None:
    """A message that exists."""
    name = contest.messages[address.slot].message
    in_full, more = parts.use_whole(name)

    def look() -> _Read:
        events, (judged, _) = lookups.of_step(follower, contest), lookups.verdicts(follower)
        try:
            return _Read(events, judged, lookups.cascade(follower, contest, name))
        except ContradictoryLog as error:  # of the feeds; text, verdicts and votes stand
            return _Read(events, judged, None, parts.wrong(error, "Its way through the feeds is", address.run))

    read = background.use_reading(look, follower, name)
    if read is None:
        vue.Notice(title="Reading the log", text="Looking for what became of this message.", busy=True)
        return
    found = read.found
    key = follower.read(lambda book: society_of(book, contest.step.number))
    within = address.at(society=str(key) if key else "", page_no=0)
    message = follower.read(
        lambda book: one_message(book, contest, address.slot, read.events, within, read.judged, in_full)
    )
    reactions = message["reactions"]
    listed = found[0].members if found is not None and address.frame == SEEN else reactions
    start, stop = parts.page_of(address, len(listed), contests.PAGE)

    def way(book: Book) -> dict[str, Any] | None:
        if found is None or key is None:
            return None
        cascade, spread = found
        return cascade_view(cascade, spread, book, len(names_of(book.people, key.split)), within, in_full)

    def viewers(book: Book) -> dict[str, Any] | None:
        if found is None or address.frame != SEEN:
            return None
        rows = viewer_rows(found[0], book, within, start, stop)
        return {"rows": rows, "total": count(len(listed), "member"), "chose": address.at(frame="", page_no=0).url}

    take = rows_take(address, follower.path, "votes", contest=contest.contest, choice=address.slot)
    graph = PageAddress(
        run=address.run,
        page="diffusion",
        society=within.society,
        fill="reach",
        contest=contest.contest,
        slot=address.slot,
    )
    vue.MessageView(
        message=message | {"reactions": reactions[start:stop], "take": take},
        way=follower.read(way),
        viewers=follower.read(viewers),
        graph=graph.url,
        total=f"{message['chose']:,} of {count(len(reactions), 'persona')} chose it",
        pager=parts.pager(address, len(listed), contests.PAGE),
        wrong=read.wrong,
        event_go=go,
        event_more=more,
    )
