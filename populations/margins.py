"""Margins: how an attribute is distributed in a population. Shares add up to 1, percentages to 100; counts are whole numbers.

Knows nothing of a sample, nor of weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from moloch.errors import InputError

Margins = Mapping[str, Mapping[Any, float]]
"""Attribute -> value -> share, percentage or count in the population."""

LARGEST_WEIGHT = 1e12
"""No person counts for more than that; sums of such weights keep their digits."""

SMALLEST_CENSUS = 1000
"""Whole numbers in a file that add up to no more are not counts of a population, but percentages that were mistyped."""

LOOSEST = 0.01
"""Rounding does not explain that a margin misses its sum by more than this part of it."""


def shares(name: str, margin: Mapping[Any, float], *, above: float = 0) -> dict[Any, float]:
    """Return value -> share, which add up to 1.

    Args:
        name: the attribute, for errors.
        margin: shares that add up to 1 or percentages that add up to 100, as far as they were rounded; or counts: whole numbers.
        above: what whole numbers add up to at least, to be counts.

    Raises:
        InputError: they are none of these.
    """
    values = [float(value) for value in margin.values()]
    total = sum(values)
    if not values or min(values) < 0 or not 0 < total < math.inf:
        raise InputError(f"the margin of {name!r} holds no shares", fix="Give shares or counts, 0 or more.")
    counts = total > above and all(value.is_integer() for value in values)
    if not counts and not any(abs(total - whole) <= _rounding(values, whole) for whole in (1, 100)):
        raise InputError(
            f"the margin of {name!r} adds up to {total:.6g}",
            why="shares add up to 1, percentages to 100",
            fix=f"Correct it; counts are whole numbers{f', above {above:,} in all' if above else ''}.",
        )
    return {value: share / total for value, share in zip(margin, values, strict=True)}


def _rounding(values: list[float], whole: float) -> float:
    """Return how far values that were each rounded may miss their sum; the last one's error is what the others leave."""
    decimals = max(len(repr(value).partition(".")[2].rstrip("0")) if value < 1e15 else 0 for value in values)
    rounded = max(1, len(values) - 1) * 0.5 * 10.0**-decimals
    return min(max(rounded, 1e-6 * whole), LOOSEST * whole) + 1e-12
