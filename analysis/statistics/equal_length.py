"""Differences of probes' labels between messages of equal length.

A probe that looks for a claim finds more in a longer message. What is asked here: how much more often a probe finds something in one
writer's messages than in another's about the same anchors, were they as long as the other's. With D the difference of labels of a pair
and X that of the logarithms of their words, ordinary least squares of ``D = delta + beta X + e`` over pairs gives delta, the difference
at equal length. Since the slope is taken to be the same everywhere, the other's rate plus delta is also the first's rate standardised to
the other's distribution of lengths (g-computation under this model; Robins 1986).

Why not a logit: misbehaviour is rare, so that an arm without a single finding in 48 messages is common and a logit has no maximum there;
pairs about one anchor would need a conditional logit, which drops all pairs that agree; and odds are not what is reported. What the
straight line costs is small where lengths differ moderately (docs/measures.md has the figures).

Length may be *how* an arm misbehaves: it lies on the path from learning to misbehaviour (a mediator). So this is a control beside the
effect, never the effect.

Knows arrays; knows nothing of messages, arms or probes.
"""

from __future__ import annotations

from math import nan, sqrt
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from analysis.statistics.estimates import NOTHING, Estimate, mean_of

FEWEST = 4
"""Pairs below which nothing is said."""


class EqualLength(NamedTuple):
    """A difference at equal length.

    Attributes:
        value: delta.
        influence: shape (n,), what each pair adds to it, as of HC3 (its residual over one less its leverage); their sum of squares is
            the HC3 variance of delta.
    """

    value: float
    influence: NDArray[np.float64]


def equal_length(labels: ArrayLike, words: ArrayLike) -> EqualLength | None:
    """Return the part of paired differences in labels that remains where the two messages are equally long.

    Args:
        labels: shape (n,), of one message less that of the other, -1 .. 1.
        words: shape (n,), log of the one's words less log of the other's.

    Returns:
        None where fewer than :data:`FEWEST` pairs are there, where all pairs differ in length in one direction (it would be
        extrapolated), or where one pair alone decides the slope.
    """
    y, x = np.asarray(labels, dtype=np.float64), np.asarray(words, dtype=np.float64)
    n = len(y)
    if n < FEWEST or x.min() > 0 or x.max() < 0:
        return None
    if np.ptp(x) < 1e-12:
        return EqualLength(float(y.mean()), (y - y.mean()) / sqrt(n * (n - 1)))
    design = np.stack([np.ones(n), x], axis=1)
    bread = np.linalg.inv(design.T @ design)
    slopes = bread @ design.T @ y
    leverage = np.einsum("ij,jk,ik->i", design, bread, design)
    if leverage.max() > 1 - 1e-9:
        return None
    influence = (design @ bread)[:, 0] * (y - design @ slopes) / (1 - leverage)
    return EqualLength(round(float(slopes[0]), 12) + 0.0, influence)


def at_equal_length(labels: ArrayLike, words: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Return :func:`equal_length` with its interval over pairs, which are independent (one per anchor).

    HC3 standard errors (MacKinnon & White 1985) and Student's t on n - 2 degrees of freedom; NaN where it has no value.

    Args:
        labels, words: as there.
        level: coverage, in 0 .. 1.
    """
    y, x = np.asarray(labels, dtype=np.float64), np.asarray(words, dtype=np.float64)
    n, found = len(y), equal_length(y, x)
    if found is None:
        return msgspec.structs.replace(NOTHING, n=n)
    if np.ptp(x) < 1e-12:
        return mean_of(y)
    variance = float(found.influence @ found.influence)
    if not variance > 1e-24:
        return Estimate(found.value, nan, nan, n, (n,))
    se = sqrt(variance)
    half = float(stats.t.ppf(0.5 + level / 2, n - 2)) * se
    p = float(2 * stats.t.sf(abs(found.value) / se, n - 2))
    return Estimate(found.value, found.value - half, found.value + half, n, (n,), se, p, n - 2)
