"""How often three-way intervals cover, and how wide they are: beside t over seeds, and an interval that has nothing to estimate.

Covers: simulated studies of 3 to 10 seeds, each with 96 anchors read by 20 people. A vote is drawn from a logit with normal random effects of anchor, person
and training; anchors and people are shared by all seeds, redrawn from pools of 256 and 40, or others for each. The truth is a win rate of one
half over all anchors, people and trainings. Figures per setting: the share of 95 % intervals that cover it (rival: Student's t over seeds on
the same votes), and the median half width (rival: 1.96 times the standard deviation of the estimate over the studies, which knows every
component). Through estimators alone: a whole study through page, cells and logs is another benchmark's. 40 studies per setting, 1,000
with ``--full`` (some 10 minutes of a core). Run it with ``--json`` for one line per figure.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)

from analysis.statistics.estimates import mean_of  # noqa: E402
from analysis.statistics.multiway import multiway_mean  # noqa: E402

ANCHORS, PEOPLE = 96, 20
POOL_OF_ANCHORS, POOL_OF_PEOPLE = 256, 40
EFFECTS = {
    "measured": (0.5, 0.3, 0.1),
    "model readers": (1.0, 0.8, 0.1),
    "trainings": (0.5, 0.3, 0.5),
    "none": (0.0, 0.0, 0.0),
}
"""Standard deviations of the effects of anchor, person and training, in logits."""
POOLS = ("shared", "redrawn", "disjoint")
SEEDS = (3, 5, 8, 10)
LEAST, MOST = 0.93, 0.99
"""Coverage that an interval of 95 % should have, estimates of it having an error of their own."""


class Study(NamedTuple):
    """Votes, shape (n,), with the seed, anchor and person of each."""

    votes: NDArray[np.float64]
    seed: NDArray[np.int64]
    anchor: NDArray[np.int64]
    person: NDArray[np.int64]


def drawn(random: np.random.Generator, seeds: int, effects: tuple[float, float, float], pools: str) -> Study:
    """Return a study whose true win rate is one half."""
    seed, anchor, person = (axis.ravel() for axis in np.mgrid[:seeds, :ANCHORS, :PEOPLE])
    if pools == "redrawn":
        anchors, people = (
            np.array([random.choice(pool, size, replace=False) for _ in range(seeds)])
            for pool, size in ((POOL_OF_ANCHORS, ANCHORS), (POOL_OF_PEOPLE, PEOPLE))
        )
        anchor, person = anchors[seed, anchor], people[seed, person]
    elif pools == "disjoint":
        anchor, person = anchor + ANCHORS * seed, person + PEOPLE * seed
    of = zip((anchor, person, seed), effects, strict=True)
    utility = sum(random.normal(0, spread, 1 + int(who.max()))[who] for who, spread in of)
    votes = random.random(len(seed)) < 1 / (1 + np.exp(-np.asarray(utility)))
    return Study(votes.astype(np.float64), seed, anchor, person)


def figures(studies: int) -> Iterator[dict[str, Any]]:
    """Yield the figures of every setting."""
    for (name, effects), pools, seeds in product(EFFECTS.items(), POOLS, SEEDS):
        random = np.random.default_rng((7, seeds, POOLS.index(pools), list(EFFECTS).index(name)))
        covered, half, values = np.zeros(2), [], []
        for _ in range(studies):
            votes, *ways = drawn(random, seeds, effects, pools)
            three = multiway_mean(votes, ways, null=0.5)
            covered += [
                each.low <= 0.5 <= each.high for each in (three, mean_of(votes.reshape(seeds, -1).mean(axis=1)))
            ]
            half.append((three.high - three.low) / 2)
            values.append(three.value)
        of, (ours, theirs) = f"{name}, {pools}, {seeds} seeds", covered / studies
        error = 3 * np.sqrt(0.95 * 0.05 / studies)
        ok = LEAST - error <= ours <= MOST + error
        yield _line(
            f"covered: {of}", ours, "share", f"t over seeds: {theirs:.3f}", ours / theirs, f"{LEAST} to {MOST}", ok
        )
        width, known = 100 * float(np.median(half)), 196 * float(np.std(values))
        yield _line(f"half width: {of}", width, "points", f"known: {known:.2f}", width / known, "", True)


def _line(name: str, value: float, unit: str, rival: str, ratio: float, goal: str, ok: bool) -> dict[str, Any]:
    said = {"value": round(float(value), 4), "unit": unit, "rival": rival, "ratio": round(float(ratio), 3)}
    return {"name": name, **said, "goal": goal, "ok": bool(ok)}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="1,000 studies per setting")
    parser.add_argument("--studies", type=int, default=40, help="studies per setting")
    parser.add_argument("--json", action="store_true", help="one line per figure")
    given = parser.parse_args()
    for line in figures(1000 if given.full else given.studies):
        if given.json:
            print(json.dumps(line), flush=True)
        else:
            said = f"{line['value']:.3f} {line['unit']}", line["rival"], "" if line["ok"] else "NOT " + line["goal"]
            print(f"{line['name']:<48}", *(f"{each:<28}" for each in said), flush=True)


if __name__ == "__main__":
    main()
