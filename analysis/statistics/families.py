"""Families of tests: p-values corrected for how many there are.

``holm`` bounds the chance of any false finding in the family, for the few hypotheses that a study was made for; ``benjamini_hochberg``
bounds the expected share of false findings among the findings, for what was looked at besides. NaN stands for a test that does not
exist: it stays NaN and does not count.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values ("A simple sequentially rejective multiple test procedure", 1979), in the given order.

    The i-th smallest of m becomes the largest of ``(m - j + 1) * p_(j)`` for j up to i, at most 1.
    """
    p, order = _ordered(p_values)
    steps = np.maximum.accumulate((order.size - np.arange(order.size)) * p[order])
    return _placed(p, order, steps)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return Benjamini and Hochberg's adjusted p-values ("Controlling the false discovery rate", JRSS B 1995), in the given order.

    The i-th smallest of m becomes the smallest of ``m * p_(j) / j`` for j from i on, at most 1. It holds for independent tests and for
    positively dependent ones (Benjamini & Yekutieli 2001).
    """
    p, order = _ordered(p_values)
    steps = order.size / np.arange(1, order.size + 1) * p[order]
    return _placed(p, order, np.minimum.accumulate(steps[::-1])[::-1])


def _ordered(p_values: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return all values, and where those that exist stand, the smallest first."""
    p = np.asarray(p_values, dtype=np.float64)
    valid = np.flatnonzero(~np.isnan(p))
    return p, valid[np.argsort(p[valid], kind="stable")]


def _placed(p: NDArray[np.float64], order: NDArray[np.int64], steps: NDArray[np.float64]) -> list[float]:
    adjusted = p.copy()
    adjusted[order] = np.minimum(1.0, steps)
    return adjusted.tolist()
