"""The model behind a page: the page's own run, or a log, and the values of its parameter panel."""

# solara says of no name that it is public
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

import solara
from mesa.visualization.user_param import Slider
from mesa.visualization.utils import force_update

from abm.views.replay_model import ReplayModel
from analysis.probes import battery
from learning import LiveRun
from moloch.errors import MolochError


def use_live(params: Mapping[str, Any]) -> solara.Reactive[LiveRun]:
    """Return a run of this page's own, begun with the panel's first values; a reset puts another in its place.

    Args:
        params: SolaraViz' ``model_params``; those that cannot be changed are settings as they are.
    """
    model = solara.use_reactive(solara.use_memo(lambda: LiveRun(**first_values(params)), []))

    def watch():
        run = model.value
        run.on_change = force_update
        force_update()  # for changes made before the listener was added
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
    """Return each parameter's initial value."""
    return {name: _value(param) for name, param in params.items()}


def _value(param: Any) -> Any:
    if isinstance(param, Slider):
        return param.value
    return param["value"] if isinstance(param, dict) and "type" in param else param


def still(model: ReplayModel) -> AbstractContextManager[Any]:
    """Keep a model as it is while a part reads it; a live run's model changes on a separate thread."""
    return model.still() if isinstance(model, LiveRun) else nullcontext()
