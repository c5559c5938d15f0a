"""A run's status, above everything else on the page."""

# solara says of no name that it is public
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import solara
from mesa.visualization.utils import update_counter

from abm.views.replay_model import ReplayModel
from analysis.readings.evaluation import read_evaluation
from analysis.tables.evaluation import note
from analysis.ui.solaraviz.style import Dressing
from learning import LiveRun


@solara.component
def Status(model: ReplayModel):
    """Where the run stands, a moving bar while it works, what went wrong, and what it can be evidence of."""
    update_counter.get()
    Dressing()
    with solara.Column(gap="4px", style={"padding": "8px 16px 0"}):
        if model.error is not None:
            solara.Error(str(model.error), dense=True)
        else:
            solara.Text(model.status[:1].upper() + model.status[1:], classes=["moloch-status"])
        working = isinstance(model, LiveRun) and model.error is None and (model.busy or not model.ready)
        solara.ProgressLinear(value=working)
        caption = " · ".join(filter(None, [f"Log: {model.run}", note(read_evaluation(model.setting))]))
        solara.Text(caption, classes=["moloch-quiet"])
