"""Means over several runs whose votes hang together in several ways at once: of one seed, about one anchor, by one person.

The variance is that of Cameron, Gelbach & Miller, "Robust inference with multiway clustering" (JBES 2011): by inclusion and exclusion over
all combinations of the ways, each part with its factor ``G / (G - 1)``. The sum can come out too small, even negative; it is never
taken to be less than the largest part of a single way. Intervals are Student's with ``min(G) - 1`` degrees of freedom, which covers and
is wide; without any differences between seeds, anchors and people it is wider still.

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

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.statistics.estimates import NOTHING, Estimate, student

Labels = Sequence[Any] | NDArray[Any]
"""n labels: equal ones are one cluster. Whole numbers from about 0 are fast."""

_Codes = tuple[NDArray[np.int64], int]
"""The cluster of each value, 0 .. G - 1, all of which occur; and G."""

DENSE = 1 << 22
"""So many numbers are counted rather than sorted, however few occur."""


def multiway_mean(
    values: ArrayLike,
    ways: Sequence[Labels],
    *,
    counts: ArrayLike | None = None,
    null: float = 0.0,
    level: float = 0.95,
) -> Estimate:
    """Return the mean of ``values`` with an interval that is robust to clustering in each of the ways.

    Args:
        values: shape (n,), finite; with ``counts``, the sum of the values that each row stands for.
        ways: shape (n,) each, one or more: seed, anchor and person, say.
        counts: shape (n,), how many values each row stands for, above 0; by default 1.
        null: the mean against which ``p`` tests.
        level: coverage, in 0 .. 1.

    Returns:
        The estimate, its ``clusters`` in the order of the ways; without an interval where a way has a single cluster, which says
        nothing of others.
    """
    x = np.asarray(values, dtype=np.float64)
    n = np.ones(len(x)) if counts is None else np.asarray(counts, dtype=np.float64)
    if not x.size:
        return NOTHING
    cells = _Cells(ways)
    sums, sizes = cells.add(x), cells.add(n)
    total = float(sizes.sum())
    mean = float(sums.sum()) / total
    return cells.estimate(mean, (sums - mean * sizes) / total, int(total), null, level)


def multiway_difference(
    values: ArrayLike,
    treated: ArrayLike,
    ways: Sequence[Labels],
    *,
    counts: ArrayLike | None = None,
    null: float = 0.0,
    level: float = 0.95,
) -> Estimate:
    """Return the mean of the ``treated`` values less that of the others, with an interval as :func:`multiway_mean` has it.

    Values of one cluster on either side count as hanging together: where both sides have the same seeds, anchors and people, what
    these have in common drops out.

    Args:
        treated: shape (n,), true for the values of the first mean; both sides have some.
        values, ways, counts, null, level: as there.
    """
    x, first = np.asarray(values, dtype=np.float64), np.asarray(treated, dtype=bool)
    n = np.ones(len(x)) if counts is None else np.asarray(counts, dtype=np.float64)
    if not first.any() or first.all():
        return NOTHING
    cells = _Cells(ways)
    difference, influence = 0.0, 0.0
    for sign, side in ((1, first), (-1, ~first)):
        sums, sizes = cells.add(x * side), cells.add(n * side)
        total = float(sizes.sum())
        mean = float(sums.sum()) / total
        difference += sign * mean
        influence = influence + sign * (sums - mean * sizes) / total
    return cells.estimate(difference, np.asarray(influence), int(n.sum()), null, level)


class _Cells:
    """The combinations of clusters that occur; all parts of a variance are sums over them."""

    def __init__(self, ways: Sequence[Labels]) -> None:
        codes = [_codes(np.asarray(way)) for way in ways]
        self._sizes = tuple(size for _, size in codes)
        self._of, self._n = reduce(_joint, codes)
        first = np.empty(self._n, dtype=np.int64)
        first[self._of] = np.arange(len(self._of))  # of each cell, one of its rows
        self._ways = [(way[first], size) for way, size in codes]

    def add(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of each cell's values, shape (cells,)."""
        return np.bincount(self._of, values, minlength=self._n).astype(np.float64, copy=False)

    def estimate(self, value: float, influence: NDArray[np.float64], n: int, null: float, level: float) -> Estimate:
        """Return the estimate of a value to which each cell adds its ``influence``, shape (cells,)."""
        return student(value, self._variance(influence), min(self._sizes) - 1, n, self._sizes, null, level)

    def _variance(self, influence: NDArray[np.float64]) -> float:
        if min(self._sizes) < 2:
            return float("nan")
        parts = {
            chosen: _part(influence, reduce(_joint, (self._ways[way] for way in chosen)))
            for k in range(1, len(self._ways) + 1)
            for chosen in combinations(range(len(self._ways)), k)
        }
        total = sum(part if len(chosen) % 2 else -part for chosen, part in parts.items())
        return max(total, *(part for chosen, part in parts.items() if len(chosen) == 1))


def _part(influence: NDArray[np.float64], codes: _Codes) -> float:
    """Return the variance of a sum whose terms hang together within clusters."""
    of, groups = codes
    sums = np.bincount(of, influence, minlength=groups)
    return groups / (groups - 1) * float(sums @ sums)


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
