"""Mesa's own controls drive the log of any run, also one that is being written; give its folder, press Reset.

Covers: SolaraViz on a ReplayModel: nothing is decided again, every step's state is checked against the recorded hash.
Scenario: whatever the run was.
Run: MOLOCH_RUN=runs/elections solara run examples/apps/replay.py --host 127.0.0.1 --production
"""

import os

import solara
from mesa.visualization import SolaraViz

from analysis.ui.solaraviz import Audience, Contest, Reach, ShownReplay, Status, plot

RUN = os.environ.get("MOLOCH_RUN", "runs/elections")
PARAMS = {
    "run": {"type": "InputText", "label": "Run", "value": RUN},
    "follow": {"type": "Checkbox", "label": "Follow a run that is being written", "value": True},
}
VOTES, EXPOSURES = plot("votes"), plot("exposures")


@solara.component
def Page():
    """One replay for each who opens the page."""
    model = solara.use_reactive(solara.use_memo(lambda: ShownReplay(RUN, follow=True), []))
    Status(model.value)
    SolaraViz(
        model, components=[Audience, Contest, Reach, VOTES, EXPOSURES], model_params=PARAMS, name="Moloch: replay"
    )
