"""What crossed values vary by: variance components of seeds, anchors, people and their combinations, by the method of moments.

A value is a sum of independent effects, one for each combination of ways that it belongs to (of a seed, of an anchor, of this anchor in this
seed, ...); all effects of a combination have one variance, its component. Half the mean squared difference of two values that share the
ways c, and no other, has as expectation the sum of the components of all combinations that are not within c (Koch, "Some further remarks
concerning 'A general approach to the estimation of variance components'", Technometrics 10, 1968). One such equation for each c that occurs
gives the components, whatever values lack; of balanced values they are those of the analysis of variance. Sums over pairs add up over
separate sets of values, whose means may differ.

Knows arrays; knows nothing of events, arms or probes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from math import sqrt
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

Ways = tuple[int, ...]
"""Which ways two values share, or an effect belongs to: indices, ascending."""

DRAWS = 100
"""Sets of values that are drawn to learn how far components can be off."""
MOST_DRAWN = 40_000_000
"""Values in all of them together; of many values fewer sets are drawn, but :data:`FEWEST`."""
FEWEST = 20


def subsets(ways: int) -> list[Ways]:
    """Return all combinations of so many ways, the empty one first, the one of all last."""
    return [chosen for k in range(ways + 1) for chosen in combinations(range(ways), k)]


class Component(msgspec.Struct, frozen=True):
    """The variance of one kind of effect.

    Attributes:
        ways: that the effect belongs to: () never, (0,) of a cluster of the first way, (0, 1) of one of the first in one of the second.
        variance: in the squared unit of the values, at least 0.
        raw: what the equations give without that bound; below 0 where the values speak against any such effect.
        se: standard error of ``raw``, 0 where it is not known.
        dof: degrees of freedom that its clusters have, at most.
        merged: other combinations, which the values cannot part from this one; their components are in this one.
    """

    ways: Ways
    variance: float
    raw: float = float("nan")
    se: float = 0.0
    dof: float = float("inf")
    merged: tuple[Ways, ...] = ()

    def quantiles(self, shares: ArrayLike) -> NDArray[np.float64]:
        """Return quantiles of what the component may be: ``T d / chi2 - (T - raw)``, at least 0, with d the degrees of freedom.

        The component is the difference of a mean square T, which has most of the error, and of what else is in it (Tukey 1951 and Williams
        1962; Burdick & Graybill, "Confidence intervals on variance components", 1992, 3.3). T is such that its chi-square has the
        standard error that the component has.
        """
        share = np.asarray(shares, dtype=np.float64)
        if not self.se > 0:
            return np.full(share.shape, self.variance)
        total = max(self.raw, self.se * sqrt(self.dof / 2))
        scaled = self.dof / stats.chi2.ppf(1 - share, self.dof)
        return np.maximum(0.0, total * scaled - (total - self.raw))

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return min(self.variance, float(self.quantiles(0.025)))

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return max(self.variance, float(self.quantiles(0.975)))


class PairSums(msgspec.Struct, frozen=True):
    """Sums over the pairs of values of one or more sets.

    Attributes:
        ways: how many.
        squares: what two values share -> sum of their squared differences; ``pairs``: how many those are.
        sets: who is in which cluster, of each set: what further sets are drawn by.
    """

    ways: int
    squares: dict[Ways, float]
    pairs: dict[Ways, float]
    sets: tuple[Crossing, ...]


def pair_sums(sets: Sequence[tuple[ArrayLike, Sequence[ArrayLike]]]) -> PairSums:
    """Return the sums over pairs within sets of values.

    Args:
        sets: values, shape (n,), and of each way the cluster of each value, shape (n,). No two values of a set share all ways.
    """
    crossings = tuple(Crossing([np.asarray(way) for way in ways]) for _, ways in sets)
    every = subsets(len(sets[0][1]))
    squares = _total(
        crossing.squares(np.asarray(x, dtype=np.float64)) for crossing, (x, _) in zip(crossings, sets, strict=True)
    )
    return PairSums(len(sets[0][1]), {c: squares[c] for c in every}, _total(c.pairs for c in crossings), crossings)


class Crossing:
    """Who is in which cluster, in one set of values.

    Attributes:
        size: values.
        of: combination of ways -> the cluster of each value, numbers from 0 that all occur.
        pairs: what two values share, and no more -> how many pairs those are.
    """

    def __init__(self, ways: Sequence[NDArray[Any]]) -> None:
        single = [_codes(way) for way in ways]
        self.size = len(single[0])
        self.of: dict[Ways, NDArray[np.int64]] = {(): np.zeros(self.size, dtype=np.int64)}
        for chosen in subsets(len(ways))[1:]:
            last = single[chosen[-1]]
            self.of[chosen] = _codes(self.of[chosen[:-1]] * (int(last.max()) + 1) + last)
        self._n = {c: np.bincount(of).astype(np.float64) for c, of in self.of.items()}
        self.pairs = _exactly({c: float((n * (n - 1)).sum()) / 2 for c, n in self._n.items()})

    def clusters(self, ways: Ways) -> NDArray[np.float64]:
        """Return how many values each combination of clusters has."""
        return self._n[ways]

    def squares(self, values: NDArray[np.float64]) -> dict[Ways, float]:
        """Return what two values share, and no more -> the sum of their squared differences."""
        x = values - values.mean()
        square, found = x * x, dict[Ways, float]()
        for c, of in self.of.items():
            n, s = self._n[c], np.bincount(of, x)
            found[c] = float(n @ np.bincount(of, square) - s @ s)
        return _exactly(found)

    def drawn(self, deviations: dict[Ways, float], random: np.random.Generator) -> NDArray[np.float64]:
        """Return values whose effects are normal, with these standard deviations."""
        values = np.zeros(self.size)
        for c, deviation in deviations.items():
            values += deviation * random.standard_normal(len(self._n[c]))[self.of[c]]
        return values


def _exactly(at_least: dict[Ways, float]) -> dict[Ways, float]:
    """Return sums over pairs that share some ways and no more, from those over pairs that share them at least."""
    exactly: dict[Ways, float] = {}
    for chosen in reversed(at_least):
        exactly[chosen] = at_least[chosen] - sum(exactly[each] for each in exactly if set(chosen) < set(each))
    return {chosen: exactly[chosen] for chosen in at_least}


def _total(parts: Iterable[dict[Ways, float]]) -> dict[Ways, float]:
    total: dict[Ways, float] = {}
    for part in parts:
        total = {c: total.get(c, 0.0) + value for c, value in part.items()}
    return total


def components(sums: PairSums, seed: int = 0) -> list[Component]:
    """Return the components that the values can tell, from the simplest combination to that of all ways (the residual).

    Where the equations give a negative one, the components are the non-negative ones that come closest to all equations, each weighted
    with its pairs. Standard errors are those of sets of normal values with these components (``seed`` draws them).

    Returns:
        A component for each group of combinations that the values can part; nothing for a combination about which they say nothing.
    """
    groups, matrix = _equations(sums)
    if not groups:
        return []
    raw, fitted = _solved(sums.squares, sums.pairs, matrix)
    se = _errors(sums, groups, matrix, fitted, seed)
    dofs = [sum(len(each.clusters(group[0])) - 1 for each in sums.sets) for group in groups]
    return [
        Component(group[0], float(v), float(r), float(e), float(max(1, d)), tuple(group[1:]))
        for group, v, r, e, d in zip(groups, fitted, raw, se, dofs, strict=True)
    ]


def _equations(sums: PairSums) -> tuple[list[list[Ways]], NDArray[np.float64]]:
    """Return the combinations that have a component, those together that none of the pairs parts, and which of them counts where."""
    there = [c for c in subsets(sums.ways)[:-1] if sums.pairs[c] > 0.5]
    columns: dict[tuple[bool, ...], list[Ways]] = {}
    for effect in subsets(sums.ways)[1:]:
        column = tuple(not set(effect) <= set(shared) for shared in there)
        if any(column):
            columns.setdefault(column, []).append(effect)
    return list(columns.values()), np.array(list(columns), dtype=np.float64).T


def _solved(
    squares: dict[Ways, float], pairs: dict[Ways, float], matrix: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    there = [c for c in pairs if pairs[c] > 0.5][: len(matrix)]
    half = np.array([squares[c] / pairs[c] / 2 for c in there])
    weight = np.sqrt(np.array([pairs[c] for c in there]) / sum(pairs[c] for c in there))
    raw = np.asarray(np.linalg.lstsq(matrix, half, rcond=None)[0], dtype=np.float64)
    if (raw >= 0).all():
        return raw, raw
    return raw, optimize.nnls(matrix * weight[:, None], half * weight)[0]


def _errors(
    sums: PairSums,
    groups: Sequence[Sequence[Ways]],
    matrix: NDArray[np.float64],
    fitted: NDArray[np.float64],
    seed: int,
) -> NDArray[np.float64]:
    """Return the standard error of each component before it is bound to be 0 or more, by sets of normal values."""
    if not fitted.any():
        return np.zeros(len(fitted))
    random, size = np.random.default_rng(seed), sum(each.size for each in sums.sets)
    draws = int(np.clip(MOST_DRAWN // (size * len(fitted)), FEWEST, DRAWS))
    deviations = {group[0]: sqrt(v) for group, v in zip(groups, fitted, strict=True)}
    found = []
    for _ in range(draws):
        squares = _total(each.squares(each.drawn(deviations, random)) for each in sums.sets)
        found.append(_solved(squares, sums.pairs, matrix)[0])
    return np.std(found, axis=0, ddof=1)


def _codes(labels: NDArray[Any]) -> NDArray[np.int64]:
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)
