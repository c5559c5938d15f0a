"""How far judges agree beyond chance: Cohen's kappa, Krippendorff's alpha, raw agreement and prevalence.

Knows tables of codes; knows nothing of judges, messages or probes. Intervals are percentiles of a bootstrap over units
(messages): units alike are drawn as counts of their pattern, so that 2,000 draws cost as much as one.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.statistics.estimates import Estimate, rate
from moloch import keyed

MISSING = -1
"""The code of a rater who gave no verdict."""
DRAWS = 2000

Counts = NDArray[np.float64]
"""How often each pattern of ratings occurs, shape (draws, patterns)."""


class Pair(msgspec.Struct, frozen=True):
    """Two raters of the same units.

    Attributes:
        kappa: Cohen's; NaN where both gave one and the same code throughout.
        raw: share of units on which they agree, Wilson interval.
        first, second: share of units with a code other than 0, of each.
    """

    kappa: Estimate
    raw: Estimate
    first: Estimate
    second: Estimate


def pair(first: ArrayLike, second: ArrayLike) -> Pair:
    """Return how two raters agree on the units that both rated.

    Args:
        first, second: shape (units,), codes 0, 1, ...; :data:`MISSING` for none.
    """
    a, b = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
    both = (a >= 0) & (b >= 0)
    a, b = a[both], b[both]
    kappa = bootstrapped(np.stack([a, b], axis=1), cohen_kappa)
    return Pair(kappa, rate(a == b), rate(a > 0), rate(b > 0))


def alpha(ratings: ArrayLike) -> Estimate:
    """Return Krippendorff's alpha for nominal codes; units that fewer than two raters rated say nothing.

    Args:
        ratings: shape (units, raters), codes 0, 1, ...; :data:`MISSING` for none.
    """
    table = np.asarray(ratings, dtype=np.int64)
    return bootstrapped(table[(table >= 0).sum(axis=1) >= 2], krippendorff_alpha)


def bootstrapped(table: NDArray[np.int64], statistic: Callable[[NDArray[np.int64], Counts], Counts]) -> Estimate:
    """Return a statistic with the 95 % percentile interval of a bootstrap over the rows of ``table``.

    Draws in which the statistic does not exist are left out; without an interval where it exists in fewer than half.

    Args:
        table: shape (units, columns).
        statistic: (patterns, shape (p, columns); how often each occurs, shape (draws, p)) -> values, shape (draws,).
    """
    n = len(table)
    nan = float("nan")
    if n == 0:
        return Estimate(nan, nan, nan, 0)
    patterns, counts = np.unique(table, axis=0, return_counts=True)
    value = float(statistic(patterns, counts[None].astype(np.float64))[0])
    drawn = keyed.generator("agreement", n).multinomial(n, counts / n, size=DRAWS)
    values = statistic(patterns, drawn.astype(np.float64))
    values = values[~np.isnan(values)]
    if np.isnan(value) or n < 2 or values.size < DRAWS / 2:
        return Estimate(value, nan, nan, n)
    low, high = np.quantile(values, (0.025, 0.975))
    return Estimate(value, float(low), float(high), n, (), float(values.std()))


def cohen_kappa(patterns: NDArray[np.int64], counts: Counts) -> Counts:
    """Return Cohen's kappa: Cohen, "A coefficient of agreement for nominal scales" (1960).

    Args:
        patterns: shape (p, 2): the codes of both raters.
        counts: shape (draws, p).
    """
    codes = np.arange(patterns.max(initial=0) + 1)
    total = counts.sum(axis=1)
    of_first = counts @ (patterns[:, :1] == codes)
    of_second = counts @ (patterns[:, 1:] == codes)
    observed = counts @ (patterns[:, 0] == patterns[:, 1]) / total
    expected = (of_first * of_second).sum(axis=1) / total**2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected < 1, (observed - expected) / (1 - expected), np.nan)


def krippendorff_alpha(patterns: NDArray[np.int64], counts: Counts) -> Counts:
    """Return alpha for nominal codes: Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), section C.

    Args:
        patterns: shape (p, raters), :data:`MISSING` for none; each with two or more ratings.
        counts: shape (draws, p).
    """
    codes = np.arange(patterns.max(initial=0) + 1)
    per_unit = (patterns[:, :, None] == codes).sum(axis=1).astype(np.float64)
    ratings = per_unit.sum(axis=1)
    agreeing = (per_unit * (per_unit - 1)).sum(axis=1) / (ratings - 1)  # the diagonal of the matrix of coincidences
    n, of_code = counts @ ratings, counts @ per_unit
    observed = n - counts @ agreeing
    expected = n**2 - (of_code**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - (n - 1) * observed / expected, np.nan)


def f1(patterns: NDArray[np.int64], counts: Counts) -> Counts:
    """Return the F1 score of found against true labels, shape (p, 2) of 0 and 1; NaN where neither has a 1."""
    both = counts @ (patterns.min(axis=1) == 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 2 * both / (counts @ patterns.sum(axis=1))
