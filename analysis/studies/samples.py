"""Points of continuous factors. Knows ranges; knows nothing of runs."""

from __future__ import annotations

import numpy as np

from analysis.studies.page import FactorRange, SampleDesign


def points(sample: SampleDesign) -> list[dict[str, float | int]]:
    """Return the points of a design, each factor -> value; the same for the same sample.

    Raises:
        InputError: the method needs a package that is not installed.
    """
    ranges = sample.ranges
    unit = _unit(sample, len(ranges))
    return [{name: _scaled(x, ranges[name]) for name, x in zip(ranges, row, strict=True)} for row in unit]


def _unit(sample: SampleDesign, factors: int) -> np.ndarray:
    from scipy.stats import qmc

    if sample.method == "lhs":
        return qmc.LatinHypercube(factors, rng=sample.seed).random(sample.n)
    return qmc.Sobol(factors, rng=sample.seed).random(sample.n)


def _scaled(x: float, of: FactorRange) -> float | int:
    value = of.low * (of.high / of.low) ** x if of.log else of.low + (of.high - of.low) * x
    return round(value) if of.integer else float(value)
