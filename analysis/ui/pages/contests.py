"""The contests, and one of them."""

from __future__ import annotations

from analysis.formats import count
from analysis.readings.book import Contest
from analysis.ui import lookups
from analysis.ui.address import PageAddress
from analysis.ui.data import contests as data
from analysis.ui.data.takes import rows_take
from analysis.ui.framework import solara
from analysis.ui.library import Follower
from analysis.ui.pages import background, parts, vue
from analysis.ui.pages.diffusion import Rest


@solara.component
def Contests(follower: Follower, address: PageAddress, go: vue.Go, rest: Rest) -> None:
    """The list, or the contest that the address names."""
    if address.contest:
        contest = follower.read(lambda book: book.contests.get(address.contest))
        if contest is None:
            text = f"The log holds no contest {address.contest[:120]!r}."
            vue.Notice(title="No such contest", text=text)
        else:
            OneContest(follower, contest, address, go).key(contest.contest)
        return
    contests = follower.read(lambda book: data.listed(book, address))
    start, stop = parts.page_of(address, len(contests), data.PAGE)
    rows = follower.read(lambda book: data.contest_rows(book, contests[start:stop], address))
    choices = follower.read(lambda book: data.contest_choices(book, address))
    vue.Controls(choices=choices, said=count(len(contests), "contest"), event_chose=parts.chooser(address, go))
    vue.ContestList(
        rows=rows,
        take=data.list_take(address, follower.path),
        pager=parts.pager(address, len(contests), data.PAGE),
        found=address.find,
        event_go=go,
        event_find=lambda text: go(address.at(find=text, page_no=0).url),
    )


@solara.component
def OneContest(follower: Follower, contest: Contest, address: PageAddress, go: vue.Go) -> None:
    """A contest that exists."""
    in_full, more = parts.use_whole(contest.contest)
    read = background.use_reading(
        lambda: (lookups.of_step(follower, contest), lookups.verdicts(follower)), follower, contest.contest
    )
    if read is None:
        vue.Notice(title="Reading the log", text="Looking for the reactions to this contest.", busy=True)
        return
    events, (judged, _) = read
    details = follower.read(lambda book: data.one(book, contest, events, address, judged, in_full))
    details["take"] = rows_take(address, follower.path, "votes", contest=contest.contest)
    reactions = details["reactions"]
    start, stop = parts.page_of(address, len(reactions), data.PAGE)
    vue.ContestView(
        contest=details | {"reactions": reactions[start:stop]},
        total=count(len(reactions), "persona"),
        pager=parts.pager(address, len(reactions), data.PAGE),
        back=address.at(contest="", page_no=0).url,
        event_go=go,
        event_more=more,
    )
