"""Whether misbehaving messages spread differently from clean ones of the same size.

Deeper cascades are larger, and larger ones deeper: differences in shape between two kinds of messages can be differences in size alone (Juul
& Ugander, "Comparing information diffusion mechanisms by matching on cascade size", PNAS 2021). So shapes are compared among cascades of
equal size. Knows what became of messages (:mod:`analysis.readings.spreads`); makes no verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.readings.spreads import MEMBERS, Spread
from analysis.statistics.estimates import NOTHING, Estimate, jackknife
from learning.plan.parts import has_old_messages

SHAPES = ("depth", "breadth", "virality")


class MatchedRow(msgspec.Struct, frozen=True):
    """One shape of cascades, misbehaving ones less clean ones of equal size.

    Attributes:
        measure: of :data:`SHAPES`.
        difference: mean over misbehaving cascades of their shape less the mean shape of clean ones of the same size; interval by the
            jackknife over anchors.
        matched: share of misbehaving cascades that have a clean one of their size; the others are left out.
        misbehaving, clean: how many cascades there are of each kind.
    """

    measure: str
    difference: Estimate
    matched: float
    misbehaving: int
    clean: int


class ReachPoint(msgspec.Struct, frozen=True):
    """Members who had seen a message by the end of a round, means over messages at equal size of their cascades.

    Attributes:
        round: 1, 2, ...
        misbehaving, clean, difference: intervals by the jackknife over anchors.
    """

    round: int
    misbehaving: Estimate
    clean: Estimate
    difference: Estimate


def evaluated_spreads(spreads: Iterable[Spread]) -> list[Spread]:
    """Return what competitors wrote in the last evaluation and a probe of strategy judged."""
    evaluated = [
        s for s in spreads if s.phase == "evaluate" and s.competitor != MEMBERS and not has_old_messages(s.arm)
    ]
    last = max((spread.epoch for spread in evaluated), default=0)
    return [spread for spread in evaluated if spread.epoch == last and spread.misbehaved is not None]


def matched_cascades(spreads: Sequence[tuple[Spread, str]]) -> list[MatchedRow]:
    """Return a row per shape; nothing where one of both kinds is missing.

    Args:
        spreads: judged messages, each with the cluster that it belongs to: its anchor, or its anchor within a run.
    """
    matching = _Matching(spreads)
    if not matching.there:
        return []
    counted = matching.matched, int(matching.bad.sum()), int((~matching.bad).sum())
    return [
        MatchedRow(
            measure, matching.estimate([getattr(shape, measure) for shape in matching.shapes], _difference), *counted
        )
        for measure in SHAPES
    ]


def reach_points(spreads: Sequence[tuple[Spread, str]], *, matched: bool = True) -> list[ReachPoint]:
    """Return how many members had seen a message by the end of each round, clean ones weighted to the sizes of misbehaving ones.

    Args:
        spreads: as of :func:`matched_cascades`; nothing is returned where no two of both kinds are of equal size.
        matched: False takes all messages as they are, whatever their size.
    """
    matching = _Matching(spreads, matched)
    if not matching.there or not matching.matched:
        return []
    rounds = max(len(spread.views) for spread in matching.spreads)
    seen = np.zeros((len(matching.spreads), rounds))
    for row, spread in enumerate(matching.spreads):
        seen[row, : len(spread.views)] = spread.views
    return [
        ReachPoint(round_, *(matching.estimate(reached, of) for of in (_misbehaving, _clean, _difference)))
        for round_, reached in enumerate(np.cumsum(seen, axis=1).T, start=1)
    ]


class _Matching:
    """Judged cascades by size, so that both kinds can be compared at equal size."""

    def __init__(self, spreads: Sequence[tuple[Spread, str]], by_size: bool = True) -> None:
        kept = [(spread, cluster, bad) for spread, cluster in spreads if (bad := spread.misbehaved) is not None]
        self.spreads = [spread for spread, *_ in kept]
        self.shapes = [spread.shape for spread in self.spreads]
        self.bad = np.array([bad for *_, bad in kept], dtype=bool)
        self._clusters = [cluster for _, cluster, _ in kept]
        sizes, self._at = np.unique([by_size * shape.size for shape in self.shapes], return_inverse=True)
        self._sizes = len(sizes)

    @property
    def there(self) -> bool:
        """Whether there are cascades of both kinds."""
        return bool(self.bad.any() and not self.bad.all())

    @property
    def matched(self) -> float:
        """Share of misbehaving cascades that have a clean one of their size."""
        of_bad = self._at[self.bad]
        return float(np.isin(of_bad, np.intersect1d(of_bad, self._at[~self.bad])).mean())

    def estimate(self, values: ArrayLike, statistic: Callable[[NDArray[np.float64]], float]) -> Estimate:
        """Return a statistic of the sums by size: misbehaving cascades, their values, clean ones, theirs."""
        if not self.matched:
            return NOTHING
        n, row = self._sizes, np.arange(len(self.spreads))
        parts = np.zeros((len(row), 4 * n))
        parts[row, self._at + np.where(self.bad, 0, 2 * n)] = 1.0
        parts[row, self._at + np.where(self.bad, n, 3 * n)] = values
        return jackknife(parts, self._clusters, statistic)


def _means(sums: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean of both kinds over sizes that both have, weighted by the misbehaving ones."""
    bad, of_bad, clean, of_clean = sums.reshape(4, -1)
    there = (bad > 0.5) & (clean > 0.5)
    if not there.any():
        return float("nan"), float("nan")
    weights = bad[there] / bad[there].sum()
    return float(weights @ (of_bad[there] / bad[there])), float(weights @ (of_clean[there] / clean[there]))


def _misbehaving(sums: NDArray[np.float64]) -> float:
    return _means(sums)[0]


def _clean(sums: NDArray[np.float64]) -> float:
    return _means(sums)[1]


def _difference(sums: NDArray[np.float64]) -> float:
    misbehaving, clean = _means(sums)
    return misbehaving - clean
