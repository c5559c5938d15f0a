"""What may be concluded from an estimate and a margin that was fixed before: one of four words.

Two tests stand side by side: that of an effect (two-sided, its interval that of coverage 1 - alpha), and that of equivalence, which is two
one-sided tests of "at least as far from 0 as the margin" (TOST; Schuirmann 1987), whose interval has coverage 1 - 2 alpha.

Trainings that move much raise a mean and its variance together: estimates that are too low by chance then come with too small a standard
error, and equivalence is called too often. So each of its two tests has a critical value that grows with the skewness g on its side, by the
first term of Johnson's expansion of t ("Modified t tests and confidence intervals for asymmetrical populations", JASA 1978):
``t + max(g, 0) (2 t^2 + 1) / 6`` above, and with ``max(-g, 0)`` below. It never shrinks: a skewness that few clusters show is no reason to claim
more. The test of an effect needs no such term (docs/decisions/0111-equivalence-and-skewness.md).

| effect found | equivalent | word |
|---|---|---|
| yes | no | ``effect`` |
| yes | yes | ``effect, smaller than the margin`` |
| no | yes | ``equivalent to none`` |
| no | no | ``cannot tell`` |

That no effect was found is no finding: without a margin there is no ``equivalent to none``. Knows estimates only; margins have their unit.
"""

from __future__ import annotations

from bisect import bisect_left
from math import isnan, sqrt
from typing import Literal

import msgspec
from scipy import stats

from analysis.statistics.estimates import POWER, Estimate

Word = Literal["effect", "effect, smaller than the margin", "equivalent to none", "cannot tell"]
NAN = float("nan")
MOST_SEEDS = 1000
"""Seeds of which no study is planned: what needs more is said otherwise."""


class Conclusion(msgspec.Struct, frozen=True):
    """What may be concluded.

    Attributes:
        low_90, high_90: the interval of the equivalence test; NaN where there is none. Its coverage is 1 - 2 alpha: 90 % by default.
        p_equivalence: the larger of the two one-sided p, before any correction; NaN without a margin or an interval.
        needs: what it would take to tell, where it cannot be told; else empty.
    """

    word: Word
    low_90: float
    high_90: float
    p_equivalence: float
    needs: str = ""


def conclude(
    estimate: Estimate,
    margin: float | None,
    *,
    p: float | None = None,
    p_equivalence: float | None = None,
    alpha: float = 0.05,
) -> Conclusion:
    """Return what may be concluded of a difference whose null is 0.

    Args:
        estimate: the difference.
        margin: the smallest difference that would matter, above 0, fixed before the results; None where none was.
        p: of the effect, corrected over its family; by default the estimate's own.
        p_equivalence: of equivalence, corrected over its family; by default the larger of the two one-sided p.
        alpha: level of each of the two tests.

    Raises:
        ValueError: the margin is not above 0.
    """
    if margin is not None and not margin > 0:
        raise ValueError(f"a margin is above 0, not {margin}")
    low, high = equivalence_interval(estimate, alpha)
    own = tost(estimate, margin)
    found = (estimate.p if p is None else p) < alpha
    equivalent = (own if p_equivalence is None else p_equivalence) < alpha
    word: Word = "cannot tell"
    if found:
        word = "effect, smaller than the margin" if equivalent else "effect"
    elif equivalent:
        word = "equivalent to none"
    needs = _needs(estimate, margin, alpha) if word == "cannot tell" else ""
    return Conclusion(word, low, high, own, needs)


def tost(estimate: Estimate, margin: float | None) -> float:
    """Return the larger of the p of "at or below -margin" and of "at or above margin"; NaN without a margin or an interval."""
    if margin is None or isnan(estimate.low):
        return NAN
    above = _p_beyond((margin - estimate.value) / estimate.se, max(estimate.skew, 0.0), estimate.dof)
    below = _p_beyond((margin + estimate.value) / estimate.se, max(-estimate.skew, 0.0), estimate.dof)
    return max(above, below)


def equivalence_interval(estimate: Estimate, alpha: float = 0.05) -> tuple[float, float]:
    """Return the interval of the equivalence test, of coverage 1 - 2 alpha: it lies within the margin where :func:`tost` is below ``alpha``.

    NaN for both ends where there is none.
    """
    if isnan(estimate.low):
        return NAN, NAN
    t = estimate.quantile(1 - alpha)
    low, high = (t + max(skew, 0.0) * (2 * t * t + 1) / 6 for skew in (-estimate.skew, estimate.skew))
    return estimate.value - low * estimate.se, estimate.value + high * estimate.se


def _p_beyond(distance: float, skew: float, dof: float) -> float:
    """Return the p of "at or beyond the margin", which is ``distance`` standard errors off.

    The t whose critical value ``t + skew (2 t^2 + 1) / 6`` is the distance; 1 where none is.
    """
    t = distance
    if skew:
        under = 1 - 4 * (skew / 3) * (skew / 6 - distance)
        if under < 0:
            return 1.0
        t = (sqrt(under) - 1) / (2 * skew / 3)
    return float(stats.norm.sf(t) if isnan(dof) else stats.t.sf(t, dof))


def seeds_for(estimate: Estimate, margin: float, alpha: float = 0.05) -> int | None:
    """Return about how many seeds can tell: find an effect of the size of the margin, and show equivalence of none, each with power 0.8.

    Of the variance, the seeds' part shrinks as they grow in number; the rest stays, which is of anchors and people that they share.

    Args:
        estimate: whose first dimension of clusters is seeds, with its parts.

    Returns:
        The number; None where none up to :data:`MOST_SEEDS` is enough.
    """
    of_seeds = min(estimate.parts[0], estimate.se**2)
    rest = estimate.se**2 - of_seeds
    others = max(1, min(estimate.clusters[1:], default=2) - 1)

    def enough(n: int) -> bool:
        part = of_seeds * estimate.clusters[0] / n
        dof = (part + rest) ** 2 / (part**2 / (n - 1) + rest**2 / others)
        effect = stats.t.ppf(1 - alpha / 2, dof) + stats.t.ppf(POWER, dof)
        equivalence = stats.t.ppf(1 - alpha, dof) + stats.t.ppf(0.5 + POWER / 2, dof)
        return float(max(effect, equivalence)) * sqrt(part + rest) <= margin

    return bisect_left(range(MOST_SEEDS + 1), True, lo=2, key=enough) if enough(MOST_SEEDS) else None


def _needs(estimate: Estimate, margin: float | None, alpha: float) -> str:
    if estimate.no_variation:
        return "no variation: all differences are equal"
    if isnan(estimate.low):
        return "needs at least 2 seeds"
    if margin is None:
        return f"no margin is declared; an effect of {100 * estimate.detectable:.1f} points can be found (80 % power)"
    if not estimate.parts:
        return f"needs an interval {estimate.detectable / margin:.1f} times as narrow"
    seeds = seeds_for(estimate, margin, alpha)
    if seeds is None:
        return "more seeds alone would not suffice: needs other anchors and people, too"
    if seeds <= estimate.clusters[0]:
        return "needs a repetition: the design can find the margin with 80 % power, and this time did not"
    return f"about {seeds} seeds would tell {100 * margin:g} points from none"
