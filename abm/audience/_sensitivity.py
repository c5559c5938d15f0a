"""How much an outcome hangs on the weights: vote shares under many choice models drawn around one.

Knows pairs of texts and shares; what the texts are about is the caller's matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from abm.audience.choice import ChoiceModel, perturbed
from abm.audience.port import Voters


class Sensitivity(NamedTuple):
    """Vote share of the first texts of pairs, and how it varies with the weights.

    Attributes:
        share: under the model itself, 0 .. 1.
        low, high: 2.5th and 97.5th percentile over the drawn models.
        above_half: share of the drawn models under which the first texts win more than half of the votes.
    """

    share: float
    low: float
    high: float
    above_half: float


def sensitivity(
    model: ChoiceModel, pairs: Sequence[tuple[str, str]], voters: Voters, *, scale: float = 0.5, draws: int = 200
) -> Sensitivity:
    """Return the expected vote share of the first text of each pair, and its spread over perturbed weights.

    Shares are exact choice probabilities, averaged over pairs, voters and both orders: no vote is drawn.

    Args:
        scale: standard deviation of the weights' noise, see :func:`abm.audience.perturbed`.
        draws: number of models, seeds 0 .. draws - 1.
    """
    drawn = np.array([_share(perturbed(model, scale, seed), pairs, voters) for seed in range(draws)])
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Sensitivity(_share(model, pairs, voters), float(low), float(high), float((drawn > 0.5).mean()))


def _share(model: ChoiceModel, pairs: Sequence[tuple[str, str]], voters: Voters) -> float:
    shown = np.tile(np.arange(2, dtype=np.int8), (len(voters.ids), 1))
    both_ways = (shown, shown[:, ::-1])
    return float(
        np.mean([model.probabilities(pair, order, voters)[:, 0].mean() for pair in pairs for order in both_ways])
    )
