"""Estimates with their uncertainty: clustered means, paired differences, rates, relative changes.

Knows arrays; knows nothing of events, arms or probes. Intervals are 95 % unless ``level`` says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isnan, sqrt
from statistics import NormalDist
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.statistics.ratios import fieller

_NORMAL = NormalDist()
POWER = 0.8
"""The power at which minimum detectable differences are stated."""


class Estimate(msgspec.Struct, frozen=True):
    """A number with its interval.

    Attributes:
        value, low, high: in the unit of the data; ``low`` and ``high`` are NaN where the data cannot give them.
        n: observations.
        clusters: the number of clusters along each dimension, () where observations are independent.
        se: standard error; 0 with no interval where nothing varies.
        p: two-sided p-value against the null that the function names; NaN where there is none.
        dof: degrees of freedom of Student's t; NaN where the interval is a normal one, or there is none.
        parts: the variance that each dimension of ``clusters`` gives by itself, in their order; () where nobody said.
        skew: the skewness of the estimate itself (third central moment over ``se ** 3``), from the same clusters; 0 where nobody said.
    """

    value: float
    low: float
    high: float
    n: int
    clusters: tuple[int, ...] = ()
    se: float = float("nan")
    p: float = float("nan")
    dof: float = float("nan")
    parts: tuple[float, ...] = ()
    skew: float = 0.0

    def __str__(self) -> str:
        value, low, high = ("–" if isnan(x) else f"{x:.3f}" for x in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}] n={self.n}" if self.n else "–"

    def within(self, low: float, high: float) -> Estimate:
        """Return it with its interval cut off where the quantity cannot be: a share's at 0 and 1. Coverage stays as it is."""
        return msgspec.structs.replace(self, low=max(self.low, low), high=min(self.high, high))

    @property
    def detectable(self) -> float:
        """The smallest true difference from the null that a 5 % two-sided test finds with power 0.8.

        ``(q(.975) + q(.8)) * se`` with quantiles of Student's t, or of the normal distribution (2.80 in all) without degrees of
        freedom; NaN where there is no interval.
        """
        return float("nan") if isnan(self.low) else (self.quantile(0.975) + self.quantile(POWER)) * self.se

    @property
    def no_variation(self) -> bool:
        """Whether all clusters are alike, as those of identical twins are: there is a value, and nothing to say how far it might be off."""
        return self.se == 0 and isnan(self.low)

    def quantile(self, share: float) -> float:
        """Return the quantile of the estimate's own distribution, in standard errors: Student's t, or normal without ``dof``."""
        return _NORMAL.inv_cdf(share) if isnan(self.dof) else float(stats.t.ppf(share, self.dof))

    def interval(self, level: float) -> tuple[float, float]:
        """Return the symmetric interval ``value -+ q * se`` of a coverage; NaN for both where there is none.

        It is not cut off where the quantity cannot be, and is not the interval of those estimates that have one of their own shape (Wilson's,
        Fieller's).
        """
        if isnan(self.low):
            return float("nan"), float("nan")
        half = self.quantile(0.5 + level / 2) * self.se
        return self.value - half, self.value + half


NOTHING = Estimate(float("nan"), float("nan"), float("nan"), 0)


def of_plain(numbers: Mapping[str, Any]) -> Estimate:
    """Return the estimate that :func:`plain` made JSON of; numbers that are None or were left out are NaN."""
    names = ("value", "low", "high", "se", "p", "dof")
    value, low, high, se, p, dof = (
        float("nan") if numbers.get(name) is None else float(numbers[name]) for name in names
    )
    return Estimate(value, low, high, int(numbers.get("n") or 0), (), se, p, dof)


def clustered_mean(
    values: ArrayLike,
    cluster_a: Sequence[object] | NDArray,
    cluster_b: Sequence[object] | NDArray | None = None,
    *,
    null: float = 0.0,
    level: float = 0.95,
) -> Estimate:
    """Return the mean of ``values`` with an interval that is robust to clustering in one or two dimensions.

    The variance is ``V_a + V_b - V_ab`` of Cameron, Gelbach & Miller, "Robust inference with multiway
    clustering" (JBES 2011), each part with its factor ``G / (G - 1)``; where the sum is not positive it is
    replaced by the larger of ``V_a`` and ``V_b``. The interval uses Student's t with ``min(G) - 1`` degrees of
    freedom.

    Args:
        values: shape (n,).
        cluster_a, cluster_b: shape (n,); the cluster of each value along each dimension.
        null: the mean against which ``p`` tests.
        level: coverage, in 0 .. 1.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.size == 0:
        return NOTHING
    a, groups_a = _codes(cluster_a)
    mean = float(x.mean())
    residuals = x - mean
    variance = variance_a = _cluster_variance(residuals, a, groups_a)
    groups: tuple[int, ...] = (groups_a,)
    if cluster_b is not None:
        b, groups_b = _codes(cluster_b)
        groups = (groups_a, groups_b)
        variance_b = _cluster_variance(residuals, b, groups_b)
        both, groups_both = _codes(a * groups_b + b)
        variance = variance_a + variance_b - _cluster_variance(residuals, both, groups_both)
        if not variance > 0:
            variance = max(variance_a, variance_b)
    return student(mean, variance, min(groups) - 1, int(x.size), groups, null, level)


def _codes(labels: Sequence[object] | NDArray) -> tuple[NDArray[np.int64], int]:
    if isinstance(labels, np.ndarray):
        groups, codes = np.unique(labels, return_inverse=True)
        return codes, len(groups)
    numbers: dict[object, int] = {}
    codes = np.fromiter((numbers.setdefault(item, len(numbers)) for item in labels), dtype=np.int64, count=len(labels))
    return codes, len(numbers)


def _cluster_variance(residuals: NDArray[np.float64], codes: NDArray[np.int64], groups: int) -> float:
    if groups < 2:
        return float("nan")
    sums = np.bincount(codes, weights=residuals, minlength=groups)
    return groups / (groups - 1) * float(sums @ sums) / residuals.size**2


def student(
    mean: float,
    variance: float,
    dof: float,
    n: int,
    groups: tuple[int, ...],
    null: float,
    level: float,
    parts: tuple[float, ...] = (),
) -> Estimate:
    """Return the estimate with Student's interval and p.

    Without both where there is a single cluster (a standard error of NaN), or where all clusters are alike (of 0), which says nothing of
    their spread.
    """
    if not dof > 0 or isnan(variance):
        return Estimate(mean, float("nan"), float("nan"), n, groups, parts=parts)
    if not variance > (1e-12 * max(abs(mean), abs(null))) ** 2:
        return Estimate(mean, float("nan"), float("nan"), n, groups, 0.0, parts=parts)
    se = sqrt(variance)
    half = float(stats.t.ppf(0.5 + level / 2, dof)) * se
    p = float(2 * stats.t.sf(abs(mean - null) / se, dof))
    return Estimate(mean, mean - half, mean + half, n, groups, se, p, float(dof), parts)


def rate(labels: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Return the share of ones among independent 0/1 ``labels`` with Wilson's score interval (JASA 1927)."""
    x = np.asarray(labels, dtype=np.float64)
    n = int(x.size)
    if n == 0:
        return NOTHING
    share = float(x.mean())
    z = _NORMAL.inv_cdf(0.5 + level / 2)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if share == 0 else max(0.0, centre - half)
    high = 1.0 if share == 1 else min(1.0, centre + half)
    return Estimate(share, low, high, n, (), sqrt(share * (1 - share) / n))


def paired_difference(after: ArrayLike, before: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Return ``mean(after - before)`` of 0/1 labels paired by position; pairs are independent (one per anchor).

    Interval: Bonett & Price, "Adjusted Wald confidence interval for a difference of binomial proportions based
    on paired data" (JEBS 2012), which keeps a width where no pair differs. ``p``: exact McNemar test.

    Args:
        after, before: shape (n,), 0 or 1.
    """
    y, x = np.asarray(after, dtype=np.int64), np.asarray(before, dtype=np.int64)
    if y.shape != x.shape:
        raise ValueError(f"pairs need equal shapes, not {y.shape} and {x.shape}")
    n = int(y.size)
    if n == 0:
        return NOTHING
    up, down = int(np.sum(y > x)), int(np.sum(y < x))
    p_up, p_down = (up + 1) / (n + 2), (down + 1) / (n + 2)
    se = sqrt((p_up + p_down - (p_up - p_down) ** 2) / (n + 2))
    half = _NORMAL.inv_cdf(0.5 + level / 2) * se
    centre = p_up - p_down
    p = float(stats.binomtest(up, up + down, 0.5).pvalue) if up + down else 1.0
    return Estimate((up - down) / n, max(-1.0, centre - half), min(1.0, centre + half), n, (n,), se, p)


def relative_change(after: ArrayLike, before: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Return ``mean(after) / mean(before) - 1`` of paired values, with Fieller's interval.

    Value and interval are NaN where ``before`` is zero throughout, the interval also where the mean of ``before`` cannot be told from 0: the
    relative change is undefined (:mod:`analysis.statistics.ratios`). Report it beside the base and the absolute difference, never alone.

    Args:
        after, before: shape (n,), not negative, paired by position.
    """
    y, x = np.asarray(after, dtype=np.float64), np.asarray(before, dtype=np.float64)
    n = int(y.size)
    if n == 0 or x.mean() == 0:
        return msgspec.structs.replace(NOTHING, n=n)
    ratio = float(y.mean() / x.mean())
    if n < 2:
        return Estimate(ratio - 1, float("nan"), float("nan"), n, (n,))
    of_after, of_base, of_difference = (float(each.var(ddof=1)) / n for each in (y, x, y - x))
    found = fieller(float(y.mean()), float(x.mean()), of_after, of_base, of_difference, n - 1, level)
    se = float((y - ratio * x).std(ddof=1) / sqrt(n)) / float(x.mean())
    return Estimate(found.value, found.low, found.high, n, (n,), se, dof=n - 1)


def mean_of(values: ArrayLike, *, null: float = 0.0, level: float = 0.95) -> Estimate:
    """Return the mean of independent ``values`` (seeds, say) with Student's interval; ``p`` tests against ``null``."""
    x = np.asarray(values, dtype=np.float64)
    return clustered_mean(x, np.arange(x.size), null=null, level=level)


def jackknife(
    parts: ArrayLike,
    clusters: Sequence[object],
    statistic: Callable[[NDArray[np.float64]], float],
    *,
    null: float = 0.0,
    level: float = 0.95,
) -> Estimate:
    """Return a smooth function of sums with the interval of the delete-one-cluster jackknife (Tukey 1958).

    The interval uses Student's t with clusters - 1 degrees of freedom; it is NaN where leaving a cluster out leaves the
    function without a value.

    Args:
        parts: shape (n, sums), what each observation adds to each sum.
        clusters: n labels.
        statistic: sums, shape (sums,), -> number.
    """
    x = np.asarray(parts, dtype=np.float64)
    codes, groups = _codes(clusters)
    if not len(x):
        return NOTHING
    by_cluster = np.zeros((groups, x.shape[1]))
    np.add.at(by_cluster, codes, x)
    total = by_cluster.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(total))
        without = np.array([statistic(total - part) for part in by_cluster])
    variance = (groups - 1) / groups * float(((without - without.mean()) ** 2).sum())
    return student(value, variance, groups - 1, len(x), (groups,), null, level)


def plain(value: Any) -> Any:
    """Return ``value`` as JSON can hold it: structs as mappings, NaN as None, six decimals."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, float):
        return None if value != value else round(value, 6)
    return [plain(each) for each in value] if isinstance(value, tuple | list) else value
