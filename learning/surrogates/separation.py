"""Votes that leave a fit undetermined are refused: nearly all for one place, or nearly all predicted by the messages.

A likelihood of (nearly) separated choices has its maximum at infinity (Albert & Anderson 1984): what is reported then is the
penalty, not the readers. Knows votes and fits; fits nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from abm.audience.weights import LARGEST
from learning.surrogates.logit import ChoiceData, probabilities
from learning.surrogates.votes import LoggedVotes
from moloch.errors import InputError

ONE_PLACE = 0.85
"""Share of votes for one place, at most. A vote tells 4 p (1 - p) of what it would tell of messages if both places were alike: at
85 % half, at 93 % a quarter, at 100 % nothing."""
PREDICTED = 0.97
"""Share of the fitted votes that are for the option held most likely, at most: beyond it a plane through features and traits
separates them, and weights are as large as the penalty lets them be."""
LOOSE_ERROR = 1.0
"""Standard error of the utility of standing first, at most: beyond it even odds of 1 : 7 and 7 : 1 are open."""
FIX = "Fit the votes of readers who choose by content: moloch llm check MODEL --arena ARENA --audience llm; with reader.answer=letters both orders are averaged."


def check_places(votes: LoggedVotes) -> None:
    """Refuse votes of which nearly all are for one place.

    Raises:
        InputError: more than :data:`ONE_PLACE` are.
    """
    for options in np.unique(votes.options).tolist():
        places = votes.positions[votes.options == options]
        chosen = places[places >= 0]
        counts = np.bincount(chosen, minlength=options)
        if len(chosen) and counts.max() > ONE_PLACE * len(chosen):
            place = int(counts.argmax())
            name = "first" if place == 0 else "last" if place == options - 1 else f"{place + 1}th"
            raise _refusal(
                f"{counts.max():,} of {len(chosen):,} votes ({counts.max() / len(chosen):.0%}) are for the {name} place of {options}, "
                "whatever stood there"
            )


def check_fit(fitted: ChoiceData, theta: NDArray[np.float64], errors: NDArray[np.float64]) -> None:
    """Refuse a fit that its votes do not determine.

    Args:
        theta, errors: parameters and their standard errors, as :mod:`learning.surrogates.logit` gives them.

    Raises:
        InputError: the votes are predicted, a weight is at its bound, or the utility of standing first is open.
    """
    likeliest = probabilities(fitted, theta).argmax(axis=1)
    predicted = float((likeliest == np.where(fitted.choice < 0, fitted.values.shape[1], fitted.choice)).mean())
    if predicted > PREDICTED:
        raise _refusal(
            f"{predicted:.1%} of {len(fitted):,} votes are predicted by the messages: the readers have no noise"
        )
    if (np.abs(theta) >= LARGEST).any():
        raise _refusal(f"a weight runs to its bound of {LARGEST:g}")
    if (error := float(errors[0])) > LOOSE_ERROR:
        raise _refusal(f"the utility of standing first is known to ± {1.96 * error:.1f} only")


def _refusal(why: str) -> InputError:
    return InputError("these votes do not determine an audience: they are nearly separated", why=why, fix=FIX)
