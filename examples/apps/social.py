"""Influencers compete in feeds while you watch: who is shown what, who passes it on, what the ranker makes of it.

Covers: SolaraViz on a live run with a crowd: an audience graph of hubs, exposures over time, the feed's settings as a panel.
Scenario: the pocket model writes posts about news, a choice model reads; after four steps the influencers learn. Not evidence
about real LLMs.
Run: solara run examples/apps/social.py --host 127.0.0.1 --production
"""

import solara
from mesa.visualization import Slider, SolaraViz

from analysis.ui.solaraviz import Audience, Contest, Reach, Status, live_params, plot, share_axis, use_live
from media_graph.feeds import RANKERS

PARAMS = live_params(
    {
        "arena": "social",
        "world": "networked",
        "network.feed.ranker": {"type": "Select", "label": "Ranker", "value": "engagement", "values": sorted(RANKERS)},
        "network.feed.slots": Slider("Slots of a feed", 1, 1, 5, 1),
        "crowd.size": Slider("Members beside the personas", 300, 0, 2000, 100),
        "network.followers": Slider("Share that follows from the start", 0.1, 0.0, 1.0, 0.05),
        "batch": Slider("Contests per step", 4, 1, 16, 1),
        "seed": Slider("Seed", 1, 0, 99, 1),
        "network.graph": {"kind": "barabasi_albert", "options": {"m": 3}},
        "arms": ("rft",),
        "train_anchors": 16,  # an epoch: four steps, then they learn
        "held_out_anchors": 16,
        "evaluate": "every",
    }
)
EXPOSURES = plot("exposures")
WIN_SHARES = plot(["win share base", "win share rft"], share_axis)


@solara.component
def Page():
    """One run for each who opens the page."""
    model = use_live(PARAMS)
    Status(model.value)
    parts = [Audience, Contest, Reach, EXPOSURES, WIN_SHARES]
    SolaraViz(model, components=parts, model_params=PARAMS, name="Moloch: social media")
