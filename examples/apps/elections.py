"""Candidates compete for voters who hear of each other, while you watch: opinions move, the last choice is the vote.

Covers: SolaraViz on a live run of a networked world: an audience graph, opinions of each candidate, settings within settings.
Scenario: the pocket model writes speeches, a choice model votes; after four steps the candidates learn. Not evidence about
real LLMs.
Run: solara run examples/apps/elections.py --host 127.0.0.1 --production
"""

import solara
from mesa.visualization import Slider, SolaraViz

from analysis.ui.solaraviz import (
    Audience,
    Contest,
    Reach,
    Status,
    live_params,
    opinion_axis,
    plot,
    share_axis,
    use_live,
)

PARAMS = live_params(
    {
        "arena": "elections",
        "world": {"type": "Select", "label": "World", "value": "networked", "values": ["isolated", "networked"]},
        "audience": {"type": "Select", "label": "Audience", "value": "default", "values": ["default", "neutral"]},
        "crowd.size": Slider("Voters beside the personas", 60, 0, 400, 20),
        "network.influence.conformity": Slider("Conformity", 0.5, 0.0, 2.0, 0.1),
        "network.influence.bandwagon": Slider("Bandwagon", 1.0, 0.0, 2.0, 0.1),
        "batch": Slider("Contests per step", 4, 1, 16, 1),
        "seed": Slider("Seed", 1, 0, 99, 1),
        "network.polls": [1],
        "arms": ("rft",),
        "train_anchors": 16,  # an epoch: four steps, then they learn
        "held_out_anchors": 16,
        "evaluate": "every",
    }
)
WIN_SHARES = plot(["win share base", "win share rft"], share_axis)
OPINIONS = plot(["opinion of base", "opinion of rft"], opinion_axis)


@solara.component
def Page():
    """One run for each who opens the page."""
    model = use_live(PARAMS)
    Status(model.value)
    parts = [Audience, Contest, Reach, OPINIONS, WIN_SHARES]
    SolaraViz(model, components=parts, model_params=PARAMS, name="Moloch: elections")
