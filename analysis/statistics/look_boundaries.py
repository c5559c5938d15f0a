"""Alpha spending: how much of a test's false alarms each look at a growing study may use up, and what a look's p-value is worth.

Lan & DeMets, "Discrete sequential boundaries for clinical trials" (Biometrika 1983): a function of the share of all information that is
there says how much of alpha is spent by then. Boundaries follow by the recursion of Armitage, McPherson & Rowe (JRSS A 1969) for statistics
with independent increments. They are used as nominal levels for p-values of any test, Student's among them (Jennison & Turnbull, *Group
Sequential Methods*, 2000, section 4.4).

Knows numbers; knows nothing of studies and seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import e, exp, isnan, log, log1p, sqrt
from typing import Any, Literal

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

Spending = Literal["obrien-fleming", "pocock"]
"""``obrien-fleming``: next to nothing at the first looks, almost all at the end; ``pocock``: about alike at each."""
Sides = Literal[1, 2]
FURTHEST = 9.0
"""Standard deviations beyond which nothing is looked for."""
NODES = 101
"""Places at which a density between two boundaries is known (of Gauss and Legendre); more give the same digits."""
_X, _W = np.polynomial.legendre.leggauss(NODES)


def spent(alpha: float, fraction: float, spending: Spending) -> float:
    """Return how much of a one-sided alpha is spent by an information fraction, which is above 0 and at most 1.

    >>> round(spent(0.025, 0.5, "obrien-fleming"), 5), round(spent(0.025, 0.5, "pocock"), 5)
    (0.00153, 0.0155)
    """
    if fraction >= 1:
        return alpha
    if spending == "pocock":
        return alpha * log1p((e - 1) * fraction)
    return float(2 * ndtr(ndtri(alpha / 2) / sqrt(fraction)))


def boundaries(
    fractions: Sequence[float], spending: Spending = "obrien-fleming", alpha: float = 0.05, sides: Sides = 2
) -> tuple[float, ...]:
    """Return the boundary of each look: what a standard normal statistic must exceed, in absolute value if the test has two sides.

    Args:
        fractions: of the information, at each look; ascending, above 0, the last one at most 1.
        alpha: of the whole test; with two sides, half of it is spent on each.

    Raises:
        ValueError: the fractions do not ascend, or lie outside.
    """
    if not all(a < b for a, b in zip((0.0, *fractions), fractions, strict=False)) or fractions[-1] > 1:
        raise ValueError("fractions ascend from above 0 to at most 1")
    return _boundaries(tuple(fractions), spending, alpha, sides)


def nominal_levels(
    fractions: Sequence[float], spending: Spending = "obrien-fleming", alpha: float = 0.05, sides: Sides = 2
) -> tuple[float, ...]:
    """Return the level at which each look tests: p-values at or below it decide; arguments as of :func:`boundaries`."""
    return tuple(float(sides * ndtr(-bound)) for bound in boundaries(fractions, spending, alpha, sides))


def sequential_p(
    p: float, look: int, fractions: Sequence[float], spending: Spending = "obrien-fleming", sides: Sides = 2
) -> float:
    """Return the smallest alpha at which a look would have decided: a p-value on the scale of the whole study.

    It is the repeated p-value of Jennison & Turnbull (2000, chapter 9). To correct these of several hypotheses by Holm's method is the
    group-sequential test of Maurer & Bretz ("Multiple testing in group sequential trials using graphical approaches", 2013).

    Args:
        p: of the look alone.
        look: its place among ``fractions``, from 0.

    >>> round(sequential_p(0.01, 0, [0.5, 1.0]), 3), round(sequential_p(0.01, 1, [0.5, 1.0]), 3)
    (0.094, 0.01)
    """
    if isnan(p) or len(fractions) == 1 or p <= 0 or p >= 1:
        return p

    def beyond(log_alpha: float) -> float:
        return nominal_levels(fractions[: look + 1], spending, exp(log_alpha), sides)[look] - p

    lowest, highest = log(p) - 1e-9, log(0.999)
    if beyond(highest) <= 0:
        return 1.0
    return p if beyond(lowest) >= 0 else exp(_root(beyond, lowest, highest, 1e-7))


@lru_cache(4096)
def _boundaries(fractions: tuple[float, ...], spending: Spending, alpha: float, sides: Sides) -> tuple[float, ...]:
    each = alpha / sides
    bounds: list[float] = []
    nodes, mass = np.zeros(1), np.ones(1)
    """Where Brownian motion may be at the last look without having crossed, and the density there times the node's weight."""
    before, used = 0.0, 0.0
    for fraction in fractions:
        step, scale, now = sqrt(fraction - before), sqrt(fraction), spent(each, fraction, spending)
        bound = _bound(nodes, mass, step, scale, now - used)
        bounds.append(bound)
        low, high = (-bound if sides == 2 else -FURTHEST) * scale, bound * scale
        at = (high + low) / 2 + (high - low) / 2 * _X
        there = np.exp(-0.5 * ((at[:, None] - nodes[None, :]) / step) ** 2) @ mass / (step * sqrt(2 * np.pi))
        nodes, mass = at, there * _W * (high - low) / 2
        before, used = fraction, now
    return tuple(bounds)


def _bound(nodes: np.ndarray, mass: np.ndarray, step: float, scale: float, wanted: float) -> float:
    """Return the boundary that is crossed for the first time, on one side, with this probability."""

    def beyond(bound: float) -> float:
        return float(ndtr((nodes - bound * scale) / step) @ mass) - wanted

    return FURTHEST if beyond(FURTHEST) >= 0 or wanted <= 0 else _root(beyond, -FURTHEST, FURTHEST, 1e-9)


def _root(function: Callable[[float], float], low: float, high: float, within: float) -> float:
    found: Any = brentq(function, low, high, xtol=within)
    return float(found)
