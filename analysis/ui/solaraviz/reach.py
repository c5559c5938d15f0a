"""One message's way through the feeds of a model's last step: who saw it in which round, and from whom."""

# solara says of no name that it is public
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

from itertools import chain
from typing import NamedTuple

import numpy as np
import solara
from mesa.visualization.utils import update_counter

from abm.views.replay_model import ReplayModel
from analysis.formats import count, short
from analysis.readings.book import Book
from analysis.readings.cascades import Cascade, CascadeReading
from analysis.readings.reading import read
from analysis.ui.data.places import stand
from analysis.ui.data.reach import message_film
from analysis.ui.graph import DiffusionGraph
from analysis.ui.solaraviz.audience import HEIGHT
from analysis.ui.solaraviz.models import still

NO_FEEDS = "Nobody follows anyone here: every member reads every message."
NO_MESSAGE = "No message has been in the feeds yet: press Step or ▶."


class StepCascade(NamedTuple):
    """A message of a step, what to call it, and its way through the feeds."""

    name: str
    cascade: Cascade


@solara.component
def Reach(model: ReplayModel):
    """One message of the last step, picked by name: members by the round in which they first saw it, arrows from whom they had it."""
    update_counter.get()
    picked, set_picked = solara.use_state("")
    with still(model):
        found = solara.use_memo(lambda: step_cascades(model), [id(model), model.steps, len(model.events)])
        networked = bool(len(model.ties.ties()[0]))
    if not found:
        solara.Text(NO_MESSAGE if networked else NO_FEEDS, classes=["moloch-quiet"], style={"padding": "8px"})
        return
    named = {each.name: each for each in found}
    name = picked if picked in named else max(found, key=lambda each: len(each.cascade.members)).name
    with solara.Column(
        gap="0px", style={"width": "100%", "height": "390px", "overflow": "auto", "padding-top": "10px"}
    ):
        solara.Select(label="Message", values=list(named), value=name, on_value=set_picked, dense=True)
        Rounds(model, named[name].cascade)


@solara.component
def Rounds(model: ReplayModel, cascade: Cascade):
    """A graph with a frame per round of the feeds; its own controls move it."""
    widget = solara.use_memo(lambda: rounds_graph(model, cascade), [id(model), model.steps, cascade.message])
    solara.use_effect(lambda: widget.close, [widget])
    solara.v.Html(tag="div", class_="moloch-in-mesa moloch-rounds", style_="width:100%", children=[widget])
    shared = len(cascade.did("share"))
    solara.Text(f"{count(len(cascade.members), 'member')} saw it, {shared:,} shared it.", classes=["moloch-quiet"])


def step_cascades(model: ReplayModel) -> list[StepCascade]:
    """Return the messages of a model's last step that were in its feeds, in the order of the log."""
    book = Book()
    read(chain(model.setting if model.steps else (), model.events), book)
    wrote = [(contest, message) for contest in book.contests.values() for message in contest.messages.values()]
    readings = {message.message: CascadeReading(message.message) for _, message in wrote}
    read(model.events, *readings.values())
    found = []
    for contest, message in wrote:
        cascade = readings[message.message].result()
        if cascade.rounds:
            subject, author = book.subject(contest.anchor), contest.competitors()[message.slot]
            found.append(StepCascade(f"{short(subject, 48)} · {author}", cascade))
    return found


def rounds_graph(model: ReplayModel, cascade: Cascade) -> DiffusionGraph:
    """Return the graph of a message's rounds, at the last of them."""
    with still(model):
        ties, voters = np.stack(model.ties.ties(), axis=1), model.voters
        place = {"step": model.steps, "epoch": model.epoch, "phase": model.phase, "arm": model.arm}
    places = stand(voters.names, ties, dict(zip(voters.trait_names, voters.traits.T, strict=True)))
    shown = message_film(cascade, voters.ids.astype(np.int64), place)
    return DiffusionGraph(
        places.xy,
        places.ties,
        shown.film.fills,
        outlines=shown.film.outlines,
        arrows=shown.arrows,
        frames=shown.labels,
        names=places.names,
        communities=places.communities,
        outline_labels=shown.film.outline_labels,
        palette=shown.film.palette,
        fills_title=shown.film.title,
        title="One message",
        t=len(shown.labels) - 1,
        height=HEIGHT,
    )
