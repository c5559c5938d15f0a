"""What the product's estimators say of drawn studies, and how often it is true.

A study's arrays become the values of cells, as they are read from logs, and go through ``analysis.studies.values.estimates``; nothing of the
statistics is computed here. Scores of a scenario are sums over its pieces, so that they can be kept and added to.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

sys.path[0] = str(Path(__file__).resolve().parents[1])
sys.path.append(str(Path(__file__).resolve().parent))

import numpy as np  # noqa: E402
from calibration_law import POOL_ANCHORS, POOL_PEOPLE, Draws, Scenario, drawn, law_of  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from analysis.statistics.components import Ways, components, pair_sums  # noqa: E402
from analysis.statistics.conclusions import conclude  # noqa: E402
from analysis.statistics.crossed_designs import CrossedDesign, estimate_law  # noqa: E402
from analysis.statistics.estimates import Estimate  # noqa: E402
from analysis.studies.power.pilots import crossed  # noqa: E402
from analysis.studies.values.estimates import estimates  # noqa: E402
from analysis.studies.values.scopes import CellValues  # noqa: E402
from analysis.tables.pooled import Measured, RunValues  # noqa: E402

LEARNER, PLACEBO = "rft", "placebo"
OUTCOMES = (
    Measured(LEARNER, "strategy", "misrepresentation", "from_comparator"),
    Measured(LEARNER, "votes", "win_rate", "from_comparator"),
)
SCOPES = ("overall", "people", "adapters")
"""New trainings, anchors and people; these anchors and people; these adapters."""
PIECE = 250
"""Studies of a piece."""


def cells(
    labels: NDArray[Any], votes: NDArray[Any], anchors: NDArray[Any], people: NDArray[Any], seeds: Sequence[int]
) -> list[CellValues]:
    """Return one study's cells.

    Args:
        labels: shape (seeds, 2 arms, anchors), 0 or 1; ``votes``: shape (seeds, 2, anchors, people).
        anchors, people: whole numbers that say who is who, shapes (seeds, anchors) and (seeds, people).
        seeds: of the cells.
    """
    return [_cell(seed, labels[i], votes[i], anchors[i], people[i]) for i, seed in enumerate(seeds)]


def _cell(
    seed: int, labels: NDArray[Any], votes: NDArray[Any], anchors: NDArray[Any], people: NDArray[Any]
) -> CellValues:
    marked = (labels[0].astype(np.int8) - labels[1]).astype(np.float64)
    won = (votes[0].astype(np.int8) - votes[1]).astype(np.float64)
    values = {
        OUTCOMES[0]: RunValues(anchors, None, marked, np.ones(len(marked))),
        OUTCOMES[1]: RunValues(
            np.repeat(anchors, len(people)), np.tile(people, len(anchors)), won.ravel(), np.ones(won.size)
        ),
    }
    tables = {of: {"value": float(each.sums.mean())} for of, each in values.items()}
    notes = {"note": "", "withheld": "", "validity": "", "flags": []}
    return CellValues(f"seed-{seed}", {}, seed, tables, values, {LEARNER: PLACEBO}, notes)


class Scored(NamedTuple):
    """One outcome of one study: an estimate for each scope, in the order of :data:`SCOPES`."""

    estimates: tuple[Estimate, Estimate, Estimate]


def estimated(study: Sequence[CellValues]) -> list[Scored]:
    """Return what the product's estimators say of a study, per outcome of :data:`OUTCOMES`."""
    rows = {row.measured: row for row in estimates(study, [])}
    return [Scored((row.estimate, row.seeds, row.adapters)) for row in (rows[of] for of in OUTCOMES)]


# -- pieces ------------------------------------------------------------------------------------------------------


def scored_piece(scenario: Scenario, piece: int, size: int = PIECE) -> dict[str, Any]:
    """Return the sums of some studies of a scenario, as JSON can hold them; the same piece always draws the same."""
    draws = drawn(scenario, size, np.random.default_rng([*scenario.name.encode(), piece]))
    truths = law_of(scenario).truths(draws)
    true = np.stack([np.broadcast_to(truths.overall, truths.people.shape), truths.people, truths.adapters], axis=1)
    rows: list[list[list[float]]] = []
    for i in range(size):
        rows.append(
            [
                list(_figures(scored, true[i, :, outcome]))
                for outcome, scored in enumerate(estimated(study_of(draws, i)))
            ]
        )
    return {"scenario": scenario.name, "piece": piece, "rows": np.round(np.array(rows), 6).tolist()}


def study_of(draws: Draws, i: int) -> list[CellValues]:
    """Return the cells of the i-th study."""
    seeds = range(1, draws.scenario.seeds + 1)
    return cells(draws.labels[i], draws.votes[i], draws.anchor_ids[i], draws.people_ids[i], list(seeds))


FIGURES = (
    "value",
    "p",
    "width",
    "covered",
    "covered_people",
    "covered_adapters",
    "p_equal_at_truth",
    "p_equal_at_margin",
)
"""Of an outcome of a study: the estimate; p of an effect; width of the headline interval; whether each interval holds what it is of, NaN
without one; p of equivalence with a margin that the true effect reaches, and with one of five points."""
MARGIN = 0.05


def _figures(scored: Scored, true: NDArray[np.float64]) -> Iterator[float]:
    headline = scored.estimates[0]
    yield headline.value
    yield headline.p
    yield headline.high - headline.low
    for each, value in zip(scored.estimates, true.tolist(), strict=True):
        yield float(each.low <= value <= each.high) if each.low == each.low else float("nan")
    at_truth = abs(float(true[0]))
    yield conclude(headline, at_truth).p_equivalence if at_truth > 0.01 else float("nan")
    yield conclude(headline, MARGIN).p_equivalence


class Score(NamedTuple):
    """How an outcome did in a scenario.

    Attributes:
        studies: n; ``rejected``: share with p below 0.05: false alarms of a null, else power.
        coverage: of the three kinds of intervals, in the order of :data:`SCOPES`; ``missing``: share of studies without an interval.
        width: median width of the headline interval, against that of one that knows all components (2 x 1.96 standard deviations of
            the estimates).
        trainings: the trainings' standard deviation as a share of the standard error.
        equal: share of studies that call an effect equivalent to none whose margin it just reaches; an error.
        equal_at_margin: share that call it so at five points.
        effect, bias: the true difference, and how far the estimates are from it on average.
    """

    studies: int
    null: bool
    rejected: float
    coverage: tuple[float, float, float]
    missing: float
    width: float
    trainings: float
    equal: float
    equal_at_margin: float
    effect: float
    bias: float

    @property
    def error(self) -> float:
        """Monte Carlo standard error of a share of about 0.05."""
        return float(np.sqrt(0.05 * 0.95 / self.studies))


def scores(scenario: Scenario, pieces: Sequence[dict[str, Any]]) -> list[Score]:
    """Return the score of each outcome over a scenario's pieces."""
    law = law_of(scenario)
    rows = np.concatenate([np.array(piece["rows"], dtype=np.float64) for piece in pieces])
    found = []
    for outcome in range(len(OUTCOMES)):
        of = dict(zip(FIGURES, rows[:, outcome].T, strict=True))
        spread, effect = float(of["value"].std()), float(law.overall[outcome])
        null = scenario.truth == "twins" or (scenario.truth == "neutral" and outcome == 0)
        found.append(
            Score(
                studies=len(rows),
                null=null,
                rejected=float((of["p"] < 0.05).mean()),
                coverage=tuple(_share(of[name]) for name in FIGURES[3:6]),  # pyright: ignore[reportArgumentType]
                missing=float(np.isnan(of["width"]).mean()),
                width=float(np.nanmedian(of["width"]) / (2 * 1.96 * spread)) if spread else float("nan"),
                trainings=float(law.spread[outcome] / np.sqrt(scenario.seeds) / spread) if spread else float("nan"),
                equal=_share(of["p_equal_at_truth"] < 0.05)
                if not np.isnan(of["p_equal_at_truth"]).all()
                else float("nan"),
                equal_at_margin=float((of["p_equal_at_margin"] < 0.05).mean()),
                effect=0.0 if null else effect,
                bias=float(of["value"].mean()) - (0.0 if null else effect),
            )
        )
    return found


PILOT_SEEDS = 24
FEW_PILOTS, MANY_PILOTS = 8, 40
"""Studies from which the planner learns the components, all seeds of each with the same anchors and people: enough that what is compared is the
planner, and not the luck of its pilots. With two of them planned power was 20 points off for that luck alone."""


def planned_power(scenario: Scenario, outcome: int, pilots: int) -> float:
    """Return the power that ``moloch power``'s planner states for the true effect, with components measured from so many pilots."""
    of = OUTCOMES[outcome]
    found = _components(replace(scenario, pools="shared", seeds=PILOT_SEEDS), outcome, pilots)
    overlap = {"shared": (1.0, 1.0), "disjoint": (0.0, 0.0)}.get(
        scenario.pools, (scenario.anchors / POOL_ANCHORS, scenario.people / POOL_PEOPLE)
    )
    people = scenario.people if of.kind == "votes" else None
    design = CrossedDesign(scenario.seeds, scenario.anchors, people, *overlap)
    return estimate_law(design, found).power(float(law_of(scenario).overall[outcome]))


@cache
def _components(scenario: Scenario, outcome: int, pilots: int) -> dict[Ways, float]:
    """Return the variance components of a law's outcome."""
    draws = drawn(scenario, pilots, np.random.default_rng([*scenario.name.encode(), 99]))
    of = OUTCOMES[outcome]
    sets = [crossed({cell.seed: cell.values[of] for cell in study_of(draws, i)}) for i in range(pilots)]
    return {each.ways: each.variance for each in components(pair_sums(sets))}


def _share(values: NDArray[Any]) -> float:
    return float(np.nanmean(values.astype(np.float64)))
