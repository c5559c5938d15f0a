"""The audience graph over time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from analysis.formats import count
from analysis.readings.society import SocietyKey
from analysis.ui.address import END, PageAddress, frame_at
from analysis.ui.data.compare import parting_marks, same_time
from analysis.ui.data.film import film, is_written, member_facts, society_choices
from analysis.ui.data.frames import Frames
from analysis.ui.data.places import Places, place
from analysis.ui.data.takes import graph_take
from analysis.ui.followers import Watcher
from analysis.ui.framework import solara
from analysis.ui.graph import DiffusionGraph
from analysis.ui.library import Follower
from analysis.ui.live import SEEN, use_front, use_life
from analysis.ui.pages import parts, vue
from analysis.ui.pages.parts import Rest, room
from analysis.ui.pages.reach import Reach


@solara.component
def Diffusion(follower: Follower, address: PageAddress, go: vue.Go, rest: Rest) -> None:
    """A society: the graph, what colours it, and who is selected; or one message's way through it."""
    (lives, front), followed = use_front(follower), solara.use_ref("")
    if address.society:
        followed.current = ""
    elif lives and not address.held:
        followed.current = front
    asked = address
    if followed.current:  # also when it is followed no further: the page stays where it is
        address = address.at(society=followed.current, t=END)
    key, choices = follower.read(lambda book: society_choices(book, address))
    if key is not None and any(choice["name"] == "fill" and choice["value"] == "reach" for choice in choices):
        Reach(follower, key, choices, address, go, rest)
        return
    Whole(follower, key, choices, address, asked, bool(followed.current), lives, go, rest)


@solara.component
def Whole(
    follower: Follower,
    key: SocietyKey | None,
    choices: list[dict[str, Any]],
    address: PageAddress,
    asked: PageAddress,
    followed: bool,
    lives: bool,
    go: vue.Go,
    rest: Rest,
) -> None:
    """A society with everything that happened in it; ``asked``: the address before the run was ``followed`` to it."""

    def chose(changed: dict[str, Any]) -> None:
        value = changed["value"]
        number = isinstance(getattr(address, changed["name"]), int)
        rest_at = {} if followed else {"t": shown.current}
        if changed["name"] == "society":
            rest_at = {"t": END, "persona": -1, "held": int(lives)}
        elif value == "reach":
            rest_at = {"t": END, "contest": "", "slot": 0}
        go(asked.at(**{changed["name"]: int(value) if number else value}, **rest_at).url)

    shown = solara.use_ref(address.t)
    caption, set_caption = solara.use_state("")
    height, set_height = solara.use_state(360)
    vue.Controls(
        choices=choices,
        said=caption,
        event_chose=chose,
        event_room=lambda pixels: set_height(room(pixels)),
        take=follower.read(lambda book: graph_take(address, follower.path, book.config, key)),
    )
    if key is None:
        vue.Notice(title="No society yet", text=parts.nobody(follower))
        return

    def rested(**changes: Any) -> None:
        shown.current = changes.get("t", shown.current)
        rest(**changes)

    SocietyView(follower, key, address, go, rested, set_caption, height=height).key(
        f"{follower.key} {key} {address.across} {address.up}"
    )


Labels = Callable[[], list[dict[str, Any]]]
"""Labels of a society's frames as they are now."""


class Linked:
    """Widgets that show the same time: moving one moves the others to :func:`same_time`."""

    def __init__(self) -> None:
        self._labels: dict[DiffusionGraph, Labels] = {}
        self._moving = False

    def join(self, widget: DiffusionGraph, labels: Labels) -> Callable[[], None]:
        """Link a widget whose frames ``labels`` describes; returns how to unlink it."""
        self._labels[widget] = labels
        widget.observe(self._moved, "t")

        def leave() -> None:
            widget.unobserve(self._moved, "t")
            del self._labels[widget]

        return leave

    def _moved(self, change: Any) -> None:
        if self._moving:  # by us
            return
        self._moving, ours = True, self._labels[change["owner"]]()
        try:
            for other, labels in self._labels.items():
                if other is not change["owner"] and ours and (theirs := labels()):
                    other.t = min(same_time(int(change["new"]), ours, theirs), max(0, other.total - 1))
        finally:
            self._moving = False


@solara.component
def SocietyView(
    follower: Follower,
    key: SocietyKey,
    address: PageAddress,
    go: vue.Go,
    rest: Rest,
    say: Callable[[str], None],
    linked: Linked | None = None,
    height: int = 400,
    parting: int = -1,
) -> None:
    """One society, followed as long as it is shown; ``parting``: the step in which it and the one beside it part."""
    tick, set_tick = solara.use_state(0)
    seen = solara.use_context(SEEN)
    watcher = solara.use_memo(lambda: follower.watcher(key), [follower.key, str(key)])

    def begin() -> Callable[[], None] | None:
        if not seen:
            return None
        set_tick(lambda number: number + 1)  # for events from before this subscription
        return watcher.look(lambda: set_tick(lambda number: number + 1))

    solara.use_effect(begin, [watcher, seen])
    if not watcher.read(lambda frames: len(frames) if frames is not None else 0):
        waiting = f"{count(watcher.events, 'event')} so far." if not watcher.ready else "This society has not begun."
        vue.Notice(
            busy=not watcher.ready,
            title="Reading the log" if not watcher.ready else "Nothing to see yet",
            text=watcher.error or waiting,
        )
        return
    if watcher.ready:
        Graph(follower, watcher, key, address, go, rest, say, tick, linked, height, parting)


def _labels(frames: Frames | None) -> list[dict[str, Any]]:
    return list(frames.labels) if frames is not None else []


ARROWS = "Arrows lead to the followed member where following is not mutual; zoom in where there are many"


@dataclass
class _Sent:
    """What the widget has."""

    frames: int
    thinned: int
    view: tuple[str, int, float]


@solara.component
def Graph(
    follower: Follower,
    watcher: Watcher,
    key: SocietyKey,
    address: PageAddress,
    go: vue.Go,
    rest: Rest,
    say: Callable[[str], None],
    tick: int,
    linked: Linked | None,
    height: int,
    parting: int,
) -> None:
    """The widget, made once; later frames are added, other colours are sent."""
    selected, set_selected = solara.use_state(-1)
    t, set_t = solara.use_state(address.t)
    lives = use_life(follower)
    lives = follower.read(lambda book: is_written(book, key)) and lives
    follows = solara.use_ref((lives, address.held))
    follows.current = lives, address.held
    config = follower.read(lambda book: book.config)

    def make() -> tuple[DiffusionGraph, Places, _Sent]:
        frames = watcher.frames()
        people, header = follower.read(lambda book: (list(book.people), list(book.header)))
        places = place(people, header, frames.personas, key.split, follower.path, address.across, address.up)
        shown = film(frames, address.fill, address.slot, config=config)
        widget = DiffusionGraph(
            places.xy,
            places.ties,
            shown.fills,
            directed=True,
            outlines=shown.outlines,
            palette=shown.palette,
            ramp=shown.ramp,
            frames=frames.labels,
            marks=frames.marks,
            names=places.names,
            communities=places.communities,
            sizes=places.followers,
            t=frame_at(address.t, len(frames)),
            note=places.note,
            fills_title=shown.title,
            outline_labels=shown.outline_labels,
            height=height,
            title=f"Audience of {follower.key}: {key.label}",
        )
        if widget.one_way:
            widget.note = " · ".join(filter(None, [widget.note, ARROWS]))
        row = _row_of(frames, address.persona)
        if row >= 0:
            widget.selected = row
        return (
            widget,
            places,
            _Sent(len(frames), frames.thinned, (address.fill, address.slot, shown.ramp.get("high", 0.0))),
        )

    widget, places, sent = solara.use_memo(make, [watcher])
    frames = watcher.frames()

    def observe() -> Callable[[], None]:
        def moved(change: Any) -> None:
            set_t(int(change["new"]))
            lives_now, held = follows.current
            if not lives_now or int(change["new"]) < widget.total - 1:
                rest(t=int(change["new"]), **({"society": str(key), "held": 1} if lives_now else {}))
            elif held:  # back at what is being written: the page follows again
                rest(t=END, society="", held=0)

        def picked(change: Any) -> None:
            row = int(change["new"])
            set_selected(row)
            rest(persona=int(frames.personas[row]) if 0 <= row < frames.n else -1)

        widget.observe(moved, "t")
        widget.observe(picked, "selected")
        set_selected(widget.selected)
        leave = linked.join(widget, lambda: watcher.read(_labels)) if linked is not None else lambda: None

        def close() -> None:
            leave()
            widget.close()

        return close

    def update() -> None:
        marks = [*parting_marks(parting, frames.labels), *frames.marks]
        _send(widget, frames, address.fill, address.slot, sent, marks, config)
        tied = (
            f"{len(places.ties):,} ties when it began, {frames.formed:,} formed and {frames.cut:,} cut since; "
            if len(places.ties)
            else ""
        )
        kept = f"; one frame in {frames.thinned} is kept" if frames.thinned > 1 else ""
        say(f"{count(frames.n, 'member')}; {tied}{count(len(frames), 'frame')}{kept}")

    def fit() -> None:
        widget.height = height

    def show_life() -> None:
        widget.live = lives

    solara.use_effect(observe, [widget])
    solara.use_effect(fit, [widget, height])
    solara.use_effect(show_life, [widget, lives])
    solara.use_effect(update, [len(frames), frames.thinned, address.fill, address.slot, tick, parting])
    with solara.Div(classes=["m-stage"]):
        solara.Div(children=[widget])
    at = frame_at(t, len(frames))
    card = member_facts(frames, selected, at) if 0 <= selected < frames.n else []
    persona = int(frames.personas[selected]) if card else -1
    text = follower.read(lambda book: _text(book.people, persona)) if card else ""
    to = address.at(page="persona", persona=persona, society=str(key), t=at, held=0).url
    vue.MemberCard(name=places.names[selected] if card else "", text=text, facts=card, to=to, event_go=go)


def _send(
    widget: DiffusionGraph,
    frames: Frames,
    fill: str,
    slot: int,
    sent: _Sent,
    marks: list[dict[str, Any]],
    config: dict[str, Any],
) -> None:
    """Send the widget the frames that it lacks, or all of them where their colouring has changed."""
    same = (*sent.view[:2], sent.thinned) == (fill, slot, frames.thinned)
    if same and sent.frames == len(frames):
        widget.marks = marks
        return
    sent_frames, end = (sent.frames, sent.view[2]) if same else (0, 0.0)
    shown = film(frames, fill, slot, sent_frames, end, config)
    if sent_frames and shown.ramp.get("high", 0.0) != end:  # the scale has changed
        sent_frames, shown = 0, film(frames, fill, slot, config=config)
    if sent_frames:
        widget.append(shown.fills, frames.labels[sent_frames:], outlines=shown.outlines)
        widget.marks = marks  # sent where they are others
    else:
        widget.show(
            shown.fills,
            frames.labels,
            outlines=shown.outlines,
            marks=marks,
            palette=shown.palette,
            ramp=shown.ramp,
            t=min(widget.t, len(frames) - 1),
        )
        widget.fills_title = shown.title
    sent.frames, sent.thinned, sent.view = len(frames), frames.thinned, (fill, slot, shown.ramp.get("high", 0.0))


def _row_of(frames: Frames, persona: int) -> int:
    row = frames.personas.searchsorted(persona)
    return int(row) if persona >= 0 and row < frames.n and frames.personas[row] == persona else -1


def _text(people: list[Any], persona: int) -> str:
    for joined in people:
        texts = getattr(joined, "texts", None)
        if texts is not None and joined.first <= persona < joined.first + len(texts):
            return texts[persona - joined.first][:180]
    return ""
