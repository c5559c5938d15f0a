"""A test that assumes no distribution: the signs of differences, one per seed, are flipped in every way.

Under the null that a training's label (this arm, or the other) does not matter, the difference of each seed is as likely to have had
the other sign (Fisher, "The design of experiments", 1935, section 21). The p-value is the share of all 2^n choices of signs whose mean
is at least as far from 0. With few seeds it cannot be small: :func:`smallest_p` is said beside it.

Seeds that share anchors and people share their luck: the test speaks of these anchors and people. Knows numbers only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moloch import keyed

EXACT = 16
"""Seeds up to which all signs are tried; with more, so many are drawn."""
_LITTLE = 1e-12
"""Share of the largest mean by which two means may differ through rounding alone."""


class Randomised(NamedTuple):
    """What the test says.

    Attributes:
        p: two-sided; NaN without values, and where all of them are 0.
        smallest: the smallest p that so many values can give.
    """

    p: float
    smallest: float


def smallest_p(n: int) -> float:
    """Return the smallest two-sided p of n differences: the mean and its mirror image, of 2^n choices of signs."""
    if n < 1:
        return float("nan")
    return 2.0 ** (1 - n) if n <= EXACT else 1 / (1 + 2**EXACT)


def sign_flips(differences: ArrayLike | Sequence[float]) -> Randomised:
    """Return the test of differences whose distribution is symmetric about 0 under the null.

    Args:
        differences: shape (n,), one per seed. Up to :data:`EXACT` of them the test is exact; of more, 2^16 choices of signs are drawn,
            always the same ones, and the observed one counts (Phipson & Smyth 2010), so that the test keeps its level.
    """
    x = np.asarray(differences, dtype=np.float64)
    smallest = smallest_p(x.size)
    if not np.any(x):
        return Randomised(float("nan"), smallest)
    observed, flipped = abs(float(x.sum())), np.abs(_signs(x.size) @ x)
    as_far = int(np.count_nonzero(flipped >= observed - _LITTLE * float(np.abs(x).sum())))
    if x.size <= EXACT:
        return Randomised(as_far / flipped.size, smallest)
    return Randomised((1 + as_far) / (1 + flipped.size), smallest)


def _signs(n: int) -> NDArray[np.float64]:
    """Return choices of signs, shape (2^n, n), or (2^16, n) drawn ones."""
    if n <= EXACT:
        return 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(np.float64)
    return 1.0 - 2.0 * keyed.generator("sign flips", n).integers(0, 2, (2**EXACT, n)).astype(np.float64)
