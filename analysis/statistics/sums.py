"""Means of millions of clustered votes, from sums: what is held grows with the voters, not with the votes.

The estimate of :func:`analysis.statistics.estimates.clustered_mean`, for votes that come an anchor at a time. Knows arrays; knows
nothing of events.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.statistics.estimates import NOTHING, Estimate, student


class ClusteredSums:
    """Values clustered on anchors and personas, taken an anchor at a time.

    Of each cluster only two sums are kept: how many values, n, and their sum, s. Its residual is s - n * mean, and a
    variance needs the squares of residuals, summed over clusters: s @ s - 2 * mean * n @ s + mean**2 * n @ n, which is
    exact where values are whole numbers, as votes are.
    """

    def __init__(self) -> None:
        self._anchors: list[tuple[float, float]] = []
        self._n, self._s = np.zeros(0), np.zeros(0)
        self._pairs, self._paired = np.zeros(3), 0

    def add(self, personas: NDArray[np.integer], values: ArrayLike) -> None:
        """Take all values about one anchor.

        Args:
            personas: shape (k,), indices from 0, whose values they are; one persona may have several.
            values: shape (k,), finite.
        """
        x = np.asarray(values, dtype=np.float64)
        if not x.size:
            return
        first, after = int(personas.min()), int(personas.max()) + 1
        if after - first == x.size and bool((np.diff(personas) == 1).all()):
            n, s = np.ones(x.size), x
        else:
            at = personas - first
            n, s = (np.bincount(at, weights).astype(np.float64) for weights in (None, x))
        if after > len(self._n):
            self._n, self._s = (np.pad(column, (0, after - len(column))) for column in (self._n, self._s))
        self._n[first:after] += n
        self._s[first:after] += s
        self._anchors.append((float(x.size), float(x.sum())))
        self._pairs += _squares(n, s)
        self._paired += int(np.count_nonzero(n))

    def mean(self, *, null: float = 0.0, level: float = 0.95) -> Estimate:
        """Return the mean with the interval and the ``p`` of :func:`analysis.statistics.estimates.clustered_mean`."""
        if not self._anchors:
            return NOTHING
        n, s = np.array(self._anchors).T
        total, summed = int(n.sum()), float(s.sum())
        mean = Fraction(summed) / total
        groups = len(n), int(np.count_nonzero(self._n))
        of_anchors = _variance(_squares(n, s), groups[0], total, mean)
        of_personas = _variance(_squares(self._n, self._s), groups[1], total, mean)
        variance = of_anchors + of_personas - _variance(self._pairs, self._paired, total, mean)
        if not variance > 0:
            variance = max(of_anchors, of_personas)
        return student(summed / total, variance, min(groups) - 1, total, groups, null, level)


def _squares(n: NDArray[np.float64], s: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([s @ s, n @ s, n @ n])


def _variance(squares: NDArray[np.float64], groups: int, total: int, mean: Fraction) -> float:
    if groups < 2:
        return float("nan")
    ss, ns, nn = (Fraction(float(each)) for each in squares)
    return float((ss - 2 * mean * ns + mean * mean * nn) * groups / ((groups - 1) * total**2))
