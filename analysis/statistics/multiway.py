"""Means over several runs whose votes hang together in several ways at once: of one seed, about one anchor, by one person.

**Variance.** That of Cameron, Gelbach & Miller, "Robust inference with multiway clustering" (JBES 2011): products of residuals, summed over
all pairs of values that share a cluster of any way, by inclusion and exclusion over the combinations of ways. They correct each part with
its factor ``G / (G - 1)``; here the whole sum is divided by ``1 - q``, with q the sum of the products of weights over the same pairs. For one
way of equal clusters that is the same factor. For crossed ways it is exact where theirs is too small, since a residual from the mean holds a
little of everybody: five seeds and 96 anchors in common give the anchors' share of the variance only 4/5 of its size without it. The sum can
come out too small by chance, even negative; it is never taken to be less than the largest part of a single way.

**Degrees of freedom.** Those of Satterthwaite, "An approximate distribution of estimates of variance components" (Biometrics 1946), from the
parts of the single ways: ``V^2 / sum(V_k^2 / d_k)`` with ``d_k = G_k - 1``, and never fewer than the smallest d_k. So a part that is small does
not lend its many clusters to one that is large, nor the other way round. Where clusters are of unequal weights w, d_k shrinks by
``1 / (G * sum(w^2))``; where strata share no cluster, each has a mean of its own, and costs one.

**Strata.** What is held fixed, trainings say, has a mean of its own from which its residuals are taken (``within``): then the interval speaks
of other anchors and people, and of no other training.

Without any differences between seeds, anchors and people the interval is wide: that they do not differ is nothing that few seeds can
show. Which form was chosen, and how often it covers: docs/decisions/0077-what-an-interval-says.md.

Whether anchors and people are shared by seeds or drawn for each does not matter here: what counts is who is who. So ways are identities
over all runs: of persons those of :meth:`analysis.readings.originals.Originals.ids`, a copy being the person it copies.

Knows arrays; knows nothing of events, arms or probes. What is held grows with the cells (combinations that occur), and time with the
values: ten million take one to three seconds of a core.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import combinations
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.statistics.estimates import NOTHING, Estimate, student

Labels = Sequence[Any] | NDArray[Any]
"""n labels: equal ones are one cluster. Whole numbers from about 0 are fast."""

Floats = NDArray[np.float64]
Numbers = float | Floats
_Codes = tuple[NDArray[np.int64], int]
"""The cluster of each value, 0 .. G - 1, all of which occur; and G."""

DENSE = 1 << 22
"""So many numbers are counted rather than sorted, however few occur."""
_TABLE, _EMPTY = 1 << 20, 4
"""Clusters times strata up to which sums are held in a table; above, where at most so many of its places stand for one cell; else those
that are not 0 are held."""


def multiway_mean(
    values: ArrayLike,
    ways: Sequence[Labels],
    *,
    counts: ArrayLike | None = None,
    within: Labels | None = None,
    null: float = 0.0,
    level: float = 0.95,
) -> Estimate:
    """Return the mean of ``values`` with an interval that is robust to clustering in each of the ways.

    Args:
        values: shape (n,), finite; with ``counts``, the sum of the values that each row stands for.
        ways: shape (n,) each, one or more: seed, anchor and person, say.
        counts: shape (n,), how many values each row stands for, above 0; by default 1.
        within: shape (n,), what is held fixed: the training that each value is of, say; by default nothing.
        null: the mean against which ``p`` tests.
        level: coverage, in 0 .. 1.

    Returns:
        The estimate, its ``clusters`` and ``parts`` in the order of the ways; without an interval where a way has a single cluster, which says
        nothing of others.
    """
    x = np.asarray(values, dtype=np.float64)
    n = np.ones(len(x)) if counts is None else np.asarray(counts, dtype=np.float64)
    if not x.size:
        return NOTHING
    strata = _codes(np.zeros(len(x), dtype=np.int64) if within is None else np.asarray(within))
    share = np.bincount(strata[0], n) / n.sum()
    return _Cells(ways, strata, x, n).estimate(share, null, level)


def multiway_difference(
    values: ArrayLike,
    treated: ArrayLike,
    ways: Sequence[Labels],
    *,
    counts: ArrayLike | None = None,
    within: Labels | None = None,
    null: float = 0.0,
    level: float = 0.95,
) -> Estimate:
    """Return the mean of the ``treated`` values less that of the others, with an interval as :func:`multiway_mean` has it.

    Values of one cluster on either side count as hanging together: where both sides have the same seeds, anchors and people, what
    these have in common drops out, as in differences that are taken within each seed.

    Args:
        treated: shape (n,), true for the values of the first mean; both sides have some.
        values, ways, counts, within, null, level: as there.
    """
    x, first = np.asarray(values, dtype=np.float64), np.asarray(treated, dtype=bool)
    n = np.ones(len(x)) if counts is None else np.asarray(counts, dtype=np.float64)
    if not first.any() or first.all():
        return NOTHING
    sides = _codes((~first).astype(np.int64))
    strata = sides if within is None else _joint(sides, _codes(np.asarray(within)))
    sign = np.zeros(strata[1])
    sign[strata[0]] = np.where(first, 1.0, -1.0)
    size = np.bincount(strata[0], n)
    return _Cells(ways, strata, x, n).estimate(
        sign * size / np.where(sign > 0, size[sign > 0].sum(), size[sign < 0].sum()), null, level
    )


class _Cells:
    """The combinations of clusters and strata that occur; all parts of a variance are sums over them.

    An estimate is ``sum(share_k * mean_k)`` over strata k, and its variance the sum over pairs of them.
    """

    def __init__(self, ways: Sequence[Labels], strata: _Codes, values: Floats, counts: Floats) -> None:
        codes = [_codes(np.asarray(way)) for way in ways]
        self._groups = tuple(size for _, size in codes)
        of, cells = reduce(_joint, [*codes, strata])
        row = np.empty(cells, dtype=np.int64)
        row[of] = np.arange(len(of))  # of each cell, one of its rows
        self._ways = [(way[row], size) for way, size in codes]
        self._stratum, self._strata = strata[0][row], strata[1]
        sums, sizes = np.bincount(of, values, minlength=cells), np.bincount(of, counts, minlength=cells)
        total = np.bincount(self._stratum, sizes)
        self._means: Floats = np.bincount(self._stratum, sums) / total
        self._n = round(float(counts.sum()))
        self._weights = sizes / total[self._stratum]
        """Of each cell in its stratum, where they add up to 1."""
        self._residuals = (sums - self._means[self._stratum] * sizes) / total[self._stratum]

    def estimate(self, share: Floats, null: float, level: float) -> Estimate:
        """Return the estimate for what each stratum counts, shape (strata,)."""
        value = float(share @ self._means)
        if min(self._groups) < 2:
            return student(value, float("nan"), 0.0, self._n, self._groups, null, level)
        pairs = np.zeros((2, self._strata, self._strata))
        single: list[tuple[float, float]] = []
        for k in range(1, len(self._ways) + 1):
            for chosen in combinations(self._ways, k):
                codes = reduce(_joint, chosen)
                products = self._products(codes)
                pairs += products if k % 2 else -products
                if k == 1:
                    single.append((_variance(products, share), self._dof(codes, share)))
        parts = tuple(part for part, _ in single)
        variance, dof = (float(x) for x in floored(_variance(pairs, share), parts, [dof for _, dof in single]))
        found = student(value, variance, dof, self._n, self._groups, null, level, parts)
        return msgspec.structs.replace(found, skew=self._skew(share, found.se)) if found.se > 0 else found

    def _skew(self, share: Floats, se: float) -> float:
        """Return the skewness of the estimate: the cubes of what the clusters of each way add to it, over the cube of its standard error."""
        added = self._residuals * share[self._stratum]
        return sum(float((np.bincount(of, added) ** 3).sum()) for of, _ in self._ways) / se**3

    def _products(self, codes: _Codes) -> NDArray[np.float64]:
        """Return the products of residuals, and of weights, summed over all pairs of values in one cluster: shape (2, strata, strata)."""
        return np.stack([self._gram(codes, each) for each in (self._residuals, self._weights)])

    def _gram(self, codes: _Codes, terms: Floats) -> Floats:
        table = self._table(codes, terms)
        product = table.T @ table
        return product if isinstance(product, np.ndarray) else product.toarray()

    def _table(self, codes: _Codes, terms: Floats) -> Any:
        """Return the sum of terms by cluster and stratum, shape (clusters, strata)."""
        of, groups = codes
        if groups * self._strata <= max(_TABLE, _EMPTY * len(terms)):
            at = of * self._strata + self._stratum
            return np.bincount(at, terms, minlength=groups * self._strata).reshape(groups, self._strata)
        from scipy.sparse import csr_array

        return csr_array((terms, (of, self._stratum)), shape=(groups, self._strata))

    def _dof(self, codes: _Codes, share: Floats) -> float:
        """Return the degrees of freedom of the part of one way."""
        of, groups = codes
        weight = np.bincount(of, self._weights * np.abs(share)[self._stratum]) / np.abs(share).sum()
        return (groups - self._apart(codes)) / (groups * float(weight @ weight))

    def _apart(self, codes: _Codes) -> int:
        """Return into how many groups the strata fall that have no cluster in common."""
        if self._strata == 1:
            return 1
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import connected_components

        (of, groups), size = codes, self._strata + codes[1]
        links = csr_array((np.ones(len(of)), (self._stratum, self._strata + of)), shape=(size, size))
        return min(int(connected_components(links, directed=False)[0]), groups)


def floored(total: Numbers, parts: Sequence[Numbers], dofs: Sequence[float]) -> tuple[Floats, Floats]:
    """Return the variance that counts, and its degrees of freedom; of numbers, or of arrays of one shape: one study each.

    What plans a study calls this, too, so that it cannot have other intervals in mind than the study will get.

    Args:
        total: by inclusion and exclusion.
        parts: of the single ways, and ``dofs``: their degrees of freedom; a way that has 0 does not vary within what is held fixed.
    """
    terms = [np.asarray(each, dtype=np.float64) for each in (total, *parts)]
    variance = np.maximum.reduce(terms)
    spread = np.add.reduce([part**2 / dof if dof else 0.0 * part for part, dof in zip(terms[1:], dofs, strict=True)])
    least = min((dof for dof in dofs if dof), default=1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return variance, np.where(spread > 0, np.maximum(variance**2 / spread, least), 1.0)


def _variance(pairs: NDArray[np.float64], share: Floats) -> float:
    """Return the variance of ``sum(share_k * mean_k)``: sums over pairs of strata, each without what its means took from residuals.

    Where all pairs of values of two strata share a cluster, residuals say nothing of it, and add up to 0.
    """
    products, q = pairs
    rest = 1.0 - q
    known = rest > 1e-9
    return float(share @ np.where(known, products / np.where(known, rest, 1.0), 0.0) @ share)


def _joint(one: _Codes, other: _Codes) -> _Codes:
    """Return the combinations of two clusterings."""
    return _codes(one[0] * other[1] + other[0])


def _codes(labels: NDArray[Any]) -> _Codes:
    if labels.dtype.kind in "iub":
        low = int(labels.min())
        span = int(labels.max()) - low + 1
        if span <= max(DENSE, 4 * len(labels)):
            at = labels.astype(np.int64) - low
            occurs = np.bincount(at, minlength=span) > 0
            return (np.cumsum(occurs) - 1)[at], int(occurs.sum())
    groups, codes = np.unique(labels, return_inverse=True)
    return codes.astype(np.int64), len(groups)
