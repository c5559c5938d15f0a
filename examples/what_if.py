"""What if the readers had stopped minding how they are talked to, from the second epoch on?

Covers: forking a run at a step, comparing the fork with its parent, counting votes over the log as one lazy frame.
Scenario: sellers learn with the default audience for one epoch; then one branch continues with it, the other with the
neutral one. Shared steps are shared, random numbers are common. Not evidence about real LLMs.
Run: python examples/what_if.py [OUT]; about a minute on two cores; running it again prints the same from the logs.
"""

import sys

import polars as pl

from abm.log import open_log
from analysis import battery
from analysis.tables.compare import compare
from learning import fork, run

SIZE = {"train_anchors": 32, "held_out_anchors": 32}  # small: intervals will be wide
FIRST_EPOCH = 1  # steps: 32 anchors in one batch
out = sys.argv[1] if len(sys.argv) > 1 else "runs/example-what-if"

parent = run(arena="sales", epochs=2, arms=("rft", "placebo"), seed=1, out=out, probes=battery, **SIZE)
config, folder = fork(parent.path, FIRST_EPOCH, ["audience=neutral"], f"{out}-neutral")
branch = run(config, folder, probes=battery)

for done in (parent, branch):
    votes = open_log(done.path, write=False).scan().filter(pl.col("type") == "reacted")
    first = votes.select((pl.col("choice") == pl.col("order").list.first()).mean()).collect().item()
    print(f"{done.path.name}: {votes.select(pl.len()).collect().item()} votes, {first:.1%} for the option shown first")

found = compare(parent.path, branch.path)
print(
    "they share", found.shared.events if found.shared else 0, "events and part over", [d.field for d in found.settings]
)
for outcome in found.outcomes:
    if outcome.measure == "win rate" and outcome.a and outcome.b:
        print(outcome.arm, "wins", outcome.a["value"], "before one audience,", outcome.b["value"], "before the other")
print(*found.notes, sep="\n")
