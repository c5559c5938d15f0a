"""The audience graph of a model, one frame for each step that a page showed."""

# solara says of no name that it is public
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import numpy as np
import solara
from mesa.visualization.utils import update_counter

from abm.views.replay_model import ReplayModel
from analysis.ui.data.film import EXPOSURES, swatches
from analysis.ui.data.places import stand
from analysis.ui.data.society import exposure
from analysis.ui.graph import DiffusionGraph
from analysis.ui.solaraviz.models import still

HEIGHT = 200
"""Of the graph, in pixels: with its legend it fits a cell of Mesa's grid."""


@solara.component
def Audience(model: ReplayModel):
    """The audience graph: what members chose in the step's last contest, and who was reached, step after step."""
    update_counter.get()
    with still(model):
        now = _Picture(model)
    n = len(now.ids)
    made = solara.use_memo(lambda: _graph(model, now) if n else None, [id(model), now.split, n])
    solara.use_effect(lambda: made[0].close if made is not None else None, [made])
    if made is None:
        solara.Text("Nobody has joined yet.", classes=["moloch-quiet"])
        return
    widget, how = made
    if widget.frames[-1] != now.label:
        widget.append(now.fills, [now.label], outlines=now.outlines)
        widget.t = widget.total - 1
    solara.v.Html(tag="div", class_="moloch-in-mesa", style_="width:100%", children=[widget])
    if how:
        solara.Text(how, classes=["moloch-quiet"])


class _Picture:
    """The audience at one moment."""

    def __init__(self, model: ReplayModel) -> None:
        self.split, self.ids = model.split, model.voters.ids
        self.fills = (model.choices + 1).astype(np.uint8)
        self.outlines = exposure(model.events, self.ids) if len(model.state.sources) else None
        self.label = {"step": model.steps, "epoch": model.epoch, "phase": model.phase, "arm": model.arm}


def _graph(model: ReplayModel, now: _Picture) -> tuple[DiffusionGraph, str]:
    """Return the graph, and how its members were placed."""
    with still(model):
        ties, voters = np.stack(model.ties.ties(), axis=1), model.voters
    traits = dict(zip(voters.trait_names, voters.traits.T, strict=True))
    places = stand(voters.names, ties, traits)
    slots = max(2, int(model.config.get("messages", 2)))
    graph = DiffusionGraph(
        places.xy,
        places.ties,
        now.fills,
        outlines=now.outlines,
        frames=[now.label],
        names=places.names,
        communities=places.communities,
        outline_labels=list(EXPOSURES),
        palette=swatches(model.config, [f"Message {slot + 1}" for slot in range(slots)], "No choice"),
        fills_title="Chose, in the step's last contest",
        title="Audience",
        live=True,
        height=HEIGHT,
    )
    return graph, places.note
