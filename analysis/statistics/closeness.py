"""How close two samples of answers are: overlap of shares, and of scales the distance that answers would have to move.

Knows counts of options; knows nothing of questions or people. Intervals are percentiles of a bootstrap over both samples.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from analysis.statistics.estimates import NOTHING, Estimate
from moloch import keyed

DRAWS = 2000


class Sample(msgspec.Struct, frozen=True):
    """Answers of some who may count differently.

    Attributes:
        values: shape (rows,), options from 0.
        weights: shape (rows,), what each answer of the row counts; not all 0.
        counts: shape (rows,), answers that the row stands for.
    """

    values: NDArray[np.int64]
    weights: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def n(self) -> int:
        """Answers."""
        return int(self.counts.sum())

    @property
    def mean(self) -> tuple[float, float]:
        """Return the weighted mean of the options from 1, and its standard error; NaN where there is none."""
        total = float(self.weights @ self.counts)
        if total <= 0:
            return float("nan"), float("nan")
        mean = float((self.values * self.weights) @ self.counts) / total
        squares = ((self.values - mean) * self.weights) ** 2
        spread = float(squares @ self.counts) * self.n / (self.n - 1) if self.n > 1 else float("nan")
        return mean + 1, float(np.sqrt(spread)) / total

    def shares(self, options: int, draws: int = 0, *key: str | int) -> NDArray[np.float64]:
        """Return the share of each option, shape (options,), or of bootstrap draws of the sample, shape (draws, options).

        Args:
            key: of the draws.
        """
        pairs = np.stack([self.values.astype(np.float64), self.weights], axis=1)
        kinds, of = np.unique(pairs, axis=0, return_inverse=True)  # those alike are drawn together
        counts = np.bincount(of.reshape(-1), weights=self.counts).astype(np.int64)
        drawn = counts[None] if not draws else _draws(counts, draws, *key)
        totals = np.zeros((len(drawn), options))
        np.add.at(totals.T, kinds[:, 0].astype(np.int64), (drawn * kinds[:, 1]).T)
        with np.errstate(invalid="ignore"):
            shares = totals / totals.sum(axis=1, keepdims=True)
        return shares if draws else shares[0]


class Closeness(msgspec.Struct, frozen=True):
    """How close two samples are.

    Attributes:
        agreement: 1 where both have the same shares, 0 where they are as far apart as can be.
        ceiling: what two samples of these sizes would reach on average, if both were of those in the first one: drawing alone
            makes them differ.
        chance: what the second would reach on average, if it answered at random.
    """

    agreement: Estimate
    ceiling: float
    chance: float


def closeness(first: Sample, second: Sample, options: int, *, scale: bool) -> Closeness:
    """Return how close the second sample is to the first.

    For options without an order: the overlap of shares, 1 less their total variation distance. On a scale: 1 less the
    earth mover's distance over its largest value, options - 1, as Santurkar et al., "Whose opinions do language models
    reflect?" (ICML 2023), compare answers to surveys.

    Args:
        scale: whether the options have an order.
    """
    if not first.n or not second.n or min(float(each.weights @ each.counts) for each in (first, second)) <= 0:
        return Closeness(NOTHING, float("nan"), float("nan"))
    ours, theirs = first.shares(options), second.shares(options)
    value = float(_agreement(ours[None], theirs[None], scale)[0])
    sizes = first.n, second.n
    drawn = _agreement(first.shares(options, DRAWS, "first"), second.shares(options, DRAWS, "second"), scale)
    drawn = drawn[~np.isnan(drawn)]
    low, high = np.quantile(drawn, (0.025, 0.975)) if min(sizes) > 1 and drawn.size > DRAWS / 2 else (np.nan, np.nan)
    low, high = (
        min(float(low), value),
        max(float(high), value),
    )  # drawing moves samples apart: the value may lie outside
    estimate = Estimate(value, low, high, sum(sizes), sizes, float(drawn.std()) if drawn.size else float("nan"))
    again = _multinomial(ours, sizes[1], "again")
    random = _multinomial(np.full(options, 1 / options), sizes[1], "random")
    own = _multinomial(ours, sizes[0], "own")
    ceiling = float(_agreement(own, again, scale).mean())
    return Closeness(estimate, ceiling, float(_agreement(np.tile(ours, (DRAWS, 1)), random, scale).mean()))


def _agreement(a: NDArray[np.float64], b: NDArray[np.float64], scale: bool) -> NDArray[np.float64]:
    """Return the agreement of each row of shares, shape (draws,)."""
    if scale:
        return 1 - np.abs(np.cumsum(a - b, axis=1))[:, :-1].sum(axis=1) / (a.shape[1] - 1)
    return 1 - np.abs(a - b).sum(axis=1) / 2


def _draws(counts: NDArray[np.int64], draws: int, *key: str | int) -> NDArray[np.int64]:
    n = int(counts.sum())
    return keyed.generator("closeness", *key, n).multinomial(n, counts / n, size=draws)


def _multinomial(shares: NDArray[np.float64], n: int, key: str) -> NDArray[np.float64]:
    return keyed.generator("closeness", key, n).multinomial(n, shares / shares.sum(), size=DRAWS) / n
