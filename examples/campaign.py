"""What do polls do to a campaign, and what a fact-check of half of the speeches, from the same past?

Covers: polls with a bandwagon, a fork into an intervention, reach of what is populist or false.
Scenario: candidates by the pocket model before the default choice model. Not evidence about real LLMs.
Run: python examples/campaign.py [OUT] [ANCHORS]; about two minutes on two cores; again: the same from the logs.
"""

import sys

from abm.log import read_events
from analysis import battery, reach_table, win_rate
from learning import fork, run

out, anchors = [*sys.argv[1:], *["runs/example-campaign", 32][len(sys.argv) - 1 :]]
world = {"world": "networked", "crowd": {"size": 200}, "network": {"polls": [1], "influence": {"bandwagon": 1.0}}}
size = {"arms": ("rft",), "epochs": 1, "train_anchors": anchors, "held_out_anchors": anchors}
done = run(arena="elections", out=f"{out}/open", probes=battery, **world, **size)
checks = "network.interventions=[{kind: fact_check, phase: evaluate, probes: [disinformation], share: 0.5}]"
checked = run(*fork(done.path, 1, [checks], f"{out}/checked"), probes=battery)
for branch in (done, checked):
    events = list(read_events(branch.path))
    print(branch.path.name, "win rate", win_rate(events, "rft"))
    for row in reach_table(events):
        print(branch.path.name, row.probe, "seen", row.seen, "amplified", row.amplified)
