"""What a design can find of each outcome: the effect that it detects, and the margin within which it can show that there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan, sqrt
from typing import Any

import numpy as np

from analysis.statistics.components import Ways
from analysis.statistics.crossed_designs import POWER, CrossedDesign, EstimateLaw, estimate_law
from analysis.studies.pages.cells import Cell
from analysis.studies.pages.page import StudyPage
from analysis.studies.power.outcome_variances import OutcomeVariances, outcome_variances
from analysis.studies.power.pilots import PilotRun
from analysis.studies.power.planned_outcomes import CellGroup, PlannedOutcome, for_outcome, planned_outcomes
from learning.runs.pools import Pools

GUESSES = 400
"""Sets of components that a pilot leaves open."""
MOST_OUTCOMES = 60
"""That the plan of a study looks at."""
Redesigned = Callable[[CrossedDesign], CrossedDesign]


@dataclass(frozen=True)
class Detectable:
    """What one outcome's design can find; shares, 0 to 1, NaN where it has no interval.

    Attributes:
        group: the cells by which it is planned: of those that it is averaged over, the ones that vary most.
        detectable: the true effect that is found with the power; ``low``, ``high``: its 80 % range by what a pilot leaves open, equal to it without one.
        margin: the smallest one within which an effect of 0 is shown to be with that power.
        false_alarms: how often an effect of 0 is found, whatever its sign.
        wanted: effect that is to be found, NaN for none; ``power_at``: the power for it.
        shown: the power to show that there is none, within the outcome's own margin; NaN without one.
    """

    outcome: PlannedOutcome
    group: CellGroup
    design: CrossedDesign
    variances: OutcomeVariances
    detectable: float
    low: float
    high: float
    margin: float
    false_alarms: float
    wanted: float
    power_at: float
    shown: float
    power: float

    @property
    def is_enough(self) -> bool:
        """Whether what is wanted is found, and, where there is a margin, an effect of 0 is shown to be within it."""
        found = isnan(self.wanted) or self.power_at >= self.power
        return found and (self.outcome.margin is None or self.shown >= self.power)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it, in points."""
        numbers = {name: _points(getattr(self, name)) for name in ("detectable", "low", "high", "margin", "wanted")}
        return self.outcome.as_dict() | {
            **{name: numbers[name] for name in ("detectable", "wanted")},
            "detectable_low": numbers["low"],
            "detectable_high": numbers["high"],
            "equivalence_margin": numbers["margin"],
            "seeds": self.design.seeds,
            "anchors": self.design.anchors,
            "people": self.design.people,
            "anchor_overlap": round(self.design.anchor_overlap, 4),
            "person_overlap": None if self.design.people is None else round(self.design.person_overlap, 4),
            "power": self.power,
            "power_at_wanted": _known(self.power_at),
            "power_of_equivalence": _known(self.shown),
            "false_alarms": _known(self.false_alarms),
            "enough": self.is_enough,
            "variances": self.variances.as_dict(),
        }


def _points(value: float) -> float | None:
    return None if isnan(value) else round(100 * value, 3)


def _known(value: float) -> float | None:
    return None if isnan(value) else round(value, 4)


class PlannedVariances:
    """The components of outcomes, each looked up once, and the laws of their estimates, each drawn once."""

    def __init__(self, pilots: Sequence[PilotRun] = ()) -> None:
        self._pilots = tuple(pilots)
        self._variances: dict[Any, OutcomeVariances] = {}
        self._laws: dict[Any, EstimateLaw] = {}

    def of(self, outcome: PlannedOutcome, group: CellGroup) -> OutcomeVariances:
        """Return the components of an outcome in cells."""
        key = outcome.measured, group.config.arena
        if key not in self._variances:
            self._variances[key] = outcome_variances(outcome.measured, group.config.arena, self._pilots)
        return self._variances[key].between_levels() if outcome.is_between_levels else self._variances[key]

    def law(self, design: CrossedDesign, variances: dict[Ways, float]) -> EstimateLaw:
        """Return the law of estimates."""
        key = design, tuple(sorted(variances.items()))
        if key not in self._laws:
            self._laws[key] = estimate_law(design, variances)
        return self._laws[key]


def detectable(
    outcome: PlannedOutcome,
    known: PlannedVariances,
    power: float = POWER,
    wanted: float = float("nan"),
    redesigned: Redesigned = lambda design: design,
) -> Detectable:
    """Return what an outcome's design can find.

    Args:
        wanted: an effect to be found, as a share.
        redesigned: the design in place of each group's own.
    """
    group, design, variances = worst(outcome, known, power, redesigned)
    law = known.law(design, variances.values)
    effect = law.detectable(power, outcome.alpha, outcome.sides)
    low, high = _range(design, variances, effect) if variances.from_pilot else (effect, effect)
    return Detectable(
        outcome=outcome,
        group=group,
        design=design,
        variances=variances,
        detectable=effect,
        low=low,
        high=high,
        margin=law.margin(power, outcome.alpha),
        false_alarms=2 * law.power(0.0, outcome.alpha),
        wanted=wanted,
        power_at=law.power(wanted, outcome.alpha, outcome.sides) if not isnan(wanted) else float("nan"),
        shown=float("nan") if outcome.margin is None else law.equivalence_power(outcome.margin, 0.0, outcome.alpha),
        power=power,
    )


def usually_detectable(page: StudyPage, cells: Sequence[Cell], pools: Pools) -> tuple[Detectable, ...]:
    """Return what a page's outcomes can find, without pilots; the first :data:`MOST_OUTCOMES` of many."""
    known = PlannedVariances()
    outcomes = planned_outcomes(page, cells, pools) if cells else []
    return tuple(detectable(each, known) for each in outcomes[:MOST_OUTCOMES])


def worst(
    outcome: PlannedOutcome, known: PlannedVariances, power: float, redesigned: Redesigned
) -> tuple[CellGroup, CrossedDesign, OutcomeVariances]:
    """Return the cells of an outcome that can find least, with their design and what it is planned with."""
    options = [
        (group, for_outcome(redesigned(group.design), outcome.measured), known.of(outcome, group))
        for group in outcome.groups
    ]
    if len(options) == 1:
        return options[0]
    return max(options, key=lambda each: _or_infinite(each[1].roughly(each[2].values, power, outcome.alpha)[0]))


def _or_infinite(value: float) -> float:
    return float("inf") if isnan(value) else value


def _range(design: CrossedDesign, variances: OutcomeVariances, effect: float) -> tuple[float, float]:
    """Return the 80 % range of what can be detected, by what a pilot leaves open of each component, drawn independently."""
    random = np.random.default_rng(0)
    guesses = [design.q(each.ways) * each.quantiles(random.random(GUESSES)) for each in variances.components]
    low, high = np.quantile(np.sum(guesses, axis=0), (0.1, 0.9)) / design.variance(variances.values)
    return effect * min(1.0, sqrt(low)), effect * max(1.0, sqrt(high))
