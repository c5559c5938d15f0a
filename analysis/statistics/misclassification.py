"""Rates corrected for a rater's errors: sensitivity, specificity, Rogan and Gladen's estimator, and where it stops to be one.

A rater who finds a share q of what happens with sensitivity s and specificity c of a true share r finds ``q = s r + (1 - c)(1 - r)``. Solved for r
that is Rogan & Gladen, "Estimating prevalence from the results of a screening test" (American Journal of Epidemiology 1978):
``r = (q + c - 1) / (s + c - 1)``; for language models that judge, with the uncertainty of s and c: Lee et al., arXiv 2511.21140.
The divisor is Youden's index J ("Index for rating diagnostic tests", Cancer 1950): a rater with J near 0 says nothing, and the correction
blows up whatever there was.

Knows samples and shares; knows nothing of messages, arms or probes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from analysis.statistics.estimates import Estimate
from analysis.statistics.two_phase import Floats, Linear, Resampled, TwoPhaseSample

LEAST_YOUDEN = 0.2
"""Youden's index below which nothing is corrected."""
LEAST_LABELLED = 50
"""Labelled positives, and negatives, that an arm needs to be corrected by its own errors."""
LEVEL = 0.95


@dataclass(frozen=True)
class Misclassification:
    """How often a rater errs, over units that count in ``weights``.

    Attributes:
        sensitivity: share of true yes that the rater found; ``specificity``: of true no that it passed over. NaN without any.
        positives, negatives: labelled units behind them (of a divided label, what most said).
    """

    sensitivity: Linear
    specificity: Linear
    positives: int
    negatives: int

    @classmethod
    def of(cls, sample: TwoPhaseSample, weights: Floats) -> Misclassification:
        """Return that of a sample, each labelled unit weighted by how many it stands for."""
        pseudo, total, said = sample.pseudo(weights), sample.sums(weights), sample.said
        labelled = sample.truth[sample.labelled & (weights > 0)]
        counts = int((labelled > 0.5).sum()), int((labelled < 0.5).sum())
        yes, no = float(weights @ pseudo), float(weights @ (1 - pseudo))
        if not (yes > 0 and no > 0):
            none = Linear(float("nan"), np.zeros(len(sample)), np.zeros(len(said)))
            return cls(none, none, *counts)
        found = float((weights * sample.found) @ pseudo) / yes
        passed = float((weights * (1 - sample.found)) @ (1 - pseudo)) / no
        return cls(
            Linear(found, weights * pseudo * (sample.found - found) / yes, total * (said - found) / yes),
            Linear(
                passed, weights * (1 - pseudo) * (1 - sample.found - passed) / no, -total * (1 - said - passed) / no
            ),
            *counts,
        )

    @property
    def youden(self) -> float:
        """Sensitivity plus specificity less 1: 1 for a rater without error, 0 for one that says the same whatever is there."""
        return self.sensitivity.value + self.specificity.value - 1

    @property
    def refused(self) -> str:
        """Why nothing is corrected by it; empty where it can be."""
        if np.isnan(self.youden):
            return "no labelled message is a yes, or none is a no"
        if self.youden < LEAST_YOUDEN:
            return f"sensitivity plus specificity minus 1 is {self.youden:.2f}, below {LEAST_YOUDEN}"
        return ""

    @property
    def is_own(self) -> bool:
        """Whether the labels suffice to correct these units by errors of their own."""
        return min(self.positives, self.negatives) >= LEAST_LABELLED

    def corrected(self, rated: Linear) -> Linear:
        """Return a rated share as it would be without error (not cut off at 0 and 1), by the delta method."""
        found, passed, index = self.sensitivity, self.specificity, self.youden
        value = rogan_gladen(rated.value, found.value, passed.value)
        return Linear(
            float(value),
            (rated.influence + (1 - value) * passed.influence - value * found.influence) / index,
            (rated.gains + (1 - value) * passed.gains - value * found.gains) / index,
        )


def rogan_gladen(share: Any, sensitivity: Any, specificity: Any) -> Any:
    """Return the true share behind the share that a rater found; numbers or arrays. It may lie outside 0 .. 1.

    >>> round(rogan_gladen(0.26, 0.8, 0.9), 6)
    0.228571
    """
    return (share + specificity - 1) / (sensitivity + specificity - 1)


def corrected_draws(draws: Resampled, weights: Floats, errors: tuple[Floats, Floats], *, least: float = 0.0) -> Floats:
    """Return the corrected share of each draw, shape (draws,); NaN in draws whose rater has an index of ``least`` or less.

    Args:
        errors: sensitivity and specificity of each draw; the same arrays for all arms share what labels leave open.
    """
    index = errors[0] + errors[1] - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(index > least, rogan_gladen(draws.rated(weights), *errors), np.nan)


def percentiles(value: float, drawn: Floats, n: int, clusters: int, level: float = LEVEL) -> Estimate:
    """Return a number with the percentile interval of its draws; without one where more draws lack a value than an end holds."""
    there = drawn[~np.isnan(drawn)]
    tail = (1 - level) / 2
    if np.isnan(value) or clusters < 2 or 1 - len(there) / max(1, len(drawn)) > tail:
        return Estimate(value, float("nan"), float("nan"), n, (clusters,))
    low, high = np.quantile(there, (tail, 1 - tail))
    if low == high:
        return Estimate(value, float("nan"), float("nan"), n, (clusters,))
    p = min(1.0, 2 * float(min((there <= 0).mean(), (there >= 0).mean())))
    return Estimate(value, float(low), float(high), n, (clusters,), float(there.std()), max(p, 1 / len(drawn)))


class TippingPoint(msgspec.Struct, frozen=True):
    """How far a rater's errors on one arm's messages would have to be from those on the other's to cancel a difference.

    Attributes:
        effect: the difference of true shares with equal errors.
        sensitivity, specificity: of the rater on the first arm's messages at which the difference is 0, the other one being
            equal; None where no value in 0 .. 1 does that.
        sensitivity_shift, specificity_shift: the same as a change from the common one.
    """

    effect: float
    sensitivity: float | None
    sensitivity_shift: float | None
    specificity: float | None
    specificity_shift: float | None


def tipping_point(share: float, other: float, sensitivity: float, specificity: float) -> TippingPoint:
    """Return at which errors on the first arm's messages the difference of two rated shares means nothing.

    With r the other arm's true share, the first arm's is r too if the rater's sensitivity there were ``(q - (1 - c)(1 - r)) / r``, or its
    specificity ``1 - (q - s r) / (1 - r)``.

    Args:
        share, other: what the rater found in the first arm and in the one that it is compared with.
    """
    true = float(rogan_gladen(other, sensitivity, specificity))
    effect = float(rogan_gladen(share, sensitivity, specificity)) - true
    at_sensitivity = (share - (1 - specificity) * (1 - true)) / true if true > 0 else float("inf")
    at_specificity = 1 - (share - sensitivity * true) / (1 - true) if true < 1 else float("inf")
    return TippingPoint(effect, *_reached(at_sensitivity, sensitivity), *_reached(at_specificity, specificity))


def _reached(value: float, common: float) -> tuple[float | None, float | None]:
    return (value, value - common) if 0 <= value <= 1 else (None, None)
