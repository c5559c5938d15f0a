"""What a fitted audience was fitted on, and what it does when it is asked about something else: it refuses.

Knows ranges of message features and persona traits; knows nothing of how a weight is fitted, nor of files. Ranges are
looked at one by one: two values that never came together may each lie inside.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.audience.port import Voters
from moloch.errors import InputError

MARGIN = 0.25
"""Default of :attr:`Support.margin`."""
NARROW = 0.1
"""Least width that a margin is a share of: a value that never varied may still be met a little off."""
TOLERANCE = 0.1
"""Default of :attr:`Support.tolerance`."""


class Range(NamedTuple):
    """The least and the most of the values that were seen in fitting."""

    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.least:.2f} .. {self.most:.2f}"


@dataclass(frozen=True, eq=False)
class Support:
    """The ranges that a fit saw, and the rule beyond them.

    Attributes:
        features, traits: name -> range.
        origin: what else the file says of the fit: its votes, figures on those held out.
        margin: how far beyond its range a value may lie before it is outside, as a share of the range's width (of
            :data:`NARROW` at least).
        tolerance: share of the members, 0 .. 1, who may lie outside the range of a trait. A message may not.
        extrapolate: answer every request. What lies outside is still counted in the results.
    """

    features: Mapping[str, Range]
    traits: Mapping[str, Range]
    origin: Mapping[str, Any] = field(default_factory=dict)
    margin: float = MARGIN
    tolerance: float = TOLERANCE
    extrapolate: bool = False
    _known: dict[tuple[int, tuple[str, ...]], tuple[weakref.ref, dict[str, float]]] = field(
        default_factory=dict, init=False, repr=False
    )

    def check(self, values: NDArray[np.float64], voters: Voters) -> None:
        """Let messages pass before members, or refuse them.

        Args:
            values: shape (texts, features), in the order of :attr:`features`.

        Raises:
            InputError: a message, or more than :attr:`tolerance` of the members, lies outside what was fitted, and
                :attr:`extrapolate` is not declared; says which values and where.
        """
        if self.extrapolate:
            return
        if (beyond := self.beyond(values)).any():
            text = int(np.flatnonzero(beyond.any(axis=1))[0])
            told = [
                f"{name} {values[text, column]:.2f} where the fit saw {self.features[name]}"
                for column, name in enumerate(self.features)
                if beyond[text, column]
            ]
            raise self._refusal(f"a message has {', '.join(told)}")
        for name, share in self.shares(voters).items():
            if share > self.tolerance:
                raise self._refusal(
                    f"{share:.1%} of {len(voters.ids):,} members have a {name} outside the fit's {self.traits[name]}, and "
                    f"{self.tolerance:.0%} may"
                )

    def beyond(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which features of messages lie outside, shape (texts, features)."""
        low, high = np.array([self._bounds(seen) for seen in self.features.values()]).T
        return (values < low) | (values > high)

    def shares(self, voters: Voters) -> dict[str, float]:
        """Return trait -> share of the members outside, 0 .. 1.

        Rows that are a slice of a larger table of members are judged by that table, which is remembered: a crowd's
        traits are read once, no matter which parts of it are asked.
        """
        traits = _owner(voters.traits)
        key = (id(traits), voters.trait_names)
        cached = self._known.get(key)
        if cached is not None and cached[0]() is traits:
            return cached[1]
        shares = {}
        for name, seen in self.traits.items():
            column = traits[:, voters.trait_names.index(name)]
            low, high = self._bounds(seen)
            shares[name] = float(np.count_nonzero((column < low) | (column > high)) / max(1, len(column)))
        self._known[key] = (weakref.ref(traits, lambda _: self._known.pop(key, None)), shares)
        return shares

    def _bounds(self, seen: Range) -> tuple[float, float]:
        """Return between what a value lies inside."""
        slack = self.margin * max(seen.most - seen.least, NARROW)
        return seen.least - slack, seen.most + slack

    def _refusal(self, why: str) -> InputError:
        return InputError(
            "the fitted audience would extrapolate",
            why=f"{why} (a margin of {self.margin:.0%} is allowed for)",
            fix="Fit it on votes about such messages by such people, or set surrogate.support.extrapolate: true in its "
            "file: the same command then resumes, and its results say how much lay outside.",
        )


def _owner(traits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the table of which ``traits`` is a slice of rows, or ``traits`` where it is none."""
    base = traits.base
    is_slice = (
        isinstance(base, np.ndarray)
        and base.ndim == 2
        and base.dtype == traits.dtype
        and base.shape[1:] == traits.shape[1:]
        and base.strides == traits.strides
    )
    return base if is_slice else traits  # pyright: ignore[reportReturnType]
