"""Does word of mouth, before a purchase that is made three times, change what sellers learn?

Covers: a networked world beside the isolated one, repeated purchases, win rates and the difference from the placebo.
Scenario: sellers by the pocket model before the default choice model. Not evidence about real LLMs.
Run: python examples/word_of_mouth.py [OUT] [ANCHORS]; about two minutes on two cores; again: the same from the logs.
"""

import sys

from abm.log import read_events
from analysis import battery, win_rate, win_rate_against_placebo
from learning import run

out, anchors = [*sys.argv[1:], *["runs/example-word-of-mouth", 32][len(sys.argv) - 1 :]]
size = {"arms": ("rft", "placebo"), "train_anchors": anchors, "held_out_anchors": anchors, "crowd": {"size": 200}}
for world, more in {"isolated": {}, "networked": {"network": {"purchases": 3}}}.items():
    done = run(arena="sales", world=world, out=f"{out}/{world}", probes=battery, **size, **more)
    events = list(read_events(done.path))
    print(world, win_rate(events, "rft"), win_rate_against_placebo(events, "rft"))
