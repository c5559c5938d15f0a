"""What a fitted audience was fitted on, and what it does when it is asked about something else: it refuses, or counts.

Knows ranges of message features and persona traits; knows nothing of how a weight is fitted, nor of files. Ranges are
looked at one by one: two values that never came together may each lie inside.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.audience.port import Voters
from abm.errors import InputError

MARGIN = 0.25
"""Default of :attr:`Support.margin`."""
TOLERANCE = 0.05
"""Default of :attr:`Support.tolerance`."""


class Range(NamedTuple):
    """Values that were seen in fitting: the least, the 0.5th and 99.5th percentile, the most."""

    least: float
    low: float
    high: float
    most: float


class Outside(NamedTuple):
    """How much of what is asked lies outside.

    Attributes:
        texts, texts_outside: messages, and those of which at least one feature lies outside.
        features: feature -> messages outside; those with none are left out.
        members: how many.
        traits: trait -> share of the members outside; those with none are left out.
    """

    texts: int
    texts_outside: int
    features: dict[str, int]
    members: int
    traits: dict[str, float]


@dataclass(frozen=True, eq=False)
class Support:
    """The ranges that a fit saw, and the rule beyond them.

    Attributes:
        features, traits: name -> range.
        margin: how far beyond its range a value may lie, as a share of the range's width, before it is outside.
        tolerance: largest share outside, 0 .. 1, that is let pass: of a contest's messages, and of the members by trait.
        extrapolate: answer whatever is asked; what lay outside can be counted from the log with :meth:`outside`.
        origin: what else the file says of the fit: source, votes, figures on held-out votes.
    """

    features: Mapping[str, Range]
    traits: Mapping[str, Range]
    margin: float = MARGIN
    tolerance: float = TOLERANCE
    extrapolate: bool = False
    origin: Mapping[str, Any] = field(default_factory=dict)
    _known: dict[tuple[int, tuple[str, ...]], tuple[weakref.ref, dict[str, float]]] = field(
        default_factory=dict, init=False, repr=False
    )

    def bounds(self, seen: Range) -> tuple[float, float]:
        """Return between what a value lies inside."""
        slack = self.margin * (seen.most - seen.least)
        return seen.least - slack, seen.most + slack

    def outside(self, values: NDArray[np.float64], voters: Voters) -> Outside:
        """Return how much of the messages and of the members lies outside.

        Args:
            values: shape (texts, features), in the order of :attr:`features`.
        """
        beyond = self._texts(values)
        counts = dict(zip(self.features, beyond.sum(axis=0).tolist(), strict=True))
        shares = self.shares(voters)
        return Outside(
            len(values),
            int(beyond.any(axis=1).sum()),
            {name: count for name, count in counts.items() if count},
            len(voters.ids),
            {name: share for name, share in shares.items() if share},
        )

    def check(self, values: NDArray[np.float64], voters: Voters) -> None:
        """Let a contest pass, or refuse it; members are looked at once for a crowd, not once for a contest.

        Args:
            values: as for :meth:`outside`.

        Raises:
            InputError: more than :attr:`tolerance` lies outside, and :attr:`extrapolate` is not declared; says what.
        """
        if self.extrapolate:
            return
        beyond = self._texts(values)
        if beyond.any() and (share := beyond.any(axis=1).mean()) > self.tolerance:
            raise self._refusal(f"{share:.0%} of {len(values)} messages", self._worst_features(values, beyond))
        over = {name: share for name, share in self.shares(voters).items() if share > self.tolerance}
        if over:
            told = [f"{name} of {share:.1%} not in {self._told(self.traits[name])}" for name, share in over.items()]
            raise self._refusal(f"too many of {len(voters.ids):,} members", told)

    def shares(self, voters: Voters) -> dict[str, float]:
        """Return trait -> share of the members outside, 0 .. 1.

        Rows that are a slice of a larger table of members are judged by that table, which is remembered: a crowd's
        traits are read once, whatever parts of it are asked.
        """
        whole = _owner(voters.traits)
        key = (id(whole), voters.trait_names)
        known = self._known.get(key)
        if known is not None and known[0]() is whole:
            return known[1]
        found = {}
        for name, seen in self.traits.items():
            column = whole[:, voters.trait_names.index(name)]
            low, high = self.bounds(seen)
            found[name] = float(np.count_nonzero((column < low) | (column > high)) / max(1, len(column)))
        self._known[key] = (weakref.ref(whole, lambda _: self._known.pop(key, None)), found)
        return found

    def _texts(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which values lie outside, shape (texts, features)."""
        low, high = np.array([self.bounds(seen) for seen in self.features.values()]).reshape(-1, 2).T
        return (values < low) | (values > high)

    def _worst_features(self, values: NDArray[np.float64], beyond: NDArray[np.bool_]) -> list[str]:
        told = []
        for column in np.flatnonzero(beyond.any(axis=0)).tolist():
            name, seen = list(self.features.items())[column]
            low, high = self.bounds(seen)
            asked = values[beyond[:, column], column]
            furthest = asked[np.argmax(np.maximum(low - asked, asked - high))]
            told.append(f"{name} {furthest:.2f} not in {self._told(seen)}")
        return told

    def _told(self, seen: Range) -> str:
        return f"{seen.least:.2f} .. {seen.most:.2f}"

    def _refusal(self, what: str, why: Sequence[str]) -> InputError:
        return InputError(
            f"the fitted audience does not extrapolate in silence: {what} lie outside what it was fitted on",
            why=f"{'; '.join(why)} (margin {self.margin:.0%} of the range, tolerance {self.tolerance:.0%})",
            mend="Fit it on votes about such messages and by such people, or set extrapolate: true in its file "
            "(surrogate.support) and report the share outside (moloch audience RUN).",
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
