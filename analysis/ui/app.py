"""The application that the server runs: one page; its address says which run is shown, and what of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from difflib import get_close_matches
from functools import partial
from typing import Any

from analysis.formats import count
from analysis.ui import lookups
from analysis.ui.address import END, PAGES, PageAddress
from analysis.ui.data.head import headline
from analysis.ui.data.life import LIVE, SAYS
from analysis.ui.data.runs import quoted
from analysis.ui.framework import solara
from analysis.ui.library import Follower, library
from analysis.ui.live import SEEN, use_ticks, use_version
from analysis.ui.pages import background, vue
from analysis.ui.pages.rows import StudyRows
from analysis.ui.pages.runs import Runs
from analysis.ui.pages.study import Study
from analysis.ui.pages.table import BODIES, WITHOUT_MAIN, WITHOUT_TAB
from moloch.errors import ContradictoryLog, MolochError

STANDING_S = 5.0
"""Seconds between looks at how a run stands that writes nothing."""
REST_S = 0.25
"""Seconds after which a slider has come to rest."""


@solara.component
def Page() -> None:
    """Whatever the address names."""
    router = solara.use_router()
    seen, set_seen = solara.use_state(True)
    SEEN.provide(seen)
    vue.Presence(known=seen, event_seen=set_seen)
    address = PageAddress.parse(router.search or "")
    Guarded(lambda: Place(address, router.push), address, address, router.push)


@solara.component
def Place(address: PageAddress, go: vue.Go) -> None:
    """The list of runs and studies, a study, or a run."""
    follower = library().follower(address.run) if address.run else None
    study = library().study(address.study) if address.study and not address.run else None
    if address.page not in PAGES:
        tabs = [page for page in BODIES if page not in WITHOUT_TAB]
        nearest = _meant(address.page, PAGES, lambda page: address.at(page=page))
        result = {"url": address.at(page="result").url, "text": "Result"}
        text = f"There is no page {address.page[:200]!r}. A run has the pages {', '.join(tabs)}."
        Lost(address, "No such page", text, "", nearest or result, go)
    elif study is not None and address.page == "rows":
        vue.AddressBar(search=address.search(), title=titled("Rows", study.key))
        StudyRows(study, address, go).key(f"rows of {study.key}")
    elif study is not None:
        vue.AddressBar(search=address.search(), title=titled("Result", study.key))
        Study(study, address, go).key(f"study {study.key} {id(study)}")
    elif address.study and not address.run:
        near = _meant(address.study, (study.key for study in library().studies()), lambda key: PageAddress(study=key))
        Lost(address, "No such study", f"There is no study {address.study!r} here.", "moloch ui STUDY", near, go)
    elif not address.run:
        vue.AddressBar(search=address.search(), title=titled())
        Runs(address, go)
    elif follower is None:
        near = _meant(address.run, library().paths(), lambda key: PageAddress(run=key))
        text = f"There is no run {address.run!r} here. It may have been moved or deleted."
        Lost(address, "No such run", text, "moloch ui RUN", near, go)
    else:
        OneRun(follower, address, go).key(f"{follower.key} {id(follower)}")


@solara.component
def Lost(address: PageAddress, title: str, text: str, command: str, link: vue.Row | None, go: vue.Go) -> None:
    """That there is not what an address names, with the nearest there is."""
    vue.AddressBar(search=address.search(), title=titled(title))
    vue.Header(run=None, page="", tabs=[], home="/", event_go=go)
    vue.Notice(first=True, title=title, text=text, command=command, link=link, event_go=go)


def _meant(asked: str, there: Iterable[str], address: Callable[[str], PageAddress]) -> vue.Row | None:
    """Return the link to the run, study or page of the nearest name."""
    near = get_close_matches(asked[:200], list(there), n=1)
    return {"url": address(near[0]).url, "text": f"Did you mean {near[0]}?"} if near else None


@solara.component
def OneRun(follower: Follower, address: PageAddress, go: vue.Go) -> None:
    """One run's header, how it stands, and the page that the address names."""
    version = use_version(follower)
    rested = solara.use_ref(address)
    before = solara.use_ref(address)
    if before.current != address:  # a link was followed: the place noted before no longer holds
        before.current = rested.current = address
    rest = use_rest(rested)

    # a page is rendered again when what it is given has changed: functions that close over the same are the same, partials are not
    fresh = solara.use_memo(lambda: partial(rest), [version])
    info = solara.use_memo(follower.info, [version])
    tabs = [
        {"page": page, "label": page.capitalize(), "url": rested.current.at(page=page, contest="").url}
        for page in BODIES
        if page not in WITHOUT_TAB
    ]
    moved = bool(rested.current.society or rested.current.t != END or rested.current.held)
    vue.AddressBar(search=rested.current.search(), title=titled(address.page.capitalize(), follower.key))
    run = follower.read(lambda book: headline(info, book, follower.error))
    up = solara.use_memo(lambda: library().study_of(follower.path), [follower.path])
    run["up"] = {"name": up, "url": PageAddress(study=up).url} if up else None
    vue.Header(run=run, page=address.page, tabs=tabs, home="/", event_go=go)
    if follower.ready.is_set() and info.state in (*LIVE, "stopped"):
        Guarded(lambda: Standing(follower, address, moved, go, rest), "strip", address, go)
    if not follower.ready.is_set():
        vue.Notice(
            title="Reading the log", busy=True, text=f"{count(follower.read(lambda book: book.seq), 'event')} so far."
        )
    elif not follower.read(lambda book: book.seq):
        damaged = follower.error or info.error
        title = "This log cannot be read" if damaged else "Nothing has been written yet"
        none_yet = (
            "Nothing has been written to disk yet; this page follows the run."
            if info.state in LIVE
            else SAYS[info.state]
        )
        text = damaged or none_yet
        vue.Notice(title=title, text=text, command=f"moloch log verify {quoted(info.path)}" if damaged else "")
    else:
        given = rest if address.page in WITHOUT_MAIN else fresh  # a graph follows its society by itself
        place = address.at(held=int(moved)) if address.page == "diffusion" else address
        with solara.v.Html(tag="main") if address.page in WITHOUT_MAIN else nullcontext():
            Guarded(lambda: BODIES[address.page](follower, place, go, given), place, address, go)


def titled(*names: str) -> str:
    """Return the title of a page, the most particular name first."""
    return " · ".join([*names, "Moloch"])


@solara.component
def Standing(follower: Follower, address: PageAddress, moved: bool, go: vue.Go, rest: Callable[..., None]) -> None:
    """How a run that has not ended stands, looked at again every few seconds."""
    use_ticks(STANDING_S)
    now = background.use_reading(lambda: lookups.pulse(follower), follower)
    lives = now is not None and now["live"]

    def follow(on: bool) -> None:
        place = {"society": "", "t": END, "held": 0 if on else 1}
        if (there := address.at(**place)) == address:  # no link away: somebody moved in time, which only rests
            rest(**place)
        else:
            go(there.url)

    follows = not moved if lives and address.page == "diffusion" else None
    vue.Strip(now=now, follows=follows, event_follow=follow)


@solara.component
def Guarded(show: Callable[[], Any], place: object, address: PageAddress, go: vue.Go) -> None:
    """Whatever ``show`` makes, or why it cannot be shown. Tried again at another place.

    What is shown has to be all that this component renders: reacton cannot replace a part that raised.
    """
    broken, retry = solara.use_exception()
    tried = solara.use_ref(place)
    if tried.current != place:
        tried.current = place
        if broken is not None:
            retry()
            broken = None
    if broken is None:
        show()
        return
    text, link = str(broken), None
    if isinstance(broken, ContradictoryLog):
        text = f"{broken.what}: {broken.why}. Other pages show what they can."
        url = PageAddress(run=address.run, page="event", seq=broken.seq).url
        link = {"url": url, "text": f"Event {broken.seq:,}"}
    elif not isinstance(broken, MolochError):
        text = f"{type(broken).__name__}: {text[:400]}. The other pages and the run are not affected."
    vue.Notice(title="This page cannot be shown", text=f"{text[0].upper()}{text[1:]}", link=link, event_go=go)


def use_rest(rested: Any) -> Callable[..., None]:
    """Return a function that notes the place within the page, so that links and a reload start there.

    It is called as often as a slider moves; the component is rendered again once that rests.
    """
    _, tick = solara.use_state(0)
    waiting = solara.use_ref(None)

    def rest(**changes: Any) -> None:
        rested.current = rested.current.at(**changes)
        if waiting.current is not None:
            waiting.current.cancel()
        waiting.current = threading.Timer(REST_S, lambda: tick(lambda number: number + 1))
        waiting.current.daemon = True
        waiting.current.start()

    def forget() -> Callable[[], None]:
        return lambda: waiting.current.cancel() if waiting.current is not None else None

    solara.use_effect(forget, [])
    return rest


@solara.component
def Layout(children: list[Any]) -> Any:
    """The frame around every page."""
    return solara.Div(children=children, classes=["m-app"])


routes = [solara.Route(path="/", component=Page, layout=Layout, label="Moloch")]
