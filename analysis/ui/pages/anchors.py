"""One anchor at a time: what was written about it, side by side, and a map of who chose differently."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.figures.palette import Look
from analysis.readings.apart import ChoicesApart
from analysis.ui.address import PageAddress
from analysis.ui.data import anchors as data
from analysis.ui.data.persona import find_person
from analysis.ui.data.places import place
from analysis.ui.framework import solara
from analysis.ui.graph import DiffusionGraph
from analysis.ui.library import Follower
from analysis.ui.pages import parts, vue
from analysis.ui.pages.diffusion import Rest


@dataclass(frozen=True)
class AnchorPairs:
    """What is compared, anchor by anchor.

    Attributes:
        found: the anchors, those whose votes differ most first.
        sides: anchor -> what was written about it.
        names: what is chosen in A and in B; ``arms``: whose message competes with base's there; ``societies``: run and society of A and of B, with a space between.
        looks: of what is chosen, where it is two arms.
    """

    found: Sequence[ChoicesApart]
    sides: Callable[[str], list[data.AnchorSide]]
    names: tuple[str, str]
    arms: tuple[str, str]
    societies: tuple[str, str]
    looks: tuple[Look | None, Look | None] = (None, None)


@solara.component
def Anchors(
    follower: Follower, beside: AnchorPairs, panel: NDArray[np.int32], address: PageAddress, go: vue.Go, rest: Rest
) -> None:
    """The anchor that the address names, by default the one whose votes differ most; the map's slider goes through all of them."""
    found = beside.found
    asked = next((at for at, each in enumerate(found) if each.anchor == address.contest), 0)
    at, set_at = solara.use_state(asked)
    in_full, more = parts.use_whole(beside.names)

    def follow() -> None:
        set_at(asked)

    solara.use_effect(follow, [address.contest, len(found)])
    if not found:
        vue.Notice(title="No common anchor", text="The two have no votes about the same anchor.")
        return
    at = min(at, len(found) - 1)
    each, book = found[at], follower.read(lambda book: book)
    names = {int(persona): _name(book, int(persona)) for persona in each.personas[each.a != each.b][: data.MOST_NAMED]}

    def there(number: int) -> str:
        return address.at(contest=found[number].anchor).url if 0 <= number < len(found) else ""

    vue.AnchorView(
        anchor=each.anchor,
        options=data.anchor_options(book, found),
        before=there(at - 1),
        after=there(at + 1),
        place=f"{at + 1:,} of {len(found):,}",
        said=data.apart_said(each, *beside.names),
        cards=data.anchor_cards(beside.sides(each.anchor), address, in_full),
        rows=data.apart_rows(each, beside.societies, beside.arms, names),
        sides=list(beside.names),
        event_go=go,
        event_pick=lambda anchor: go(address.at(contest=anchor).url),
        event_more=more,
    )

    def moved(to: int) -> None:
        set_at(to)
        rest(contest=found[min(to, len(found) - 1)].anchor)

    ApartMap(follower, beside, panel, address, at, moved, go).key(f"{len(found)} {beside.names} {address.across}")


@solara.component
def ApartMap(
    follower: Follower,
    beside: AnchorPairs,
    panel: NDArray[np.int32],
    address: PageAddress,
    at: int,
    moved: Callable[[int], None],
    go: vue.Go,
) -> None:
    """The people of the evaluations where they stand, coloured by how they chose in both; a frame is an anchor."""
    selected, set_selected = solara.use_state(-1)

    def make() -> DiffusionGraph:
        people, header, book = follower.read(lambda book: (list(book.people), list(book.header), book))
        places = place(people, header, panel.astype(np.int64), "evaluate", follower.path, address.across, address.up)
        shown = data.apart_map(beside.found, panel, book)
        return DiffusionGraph(
            places.xy,
            places.ties,
            shown["fills"],
            palette=data.apart_palette(*beside.names, beside.looks),
            frames=shown["frames"],
            names=places.names,
            communities=places.communities,
            t=at,
            note=places.note,
            fills_title="Chose",
            height=360,
            title="Who chose differently",
        )

    widget = solara.use_memo(make, [])

    def observe() -> Callable[[], None]:
        widget.observe(lambda change: moved(int(change["new"])), "t")
        widget.observe(lambda change: set_selected(int(change["new"])), "selected")
        return widget.close

    def show() -> None:
        widget.t = at

    solara.use_effect(observe, [])
    solara.use_effect(show, [at])
    with solara.Div(classes=["m-stage", "m-map"]):
        solara.Div(children=[widget])
    persona = int(panel[selected]) if 0 <= selected < len(panel) else -1
    person = follower.read(lambda book: find_person(book, persona)) if persona >= 0 else None
    to = data.moment_url(beside.found[at], beside.societies[1], persona) if persona >= 0 else ""
    vue.MemberCard(
        name=person.name if person is not None else "",
        text=person.text[:180] if person is not None else "",
        facts=data.apart_facts(beside.found[at], persona, beside.names, beside.arms) if persona >= 0 else [],
        to=to,
        event_go=go,
    )


def _name(book: Any, persona: int) -> str:
    person = find_person(book, persona)
    return person.name if person is not None else f"member {persona}"
