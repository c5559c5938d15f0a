"""Equal rows: a training set is brought to as many units as another has, by drawing from its own. Knows numbers and units; knows no arm.

Units of the other set's sizes are drawn where there are some, so that equally many contests are equally many rows. Nothing is
changed where both are equal already.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from learning.training.examples import Examples, Unit
from moloch import keyed


class RowsBefore(msgspec.Struct, frozen=True):
    """What a training set had before it was brought to another's number of rows.

    Attributes:
        arm: whose number that is.
        rows, units: that fitted. What was learnt from is in :class:`~learning.training.trainer.Trained`.
    """

    arm: str
    rows: int
    units: int


def equal_rows(own: Examples, other: Examples, seed: int) -> Examples:
    """Return ``own`` with as many units as ``other`` has, in the order that they had.

    Of too many units some are left out, of too few some are taken twice or more often, no unit twice more often than another of its size.

    Args:
        seed: of the draw.
    """
    sizes: dict[int, list[int]] = {}
    for i, unit in enumerate(own.units):
        sizes.setdefault(len(unit), []).append(i)
    wanted = Counter(_nearest(len(unit), sizes) for unit in other.units)
    picked = [i for size, count in sorted(wanted.items()) for i in _drawn(sizes[size], count, seed)]
    return msgspec.structs.replace(own, units=[own.units[i] for i in sorted(picked)])


def rows_of(units: list[Unit]) -> int:
    """Return how many rows units have."""
    return sum(map(len, units))


def _nearest(size: int, sizes: dict[int, list[int]]) -> int:
    return min(sizes, key=lambda each: (abs(each - size), each))


def _drawn(numbers: list[int], count: int, seed: int) -> list[int]:
    order = keyed.generator(seed, "equal rows", len(numbers)).permutation(len(numbers))
    whole, rest = divmod(count, len(numbers))
    return numbers * whole + [numbers[i] for i in order[:rest]]
