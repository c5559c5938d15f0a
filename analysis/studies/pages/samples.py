"""Points of continuous factors. Knows ranges; knows nothing of runs."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from analysis.studies.pages.page import FactorRange, SampleDesign
from moloch import keyed

LEVELS = 4
"""Of the grid that Morris' trajectories walk on."""


def points(sample: SampleDesign) -> list[dict[str, float | int]]:
    """Return the points of a design, each factor -> value; the same for the same sample.

    Designs of indices have their own order, and points that are equal where factors are whole numbers: ``saltelli`` has the base points
    A and B, then A with each column of B; ``morris`` has trajectories, of one point more than there are factors.
    """
    ranges = sample.ranges
    unit = positions(sample)
    return [{name: _scaled(x, ranges[name]) for name, x in zip(ranges, row, strict=True)} for row in unit]


def positions(sample: SampleDesign) -> NDArray[np.float64]:
    """Return the points with each range as 0 .. 1, shape (points, factors)."""
    factors = len(sample.ranges)
    with warnings.catch_warnings():  # about numbers that are no power of 2, which are worse, and not wrong
        warnings.simplefilter("ignore", UserWarning)
        return _drawn(sample, factors)


def _drawn(sample: SampleDesign, factors: int) -> NDArray[np.float64]:
    from scipy.stats import qmc

    match sample.method:
        case "lhs":
            return qmc.LatinHypercube(factors, rng=sample.seed).random(sample.n)
        case "sobol":
            return qmc.Sobol(factors, rng=sample.seed).random(sample.n)
        case "saltelli":
            both = qmc.Sobol(2 * factors, rng=sample.seed).random(sample.n)
            a, b = both[:, :factors], both[:, factors:]
            mixed = [np.where(np.arange(factors) == i, b, a) for i in range(factors)]
            return np.concatenate([a, b, *mixed])
        case "morris":
            return _trajectories(sample, factors)


def _trajectories(sample: SampleDesign, factors: int) -> NDArray[np.float64]:
    """Return walks on a grid that move each factor once, by half of the levels (Morris 1991)."""
    rng = keyed.generator(sample.seed, "morris")
    step = LEVELS / (2 * (LEVELS - 1))
    walks = []
    for _ in range(sample.n):
        low = rng.integers(LEVELS // 2, size=factors) / (LEVELS - 1)
        up = rng.integers(2, size=factors).astype(bool)  # else from above
        at = np.where(up, low, low + step)
        walk = [at]
        for factor in rng.permutation(factors):
            at = at.copy()
            at[factor] += step if up[factor] else -step
            walk.append(at)
        walks.append(np.array(walk))
    return np.concatenate(walks)


def _scaled(x: float, of: FactorRange) -> float | int:
    value = of.low * (of.high / of.low) ** x if of.log else of.low + (of.high - of.low) * x
    return round(value) if of.integer else float(value)
