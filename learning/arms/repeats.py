"""Repeats of an arm: the same contests and settings, other random numbers in picks and training. Knows names and seeds.

The first of R trainings is the arm itself, with the random numbers that it has without repeats; the others are arms of their own, named
``placebo_2`` to ``placebo_R``. Each learns from the same contests in the first epoch, draws its picks and its training anew, and from then on
writes, competes and is evaluated with its own adapters, under the random numbers that all arms share.
"""

from __future__ import annotations

from typing import Any

from moloch import keyed

MOST = 64
"""Repeats of an arm."""


def repeats_in(settings: Any) -> int:
    """Return how often an arm of recorded settings is trained; 1 where they do not say."""
    times = settings.get("repeats", 1)
    return times if type(times) is int and 1 <= times <= MOST else 1


def repeat_names(name: str, times: int) -> list[str]:
    """Return the names of an arm's trainings, the arm's own first."""
    return [name, *(f"{name}_{number}" for number in range(2, times + 1))]


def training_seed(seed: int, epoch: int, repeat: int = 1) -> int:
    """Return the seed of a training: of the adapter's first weights, the order of rows, and dropout.

    Args:
        seed: of the run.
        repeat: which of an arm's trainings it is, from 1.
    """
    return keyed.seed32(seed, "learn", epoch, *(("repeat", repeat) if repeat > 1 else ()))


def picking_seed(seed: int, repeat: int = 1) -> int:
    """Return the seed by which a method picks at random, as a placebo picks its messages.

    Args:
        seed: of the run; ``repeat``: as for :func:`training_seed`.
    """
    return seed if repeat == 1 else keyed.seed32(seed, "repeat", repeat)
