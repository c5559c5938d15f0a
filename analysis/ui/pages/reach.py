"""One message's way through a society on the graph, or that of all misbehaving messages against all clean ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.formats import count, short
from analysis.readings.book import Book
from analysis.readings.cascades import Cascade
from analysis.readings.kind_views import KindViews
from analysis.readings.society import SocietyKey
from analysis.readings.spreads import Spread
from analysis.ui import lookups
from analysis.ui.address import END, PageAddress, frame_at
from analysis.ui.data import reach as data
from analysis.ui.data.doors import message_url
from analysis.ui.data.persona import first_of
from analysis.ui.data.places import Places, names_of, place
from analysis.ui.data.reach_curves import curve_take, kinds_curve, message_curve
from analysis.ui.data.takes import figure_take, graph_take
from analysis.ui.framework import solara
from analysis.ui.graph import DiffusionGraph
from analysis.ui.library import Follower
from analysis.ui.pages import background, vue
from analysis.ui.pages.parts import Rest, room


@dataclass(frozen=True)
class _Shown:
    """What is read for the page: the society's messages, and the one that is shown, or both kinds of them."""

    spreads: list[Spread]
    spread: Spread | None = None
    cascade: Cascade | None = None
    kinds: KindViews | None = None

    @property
    def name(self) -> str:
        """What tells this view from another, and from itself before it grew."""
        seen = sum(len(members) for members, _ in self.kinds.views) if self.kinds else 0
        return f"{self.spread.message} {self.spread.seen} {self.spread.views}" if self.spread else f"kinds {seen}"


def _read(follower: Follower, key: SocietyKey, address: PageAddress) -> _Shown:
    every = lookups.spreads(follower)
    spreads = follower.read(lambda book: data.of_society(every, key, book))
    if not spreads:
        return _Shown([])
    if address.contest == data.MISBEHAVED:
        return _Shown(spreads, kinds=lookups.kind_views(follower, key))
    asked = f"{address.contest}/{address.slot}"
    spread = next((each for each in spreads if each.message == asked), spreads[0])
    contest = follower.read(lambda book: book.contests.get(spread.contest))
    found = lookups.cascade(follower, contest, spread.message) if contest is not None else None
    return _Shown(spreads, spread, found[0] if found else Cascade(spread.message))


@solara.component
def Reach(
    follower: Follower, key: SocietyKey, choices: list[dict[str, Any]], address: PageAddress, go: vue.Go, rest: Rest
) -> None:
    """A society's messages to pick from, and the one that is picked."""
    height, set_height = solara.use_state(360)
    shown = background.use_reading(lambda: _read(follower, key, address), follower, key, address.contest, address.slot)

    def chose(changed: dict[str, Any]) -> None:
        name, value = changed["name"], changed["value"]
        if name == "message":
            contest, _, slot = value.rpartition("/")
            go(address.at(contest=contest or value, slot=int(slot) if contest else 0, t=END).url)
        else:
            go(address.at(**{name: value}, contest="", slot=0, t=END).url)

    said, picks = "", list(choices)
    if shown is not None and shown.spreads:
        spread = shown.spread
        picked = spread.message if spread else data.MISBEHAVED
        options = follower.read(lambda book: data.message_options(shown.spreads, book, picked))
        if picked not in dict(options):
            options = [[picked, "all misbehaving against all clean"], *options]
        picks.append({"name": "message", "label": "Message", "value": picked, "options": options})
        said = count(len(shown.spreads), "message")
        if spread is not None:
            about = follower.read(lambda book: book.subject(spread.anchor))
            said = short(f"{spread.competitor} on {about}", 70)
    vue.Controls(
        choices=picks,
        said=said,
        event_chose=chose,
        event_room=lambda pixels: set_height(room(pixels)),
        take=follower.read(lambda book: graph_take(address, follower.path, book.config, key)),
    )
    if shown is None:
        vue.Notice(title="Reading the log", text="Looking for the way messages went.", busy=True)
    elif not shown.spreads:
        vue.Notice(title="No message yet", text="No message has been in the feeds of this society so far.")
    else:
        ReachGraph(follower, key, shown, address, go, rest, height).key(f"{follower.key} {key}")


@solara.component
def ReachGraph(
    follower: Follower, key: SocietyKey, shown: _Shown, address: PageAddress, go: vue.Go, rest: Rest, height: int
) -> None:
    """The widget, made once for a society; other messages are sent to it."""
    selected, set_selected = solara.use_state(-1)
    personas = solara.use_memo(lambda: follower.read(lambda book: _personas(book, key)), [str(key)])
    film = solara.use_memo(lambda: _film(shown, personas, key), [shown.name])

    def make() -> tuple[DiffusionGraph, Places]:
        people, header = follower.read(lambda book: (list(book.people), list(book.header)))
        places = place(people, header, personas, key.split, follower.path)
        widget = DiffusionGraph(
            places.xy,
            places.ties,
            film.film.fills,
            outlines=film.film.outlines,
            palette=film.film.palette,
            frames=film.labels,
            names=places.names,
            communities=places.communities,
            arrows=film.arrows,
            sizes=places.followers,
            t=frame_at(address.t, len(film.labels)),
            note="Arrows: who brought the message to whom among members; those of the round shown are strong."
            if len(film.arrows)
            else "",
            fills_title=film.film.title,
            outlines_title="What it did",
            outline_labels=film.film.outline_labels,
            height=height,
            title=f"Reach: {key.label}",
        )
        return widget, places

    widget, places = solara.use_memo(make, [str(key)])
    last = solara.use_ref(shown.name)

    def observe() -> Any:
        widget.observe(lambda change: rest(t=int(change["new"])), "t")
        widget.observe(lambda change: set_selected(int(change["new"])), "selected")
        return widget.close

    def update() -> None:
        if last.current != shown.name:
            last.current = shown.name
            widget.show(
                film.film.fills,
                film.labels,
                outlines=film.film.outlines,
                palette=film.film.palette,
                arrows=film.arrows,
                t=len(film.labels) - 1,
            )
            widget.fills_title = film.film.title

    def fit() -> None:
        widget.height = height

    solara.use_effect(observe, [widget])
    solara.use_effect(update, [widget, shown.name])
    solara.use_effect(fit, [widget, height])
    with solara.Div(classes=["m-stage"]):
        solara.Div(children=[widget])
    persona = int(personas[selected]) if 0 <= selected < len(personas) else -1
    facts = follower.read(lambda book: _facts(shown, personas, persona, book)) if persona >= 0 else []
    vue.MemberCard(
        name=places.names[selected] if persona >= 0 else "",
        text="",
        facts=facts,
        to=PageAddress(run=address.run, page="persona", society=str(key), persona=persona).url,
        event_go=go,
    )
    spread = shown.spread

    def drawn() -> dict[str, Any]:
        if spread is None:
            return kinds_curve(shown.spreads)
        curve, some = message_curve(spread, len(personas), address.at(society=str(key))), len(film.arrows)
        less = f"Of {film.brought:,} arrows {some:,} are drawn, those to members who shared it among them first."
        return curve | {"said": [less] if some < film.brought else []}

    curve = solara.use_memo(drawn, [shown.name])
    to = message_url(address, spread.contest, int(spread.message.rpartition("/")[2])) if spread else ""
    take = curve_take(spread) if spread else figure_take(address, follower.path, "reach")
    vue.ReachView(curve=curve, take=take, to=to, name="The message's page", event_go=go)


def _personas(book: Book, key: SocietyKey) -> NDArray[np.int64]:
    return first_of(book, key.split) + np.arange(len(names_of(book.people, key.split)))


def _film(shown: _Shown, personas: NDArray[np.int64], key: SocietyKey) -> data.ReachFilm:
    if shown.kinds is not None:
        return data.kinds_film(shown.kinds, personas, {"phase": key.phase, "arm": key.arm})
    spread, cascade = shown.spread, shown.cascade
    assert spread is not None and cascade is not None
    return data.message_film(cascade, personas, {"epoch": spread.epoch, "phase": spread.phase, "arm": spread.arm})


def _facts(shown: _Shown, personas: NDArray[np.int64], persona: int, book: Book) -> list[list[str]]:
    if shown.cascade is not None:
        return data.member_reach(shown.cascade, persona, book)
    assert shown.kinds is not None
    seen, bad = shown.kinds.counts(np.array([persona]))
    if not len(seen):
        return []
    return [["judged messages seen", f"{seen[-1, 0]:,}"], ["of them misbehaved", f"{bad[-1, 0]:,}"]]
