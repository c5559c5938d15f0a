"""Whether studies find what ``moloch power`` says that they find: simulated power against planned power.

Votes and verdicts are drawn from known components of variance, as whole studies: 0/1 verdicts of two arms, or votes of -1, 0 and 1 (a person's vote less
the same person's for the comparator's message), by seed, anchor and person. They go through the product's own estimator, from the values of a run on
(:func:`analysis.studies.values.estimates.estimates`); the effect is the one that the planner says is found with power 0.8, and each study finds it or does
not. Scenarios: 3, 5, 8 and 12 seeds; anchors and people shared by seeds, redrawn from pools of twice the size, and disjoint; votes, and
probes whose rate is 2, 10 and 30 %; with and without differences between trainings, anchors and people. The rival is the power that the usual
normal formula promises with the same components, without degrees of freedom. By default a part of the scenarios with 1,000 studies each,
under a minute; ``--full`` is all of them with 2,000 each. Run it with ``--json`` for one line per figure.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import product
from math import sqrt
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from analysis.statistics.crossed_designs import CrossedDesign, EstimateLaw, estimate_law  # noqa: E402
from analysis.studies.values.estimates import CellValues, estimates  # noqa: E402
from analysis.tables.pooled import Measured, RunValues  # noqa: E402

POWER, GOAL = 0.8, 0.05
SEEDS, DRAWS, KINDS = (3, 5, 8, 12), ("shared", "redrawn", "disjoint"), ("votes", 0.02, 0.1, 0.3)
OVERLAP = {"shared": 1.0, "redrawn": 0.5, "disjoint": 0.0}
ANCHORS, PEOPLE, PROBED = 16, 12, 96
"""Anchors and people of each seed where people vote; anchors where a probe judges."""
CHANGED = 0.3
"""Share of votes that are another than the same person's for the comparator's message."""
SPREAD = {(0,): 0.25, (1,): 0.4, (2,): 0.3, (0, 1): 0.5, (0, 2): 0.2, (1, 2): 0.2}
"""Standard deviations of effects, as shares of what leaves room for both signs: a third of the rate, or of the changed votes."""


class Scenario(NamedTuple):
    """What is simulated.

    Attributes:
        kind: ``votes``, or a probe's rate.
        varied: whether trainings, anchors and people differ.
    """

    kind: str | float
    seeds: int
    draws: str
    varied: bool

    @property
    def design(self) -> CrossedDesign:
        overlap = OVERLAP[self.draws]
        if self.kind == "votes":
            return CrossedDesign(self.seeds, ANCHORS, PEOPLE, overlap, overlap)
        return CrossedDesign(self.seeds, PROBED, None, overlap)

    @property
    def deviations(self) -> dict[tuple[int, ...], float]:
        """Standard deviations of the effects, the residual's left out."""
        room = (CHANGED if self.kind == "votes" else float(self.kind)) / 3
        ways = ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2)) if self.kind == "votes" else ((0,), (1,))
        return {of: room * SPREAD[of] if self.varied else 0.0 for of in ways}

    def variances(self, effect: float) -> dict[tuple[int, ...], float]:
        """Return the components where the true effect is this one."""
        squares = {of: deviation**2 for of, deviation in self.deviations.items()}
        among = sum(squares.values())
        if self.kind == "votes":
            return squares | {(0, 1, 2): CHANGED - effect**2 - among}
        rate = float(self.kind)
        return squares | {(0, 1): rate * (1 - rate) + (rate + effect) * (1 - rate - effect) - among}

    def planned(self) -> tuple[float, EstimateLaw]:
        """Return the effect that is found with the power, and the law by which it is."""
        effect, law = 0.0, estimate_law(self.design, self.variances(0.0))
        for _ in range(6):  # how much verdicts vary depends on the effect
            effect = law.detectable(POWER)
            law = estimate_law(self.design, self.variances(effect))
        return effect, law

    def study(self, effect: float, random: np.random.Generator) -> list[CellValues]:
        """Return the cells of one study."""
        design = self.design
        ways = [np.arange(self.seeds)[:, None, None], *self._members(random)]
        mean = np.full((self.seeds, design.anchors, design.people or 1), effect)
        for of, deviation in self.deviations.items():
            shape = [int(ways[way].max()) + 1 for way in of]
            mean += deviation * random.standard_normal(shape)[tuple(ways[way] for way in of)]
        if self.kind == "votes":
            up = random.random(mean.shape) < CHANGED
            value = np.where(up, np.where(random.random(mean.shape) < (1 + mean / CHANGED) / 2, 1.0, -1.0), 0.0)
        else:
            rate = float(self.kind)
            value = (random.random(mean.shape) < rate + mean) * 1.0 - (random.random(mean.shape) < rate)
        return [
            _cell(seed, value[seed], ways[1][seed], ways[2][seed] if design.people else None)
            for seed in range(self.seeds)
        ]

    def _members(self, random: np.random.Generator) -> Iterator[NDArray[np.int64]]:
        """Yield who each seed has: anchors, shape (seeds, anchors, 1), and people, shape (seeds, 1, people)."""
        for number, axis in ((self.design.anchors, 2), (self.design.people or 1, 1)):
            pool = {"shared": number, "redrawn": 2 * number, "disjoint": number * self.seeds}[self.draws]
            drawn = np.stack([random.permutation(pool)[:number] for _ in range(self.seeds)])
            if self.draws == "disjoint":
                drawn = np.arange(pool).reshape(self.seeds, number)
            yield np.expand_dims(drawn, axis)

    def __str__(self) -> str:
        kind = "votes" if self.kind == "votes" else f"rate {float(self.kind):.0%}"
        return f"{kind}, {self.seeds} seeds, {self.draws}, {'varied' if self.varied else 'alike'}"


def _cell(
    seed: int, value: NDArray[np.float64], anchors: NDArray[np.int64], people: NDArray[np.int64] | None
) -> CellValues:
    measured = Measured(
        "rft",
        "votes" if people is not None else "strategy",
        "win_rate" if people is not None else "probe",
        "from_comparator",
    )
    values = RunValues(
        np.broadcast_to(anchors, value.shape).ravel().astype(object),
        None if people is None else np.broadcast_to(people, value.shape).ravel().astype(object),
        value.ravel(),
        np.ones(value.size),
    )
    notes = {"note": "", "withheld": "", "validity": [], "flags": []}
    return CellValues(
        f"s{seed}", {}, seed, {measured: {"value": float(value.mean())}}, {measured: values}, {"rft": "placebo"}, notes
    )


def found(scenario: Scenario, effect: float, studies: int, draw: int) -> float:
    """Return the share of studies that find the effect."""
    random = np.random.default_rng(draw)
    times = 0
    for _ in range(studies):
        (row,) = estimates(scenario.study(effect, random), ())
        times += row.estimate.p < 0.05 and row.estimate.value > 0
    return times / studies


def normal_power(scenario: Scenario, effect: float) -> float:
    """Return the power that the normal formula promises."""
    se = sqrt(scenario.design.variance(scenario.variances(effect)))
    return NormalDist().cdf(effect / se - NormalDist().inv_cdf(0.975))


def scenarios(full: bool) -> list[Scenario]:
    """Return what is simulated."""
    every = [Scenario(*each) for each in product(KINDS, SEEDS, DRAWS, (True, False))]
    if full:
        return every
    some = [
        ("votes", 3, "shared", True),
        ("votes", 5, "redrawn", True),
        ("votes", 8, "shared", False),
        ("votes", 12, "disjoint", True),
    ]
    some += [
        (0.02, 8, "redrawn", True),
        (0.1, 5, "shared", True),
        (0.1, 3, "disjoint", False),
        (0.3, 12, "shared", True),
    ]
    return [Scenario(*each) for each in some]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line per scenario, and the largest difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="all scenarios, 2,000 studies each")
    parser.add_argument("--studies", type=int, help="of each scenario")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    studies, began, worst = given.studies or (2_000 if given.full else 1_000), time.perf_counter(), 0.0
    error = sqrt(POWER * (1 - POWER) / studies)
    for number, scenario in enumerate(scenarios(given.full)):
        effect, law = scenario.planned()
        planned = law.power(effect)
        share = found(scenario, effect, studies, number)
        off = abs(share - planned)
        worst = max(worst, off)
        line = {
            "name": f"power, {scenario}", "value": round(share, 3), "unit": "share", "rival": f"normal formula: {normal_power(scenario, effect):.3f}",
            "ratio": round(share / planned, 3), "goal": f"{planned:.3f} +- {GOAL + 2 * error:.3f} (with two errors of the simulation)",
            "ok": off <= GOAL + 2 * error, "effect_points": round(100 * effect, 2), "studies": studies,
        }  # fmt: skip
        print(json.dumps(line) if given.json else _said(line), flush=True)
    line = {
        "name": "power, largest difference from the plan", "value": round(100 * worst, 1), "unit": "points", "rival": "",
        "ratio": None, "goal": f"{100 * (GOAL + 2 * error):.1f}", "ok": worst <= GOAL + 2 * error,
        "seconds": round(time.perf_counter() - began, 1),
    }  # fmt: skip
    print(json.dumps(line) if given.json else _said(line))


def _said(line: dict) -> str:
    return f"{line['name']:52s} {line['value']:6} {line['unit']} (goal {line['goal']}; {line['rival']}) {'ok' if line['ok'] else 'NOT MET'}"


if __name__ == "__main__":
    main()
