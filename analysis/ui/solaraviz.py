"""Parts for Mesa's SolaraViz: a run of this page's own, its audience, the current contest, and where it stands.

Each part is a function of a model, as SolaraViz wants its components, and shows :class:`abm.replay_model.ReplayModel` and
:class:`learning.LiveRun` alike. What models wrote is shown as text, never as markup.
"""

# solara says of no name that it is public
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

import numpy as np
import solara
from mesa.visualization.components.matplotlib_components import PlotMatplotlib
from mesa.visualization.user_param import Slider
from mesa.visualization.utils import force_update, update_counter

from abm.errors import MolochError
from abm.replay_model import ReplayModel
from analysis.contests import read_evaluation
from analysis.evaluation import note
from analysis.probes import battery
from analysis.ui.contest_card import ContestCard
from analysis.ui.graph import DiffusionGraph, categories
from analysis.ui.members import exposure, places
from analysis.ui.step_contests import read_contests
from learning import LiveRun

HEIGHT = 230
"""Of the graph, in pixels: with its legend it fits a cell of Mesa's grid."""


def use_live(params: Mapping[str, Any]) -> solara.Reactive[LiveRun]:
    """Return a run of this page's own, begun with the panel's first values; a reset puts another in its place.

    Args:
        params: SolaraViz' ``model_params``; those that cannot be changed are settings as they are.
    """
    model = solara.use_reactive(solara.use_memo(lambda: LiveRun(**first_values(params)), []))

    def watch():
        run = model.value
        run.on_change = force_update
        force_update()
        return run.close

    solara.use_effect(watch, [model.value])
    return model


class ShownReplay(ReplayModel):
    """A replay that says what is wrong with a log instead of raising it, as a page needs it; see ``error``."""

    def _open(self) -> None:
        try:
            super()._open()
        except MolochError as error:
            self.error, self.running = error, False

    def step(self) -> None:
        """Apply the log's next step; an error is kept."""
        with suppress(MolochError):
            super().step()


def live_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``model_params`` of runs that go on in the background and whose evaluations are judged by the probes.

    Args:
        params: settings of :class:`learning.RunConfig`, dotted where one is within another, or Mesa's inputs for them.
    """
    return {"background": True, "probes": battery, **params}


def first_values(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what each parameter is before anybody changes it."""
    return {name: _value(param) for name, param in params.items()}


def _value(param: Any) -> Any:
    if isinstance(param, Slider):
        return param.value
    return param["value"] if isinstance(param, dict) and "type" in param else param


def plot(measure: str | dict[str, str], post_process: Callable[[Any], None] | None = None) -> Callable[..., Any]:
    """Return Mesa's plot of measures over steps, drawn again when there is another step, not whenever the page is.

    Args:
        measure: a column of the model's data collector; or columns, each with its colour.
        post_process: called with the matplotlib axes.
    """

    @solara.component
    def Plot(model: ReplayModel):
        update_counter.get()
        PlotMatplotlib(model, measure, dependencies=[id(model), model.steps], post_process=post_process)

    return Plot


def share_axis(axes: Any) -> None:
    """Give a plot of shares, as Mesa makes it, its axis from 0 to 1, and say so while there is nothing to plot."""
    axes.set_ylim(0, 1)
    axes.set_xlim(left=0)
    axes.axhline(0.5, color="#8a939c", linewidth=0.8, linestyle=":")
    axes.set_ylabel("share of votes")
    if not any(np.isfinite(np.asarray(line.get_ydata(), dtype=float)).any() for line in axes.lines[:-1]):
        axes.text(0.5, 0.5, "known from the first evaluation on", transform=axes.transAxes, ha="center", va="bottom")
        axes.set_xlim(0, 1)


def _still(model: ReplayModel) -> AbstractContextManager[Any]:
    return model.still() if isinstance(model, LiveRun) else nullcontext()


@solara.component
def Status(model: ReplayModel):
    """Where the run stands, a moving bar while it works, what went wrong, and what it can be evidence of."""
    update_counter.get()
    with solara.Column(gap="4px", style={"padding": "8px 16px 0"}):
        if model.error is not None:
            solara.Error(str(model.error), dense=True)
        else:
            solara.Text(model.status[:1].upper() + model.status[1:], classes=["moloch-status"])
        working = isinstance(model, LiveRun) and model.error is None and (model.busy or not model.ready)
        solara.ProgressLinear(value=working)
        caption = " · ".join(filter(None, [f"Log: {model.run}", note(read_evaluation(model.setting))]))
        solara.Text(caption, style={"font-size": "12px", "opacity": ".7"})


@solara.component
def Audience(model: ReplayModel):
    """The audience graph: what members chose in the step's last contest, and who was reached, step after step."""
    update_counter.get()
    with _still(model):
        now = _Picture(model)
    n = len(now.ids)
    widget = solara.use_memo(lambda: _graph(model, now) if n else None, [id(model), now.split, n])
    solara.Style(
        ".moloch-in-mesa .md-controls, .moloch-in-mesa .md-find { display: none !important }"
    )  # Mesa's own move it
    if widget is None:
        solara.Text("Nobody has joined yet.")
        return
    if widget.frames[-1] != now.label:
        widget.append(now.fills, [now.label], outlines=now.outlines)
        widget.t = widget.total - 1
    solara.v.Html(tag="div", class_="moloch-in-mesa", style_="width:100%", children=[widget])


class _Picture:
    """The audience at one moment."""

    def __init__(self, model: ReplayModel) -> None:
        self.split, self.ids = model.split, model.voters.ids
        self.fills = (model.choices + 1).astype(np.uint8)
        self.outlines = exposure(model.events, self.ids) if len(model.state.sources) else None
        self.label = {"step": model.steps, "epoch": model.epoch, "phase": model.phase, "arm": model.arm}


def _graph(model: ReplayModel, now: _Picture) -> DiffusionGraph:
    with _still(model):
        ties, names = model.ties, list(model.voters.names)
    slots = max(2, int(model.config.get("messages", 2)))
    return DiffusionGraph(
        places(ties), np.stack(ties.ties(), axis=1), now.fills, outlines=now.outlines, frames=[now.label], names=names,
        palette=categories([f"Message {slot + 1}" for slot in range(slots)], neutral="No choice"),
        fills_title="Chose, in the step's last contest", title="Audience", live=True, height=HEIGHT,
    )  # fmt: skip


@solara.component
def Contest(model: ReplayModel):
    """The contests of the last step, one at a time: the anchor, each message with its votes, what members thought."""
    update_counter.get()
    back, set_back = solara.use_state(0)
    with _still(model):
        contests = read_contests(model.setting, model.events)
    if not contests:
        solara.Text("No contest yet: press Step or ▶.")
        return
    at = max(0, len(contests) - 1 - back)
    with solara.Column(gap="8px", style={"padding": "0 8px", "height": "390px", "overflow": "auto"}):
        with solara.Row(style={"align-items": "center"}, gap="4px"):
            solara.Button(icon_name="mdi-chevron-left", icon=True, small=True, disabled=at == 0,
                          on_click=lambda: set_back(back + 1), attributes={"aria-label": "Previous contest"})  # fmt: skip
            solara.Text(f"Contest {at + 1} of {len(contests)} in step {model.steps}")
            solara.Button(icon_name="mdi-chevron-right", icon=True, small=True, disabled=at == len(contests) - 1,
                          on_click=lambda: set_back(back - 1), attributes={"aria-label": "Next contest"})  # fmt: skip
        ContestCard(contests[at])
