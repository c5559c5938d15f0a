"""Does a rival that learns, too, change what a seller learns?

Covers: a market of two learners, its twins, the same alone with as many rows, and the effect of rivalry.
Scenario: sellers by the pocket model before the default choice model. Not evidence about real LLMs, and one training of each: no interval.
Run: python examples/rivals.py [OUT] [ANCHORS]; about four minutes on two cores; again: the same from the log.
"""

import sys

from abm.log import read_events
from analysis import battery, rivalry
from learning import run

out, anchors = [*sys.argv[1:], *["runs/example-rivals", 32][len(sys.argv) - 1 :]]
alone = {"alone": {"method": "rft", "rows_of": "a"}, "random": {"method": "placebo", "rows_of": "a"}}
duel = {"learners": {"a": {"method": "rft"}, "b": {"method": "rft"}}, "twins": ["own", "market"]}
done = run(arms=alone, markets={"duel": duel}, train_anchors=anchors, held_out_anchors=anchors, out=out, probes=battery)
for row in rivalry(read_events(done.path)):
    print(row.learner, row.outcome, f"{row.among_rivals:+.3f} - {row.alone:+.3f} = {row.rivalry:+.3f}", row.rows)
