"""The application that the server runs: one page; its address says which run is shown, and what of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from analysis.formats import count
from analysis.ui.address import PageAddress
from analysis.ui.data.head import headline
from analysis.ui.data.life import LIVE, SAYS
from analysis.ui.data.runs import quoted
from analysis.ui.framework import solara
from analysis.ui.library import Follower, library
from analysis.ui.live import SEEN, use_version
from analysis.ui.pages import vue
from analysis.ui.pages.runs import Runs
from analysis.ui.pages.study import Study
from analysis.ui.pages.table import BODIES

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
    Guarded(lambda: Place(address, router.push), address)


@solara.component
def Place(address: PageAddress, go: vue.Go) -> None:
    """The list of runs and studies, a study, or a run."""
    follower = library().follower(address.run) if address.run else None
    study = library().study(address.study) if address.study and not address.run else None
    if study is not None:
        Study(study, address, go).key(f"study {study.key} {id(study)}")
    elif address.study and not address.run:
        vue.Header(run=None, page="", tabs=[], home="/", event_go=go)
        vue.Notice(title="No such study", text=f"There is no study {address.study!r} here.", command="moloch ui STUDY")
    elif not address.run:
        Runs(address, go)
    elif follower is None:
        vue.Header(run=None, page="", tabs=[], home="/", event_go=go)
        vue.Notice(
            title="No such run",
            text=f"There is no run {address.run!r} here. It may have been moved or deleted.",
            command="moloch ui RUN",
        )
    else:
        OneRun(follower, address, go).key(f"{follower.key} {id(follower)}")


@solara.component
def OneRun(follower: Follower, address: PageAddress, go: vue.Go) -> None:
    """One run's header and the page that the address names."""
    version = use_version(follower)
    rested = solara.use_ref(address)
    before = solara.use_ref(address)
    if before.current != address:  # a link was followed: the place noted before no longer holds
        before.current = rested.current = address
    rest = use_rest(rested)

    info = solara.use_memo(follower.info, [version])
    tabs = [
        {"page": page, "label": page.capitalize(), "url": rested.current.at(page=page, contest="").url}
        for page in BODIES
    ]
    vue.AddressBar(search=rested.current.search())
    run = follower.read(lambda book: headline(info, book, follower.error))
    up = solara.use_memo(lambda: library().study_of(follower.path), [follower.path])
    run["up"] = {"name": up, "url": PageAddress(study=up).url} if up else None
    vue.Header(run=run, page=address.page, tabs=tabs, home="/", event_go=go)
    if not follower.ready.is_set():
        vue.Notice(
            title="Reading the log", busy=True, text=f"{count(follower.read(lambda book: book.seq), 'event')} so far."
        )
    elif not follower.read(lambda book: book.seq):
        damaged = follower.error or info.error
        title = "This log cannot be read" if damaged else "Nothing was written yet"
        none_yet = "No event is durable yet; this page follows the run." if info.state in LIVE else SAYS[info.state]
        text = damaged or none_yet
        vue.Notice(title=title, text=text, command=f"moloch log verify {quoted(info.path)}" if damaged else "")
    else:
        Guarded(lambda: BODIES[address.page](follower, address, go, rest), address)


@solara.component
def Guarded(show: Callable[[], Any], place: object) -> None:
    """Whatever ``show`` makes, or why it cannot be shown. Tried again at another address.

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
    else:
        text = f"{type(broken).__name__}: {str(broken)[:400]}. The other pages, and the run, are not touched by it."
        vue.Notice(title="This page cannot be shown", text=text)


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
