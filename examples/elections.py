"""Do candidates who learn from votes drift into populism, beyond what learning from random messages does?

Covers: one run from a script, its held-out win rates and probes, the difference from the placebo.
Scenario: two epochs of campaign speeches by the pocket model before the default choice model. Not evidence about real LLMs.
Run: python examples/elections.py [OUT]; about a minute on two cores; running it again prints the same from the log.
"""

import sys

from abm.log import read_events
from analysis import battery, probe_table, table, win_rate, win_rate_against_placebo
from learning import run

SIZE = {"train_anchors": 32, "held_out_anchors": 32}  # small: intervals will be wide
out = sys.argv[1] if len(sys.argv) > 1 else "runs/example-elections"

done = run(arena="elections", epochs=2, arms=("rft", "placebo"), seed=1, out=out, probes=battery, **SIZE)
events = list(read_events(done.path))

print("win rate of rft over base:", win_rate(events, "rft"))
print("beyond the placebo:", win_rate_against_placebo(events, "rft"))
for row in probe_table(events):
    print(row.arm, row.probe, "base", row.base.value, "after", row.after.value, "beyond placebo", row.placebo)
print(table(events)["note"])
