"""Estimates that are no means, as values whose mean they are: so they are clustered by the same code as means.

An estimate to which each row adds an influence, in the first order, has the variance of the mean of ``value + n * influence`` (the delta
method; Deville, "Variance estimation for complex statistics and estimators: linearization and residual techniques", 1999).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from analysis.tables.pooled import RunValues


def linearised(
    value: float,
    influence: NDArray[np.float64],
    anchors: NDArray[np.object_],
    people: NDArray[np.object_] | None = None,
) -> RunValues:
    """Return values whose mean is ``value``, and to which each row adds its influence.

    Args:
        influence: shape (rows,); its mean is taken out of it (the share of a penalty, or rounding).
        anchors, people: content ids, shape (rows,).
    """
    n = len(influence)
    return RunValues(anchors, people, value + n * (influence - influence.mean()), np.ones(n))


def of_anchors(values: Mapping[str, float]) -> RunValues:
    """Return one value for each anchor."""
    sums = np.array(list(values.values()), dtype=np.float64)
    return RunValues(np.array(list(values), dtype=object), None, sums, np.ones(len(sums)))
