"""What each term of a logit contributes to the share of choices that it predicts.

The parts are Aumann and Shapley's ("Values of Non-Atomic Games", 1974): along the straight path on which all terms grow together
from nothing to what they are, the share's growth is credited to each term as far as it grew. For a logit of two options, whose
utility is one sum, the integral has a closed form, so that the parts add up exactly. They depend on no order of the terms.

Knows arrays; knows nothing of messages or people.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CLOSE = 1e-6
"""Sum of the terms below which the slope of the logistic function stands in for its difference quotient."""


def logistic(x: Floats) -> Floats:
    """Return 1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def share_parts(terms: Floats, start: Floats) -> Floats:
    """Return what each term adds to the chance of the first of two options.

    With L the logistic function, s the start and d the sum of the terms, term j adds ``terms[j] * (L(s + d) - L(s)) / d``.

    Args:
        terms: shape (n, terms), differences of utility between the first option and the second, in units of the noise.
        start: shape (n,), the difference before any of them (what standing first is worth).

    Returns:
        Shape (n, terms), whose rows add up to ``L(start + terms.sum(axis=1)) - L(start)``.
    """
    total = terms.sum(axis=1)
    before = logistic(start)
    small = np.abs(total) < CLOSE
    slope = (logistic(start + total) - before) / np.where(small, 1.0, total)
    slope = np.where(small, before * (1.0 - before), slope)
    return terms * slope[:, None]
