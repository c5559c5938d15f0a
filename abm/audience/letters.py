"""Votes out of letter probabilities: how likely a model is to begin its answer with each letter, in two orders.

Every member is asked about its own order and about the reverse of it; nothing is written. The log-odds of each option are the mean
of both, so that what a place is worth to the model cancels out as far as it is the same in both orders. The vote is drawn
from these odds, as they are: no temperature is applied. Knows arrays; knows no prompts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def relative(scores: Sequence[float], order: Sequence[int]) -> NDArray[np.float64]:
    """Return the log-probability of each option among the options, shape (n,), from scores of the letters.

    Args:
        scores: log-probability of letter A, B, ... in nats; they need not add up to one.
        order: the option that stood under each letter.
    """
    logs = np.empty(len(order))
    logs[list(order)] = scores
    return _normalised(logs)


def averaged(*orders: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log-probabilities whose log-odds are the mean of those given; shape (n,), as :func:`relative` returns them."""
    return _normalised(np.mean(orders, axis=0))


def drawn(logs: NDArray[np.float64], draw: float) -> int:
    """Return the option that a draw in 0 .. 1 falls on."""
    return min(int(np.searchsorted(np.exp(logs).cumsum(), draw, side="right")), len(logs) - 1)


def _normalised(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    return logs - np.logaddexp.reduce(logs)
