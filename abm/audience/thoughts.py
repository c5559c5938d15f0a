"""What members say about their choice: templates filled with what truly moved them.

A thought compares the chosen option with the best other one. The contributions are the terms of that member's
utility difference, one per feature; the noise is none of them. Knows nothing of how choices are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.audience._features import Feature, features

LITTLE = 0.1
"""Utility below which a difference is called little: it moves a choice between two options by 2.5 points at most."""

SECOND = 0.5
"""A second reason is named where it weighs at least this share of the first."""

UNSUPPORTED = Feature(
    "unsupported", "misbehaviour", 1.0, None, "says more than its source does", "claims what its source does not say"
)
"""What a member notices that reads the source; it is no feature of a text alone."""

# {x}: letter of the chosen option, {y}: of the other. One reason, or two of the same kind joined by "and", fill {says}.
_FOR = ("I am drawn to option {x} because it {says}.", "Option {x} is for me: it {says}.")
_AGAINST = ("Option {y} {says}, so I go with option {x}.", "I take option {x}, because option {y} {says}.")
_FOR_AND_AGAINST = (
    "I am drawn to option {x} because it {liked}; option {y} {disliked}.",
    "Option {x} is for me: it {liked}. Option {y} {disliked}.",
)
_AGAINST_AND_FOR = (
    "Option {y} {disliked}, so I go with option {x}: it {liked}.",
    "I pass on option {y}, because it {disliked}. Option {x} {liked}.",
)
_LITTLE = ("There is little between them; I go with option {x}.", "I could go either way, and take option {x}.")
_FOR_THE_OTHER = (
    "Option {y} {says}, and still I go with option {x}.",
    "It is true that option {y} {says}, but I take option {x}.",
)
_AGAINST_OWN = ("Option {x} {says}, and still I go with it.", "It is true that option {x} {says}, but I take it.")
_ABSTAINED = ("None of them is for me.", "I choose none of them.")


class Reason(NamedTuple):
    """One term of a utility difference.

    Attributes:
        feature: index of the feature.
        about_choice: whether it is said about the chosen option, which has more of the feature, or about the other.
        liked: whether the member likes the feature.
    """

    feature: int
    about_choice: bool
    liked: bool

    @property
    def says(self) -> str:
        """The reason, after "option A"."""
        feature = (*features(), UNSUPPORTED)[self.feature]
        return feature.liked if self.liked else feature.disliked


def thought(
    contributions: NDArray[np.float64], values: NDArray[np.float64], letters: tuple[str, str], draw: float
) -> str:
    """Return what a member says who chose one option over another.

    Where the utilities differ by less than :data:`LITTLE` the thought says so; where the noise overcame a larger
    difference it names what spoke for the other option, or against the chosen one. Else it names the largest
    contribution, and the second one if it weighs at least :data:`SECOND` of it.

    Args:
        contributions: shape (features,), utility of the chosen option less that of the other, per feature; one more where the source
            was read, for what it does not support.
        values: of the same shape, feature values of the chosen option less those of the other.
        letters: of the chosen option and of the other, in this member's own order.
        draw: 0 .. 1, picks the wording.
    """
    total = contributions.sum()
    if abs(total) < LITTLE:
        return _say(_LITTLE, letters, draw)
    signed = contributions if total > 0 else -contributions
    first, second = np.argsort(-signed, kind="stable")[:2]
    reasons = [_reason(int(f), contributions, values) for f in (first, second)]
    if total < 0:
        return _say(_AGAINST_OWN if reasons[0].about_choice else _FOR_THE_OTHER, letters, draw, says=reasons[0].says)
    if signed[second] < SECOND * signed[first]:
        return _say(_FOR if reasons[0].liked else _AGAINST, letters, draw, says=reasons[0].says)
    if reasons[0].liked == reasons[1].liked:
        both = f"{reasons[0].says} and {reasons[1].says}"
        return _say(_FOR if reasons[0].liked else _AGAINST, letters, draw, says=both)
    liked, disliked = sorted(reasons, key=lambda reason: not reason.liked)
    forms = _FOR_AND_AGAINST if reasons[0].liked else _AGAINST_AND_FOR
    return _say(forms, letters, draw, liked=liked.says, disliked=disliked.says)


def abstained(draw: float) -> str:
    """Return what a member says who chose nothing."""
    return _say(_ABSTAINED, ("", ""), draw)


def _reason(feature: int, contributions: NDArray[np.float64], values: NDArray[np.float64]) -> Reason:
    has_more = bool(values[feature] > 0)
    return Reason(feature, has_more, liked=bool((contributions[feature] > 0) == has_more))


def _say(forms: Sequence[str], letters: tuple[str, str], draw: float, **reasons: str) -> str:
    return forms[int(draw * len(forms))].format(x=letters[0], y=letters[1], **reasons)
