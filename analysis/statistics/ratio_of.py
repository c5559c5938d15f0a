"""A ratio of two estimates, with Fieller's interval. Knows estimates; knows nothing of what they measure."""

from __future__ import annotations

from math import isnan, nan, sqrt

from analysis.statistics.estimates import Estimate


def ratio_of(numerator: Estimate, denominator: Estimate, covariance: float) -> Estimate:
    """Return ``numerator / denominator`` with the interval of Fieller, "Some problems in interval estimation" (JRSS B 16, 1954).

    The interval holds every r for which ``numerator - r * denominator`` does not differ from 0. It has no bounds where the denominator
    itself does not differ from 0: then it is NaN, as the value is, for a ratio to something that may be nothing says nothing.

    Args:
        numerator, denominator: estimates with standard errors, of the same clusters.
        covariance: of both.
    """
    d, se = denominator.value, denominator.se
    if isnan(numerator.value) or isnan(denominator.low) or not se > 0 or denominator.low <= 0 <= denominator.high:
        return Estimate(nan, nan, nan, numerator.n, numerator.clusters)
    t, r = (denominator.high - denominator.low) / (2 * se), numerator.value / d
    v, w = numerator.se**2, se**2
    g = (t * se / d) ** 2
    inside = v - 2 * r * covariance + r**2 * w - g * (v - covariance**2 / w)
    if not inside >= 0:
        return Estimate(r, nan, nan, numerator.n, numerator.clusters)
    middle, half = (r - g * covariance / w) / (1 - g), t / abs(d) * sqrt(inside) / (1 - g)
    delta = sqrt(max(v - 2 * r * covariance + r**2 * w, 0.0)) / abs(d)
    return Estimate(r, middle - half, middle + half, numerator.n, numerator.clusters, delta)
