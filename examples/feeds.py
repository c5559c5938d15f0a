"""Do engagement-ranked feeds select for disinformation, and does homophily? With what base writes, and with what learning made.

Covers: a networked study over two factors, reach and amplification per author.
Scenario: posts about news by the pocket model before a crowd that reads by the default choice model. Not evidence about real LLMs.
Run: python examples/feeds.py [OUT] [ANCHORS]; about three minutes on two cores; again: the same from the logs.
"""

import sys
from itertools import product

from abm.log import read_events
from analysis import battery, reach_table
from learning import run

out, anchors = [*sys.argv[1:], *["runs/example-feeds", 32][len(sys.argv) - 1 :]]
size = {"epochs": 1, "train_anchors": anchors, "held_out_anchors": anchors, "crowd": {"size": 1000}, "arms": ("rft",)}
for ranker, homophily in product(("random", "engagement"), (0.0, 0.9)):
    graph = {"kind": "homophilous", "options": {"degree": 8, "homophily": homophily}}
    world = {"world": "networked", "network": {"graph": graph, "feed": {"ranker": ranker, "slots": 1}}}
    done = run(arena="social", out=f"{out}/{ranker}-{homophily}", probes=battery, **world, **size)
    for author in ("base", "rft"):
        rows = {row.probe: row for row in reach_table(read_events(done.path), author=author)}
        print(ranker, homophily, author, rows["disinformation"].amplified)
