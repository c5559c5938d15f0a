"""What one training of each arm can tell: a test of the sharp null against several trainings of a placebo, and how large an effect that finds.

Of a page one seed gives no interval of an effect. With R trainings of the placebo, on the same contests, the outcome of one training of
a learner is compared with theirs (:func:`analysis.tables.repeats.sharp_null`): Student's t with R - 1 degrees of freedom and the variance
``s^2 (1 + 1 / R)``. Here s is planned as what one training's outcome varies by on these contests: half of what the difference of two does,
which takes trainings of both arms to vary alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt
from typing import Any

from scipy import optimize, stats

from analysis.studies.power.detectable import PlannedVariances, worst
from analysis.studies.power.planned_outcomes import PlannedOutcome
from analysis.tables.repeats import LEAST


@dataclass(frozen=True)
class SharpNullPower:
    """What the sharp null finds of one outcome.

    Attributes:
        repeats: trainings of what the arm is compared with, as the page has them; ``enough``: whether those allow the test.
        detectable: the effect that so many find, or that the fewest allowed do; a share.
    """

    outcome: PlannedOutcome
    repeats: int
    tested: int
    detectable: float

    @property
    def allowed(self) -> bool:
        """Whether the page's repeats allow the test."""
        return self.repeats >= LEAST

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it, in points."""
        told = {"repeats": self.repeats, "allowed": self.allowed, "with_repeats": self.tested}
        return self.outcome.as_dict() | told | {"detectable": round(100 * self.detectable, 3)}


def sharp_null_powers(
    outcomes: Sequence[PlannedOutcome], known: PlannedVariances, power: float
) -> tuple[SharpNullPower, ...]:
    """Return what the sharp null finds of each outcome with a power."""
    found = []
    for outcome in outcomes:
        group, design, variances = worst(outcome, known, power, lambda design: design)
        deviation = sqrt(sum(v * design.q(ways) for ways, v in variances.values.items() if 0 in ways) / 2)
        arms = group.config.all_arms
        repeats = 1 + sum(arm.repeat_of == outcome.compared_with for arm in arms.values())
        tested = max(LEAST, repeats)
        effect = sharp_null_detectable(tested, deviation, power, outcome.alpha)
        found.append(SharpNullPower(outcome, repeats, tested, effect))
    return tuple(found)


def sharp_null_detectable(repeats: int, deviation: float, power: float, alpha: float = 0.05) -> float:
    """Return the effect that the t of the sharp null finds with a power, two-sided: by the noncentral t.

    Args:
        repeats: trainings of the placebo, 2 or more.
        deviation: of one training's outcome.
    """
    if repeats < 2 or not deviation > 0:
        return nan
    dof, se = repeats - 1, deviation * sqrt(1 + 1 / repeats)
    limit = float(stats.t.ppf(1 - alpha / 2, dof))
    found = optimize.root_scalar(lambda ncp: float(stats.nct.sf(limit, dof, ncp)) - power, bracket=(0.0, 100.0 * limit))
    return float(found.root) * se
