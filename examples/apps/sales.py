"""Sellers compete for buyers while you watch: press Step or ▶, change the world, press Reset.

Covers: SolaraViz on a live run: parameter panel, audience, measures over time, the contests of each step.
Scenario: the pocket model writes product pitches, a choice model buys; after four steps the sellers learn. Not evidence about
real LLMs.
Run: solara run examples/apps/sales.py --host 127.0.0.1 --production
"""

import solara
from mesa.visualization import Slider, SolaraViz

from analysis.ui.solaraviz import Audience, Contest, Status, live_params, plot, share_axis, use_live

PARAMS = live_params(
    {
        "arena": "sales",
        "world": {"type": "Select", "label": "World", "value": "isolated", "values": ["isolated", "networked"]},
        "audience": {"type": "Select", "label": "Audience", "value": "default", "values": ["default", "neutral"]},
        "personas": {
            "type": "Select",
            "label": "Personas",
            "value": "biographic",
            "values": ["biographic", "demographic"],
        },
        "train_personas": Slider("Buyers", 20, 4, 20, 1),
        "batch": Slider("Contests per step", 4, 1, 16, 1),
        "seed": Slider("Seed", 1, 0, 99, 1),
        "arms": ("rft",),
        "train_anchors": 16,  # an epoch: four steps, then they learn
        "held_out_anchors": 16,
        "evaluate": "every",
    }
)
WIN_SHARES = plot(["win share base", "win share rft"], share_axis)


@solara.component
def Page():
    """One run for each who opens the page."""
    model = use_live(PARAMS)
    Status(model.value)
    SolaraViz(model, components=[Audience, Contest, WIN_SHARES], model_params=PARAMS, name="Moloch: sales")
