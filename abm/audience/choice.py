"""The choice model: a transparent multinomial logit of message features and persona traits.

Utility of option s for member i (McFadden 1974, "Conditional logit analysis of qualitative choice behavior"):

    U[i, s] = sum_f (mean_f + sum_t weight_ft * trait_it) * feature_sf + first * [s stood first for i]
              + temperature * Gumbel[i, s]

The member chooses the largest. The noise is keyed by member and option, and every sum runs in a fixed order, so a
choice does not depend on who else is asked, in which order, or in how large a batch. Weights come from
:mod:`abm.audience.weights`; what members say comes from :mod:`abm.audience.thoughts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from abm import keyed
from abm.audience.features import feature_matrix
from abm.audience.port import Reactions, Voters
from abm.audience.thoughts import abstained, thought
from abm.keyed import Part
from populations import TRAITS

BLOCK = 1 << 16
"""Members per block: bounds memory, and keeps a block's columns in the processor's cache."""


@dataclass(frozen=True, eq=False)
class ChoiceModel:
    """A declared logit.

    Attributes:
        name: what results call it.
        weights: shape (features, 1 + traits): the mean weight, then one weight per trait of ``TRAITS``.
        first: utility of standing first.
        temperature: scale of the noise, above 0; near 0 members take what their utility says.
        abstain: utility of choosing nothing, with noise of its own; None if every member must choose.
        thoughts: whether members say why; off for very large audiences.
    """

    name: str
    weights: NDArray[np.float64]
    first: float = 0.0
    temperature: float = 1.0
    abstain: float | None = None
    thoughts: bool = True

    def react(self, texts: Sequence[str], shown: NDArray[np.int8], voters: Voters, key: tuple[Part, ...]) -> Reactions:
        """Return every member's choice among ``texts``; see :class:`abm.audience.Audience`."""
        values = feature_matrix(texts)
        if shown.shape != (len(voters.ids), len(texts)):
            raise ValueError(f"orders of shape {shown.shape} for {len(voters.ids)} members and {len(texts)} texts")
        choices = np.empty(len(voters.ids), dtype=np.int16)
        for start in range(0, len(choices), BLOCK):
            rows = slice(start, start + BLOCK)
            utility = self._utility(values, voters, rows)
            for option in range(len(texts)):
                utility[option] += self.first * (shown[rows, 0] == option)
            choices[rows] = self._choose(utility, voters.ids[rows], key)
        thoughts = self._thoughts(values, shown, choices, voters, key) if self.thoughts else []
        return Reactions(choices, thoughts)

    def probabilities(self, texts: Sequence[str], shown: NDArray[np.int8], voters: Voters) -> NDArray[np.float64]:
        """Return each member's chance of choosing each text, shape (k, n); less than 1 in sum if it may abstain."""
        utility = self._utility(feature_matrix(texts), voters, slice(None))
        utility += self.first * (shown[:, 0] == np.arange(len(texts))[:, None])
        none = np.full((0 if self.abstain is None else 1, utility.shape[1]), self.abstain or 0.0)
        scaled = np.concatenate([utility, none]) / self.temperature
        odds = np.exp(scaled - scaled.max(axis=0))
        return (odds / odds.sum(axis=0))[: len(texts)].T

    def contributions(self, text: str, other: str, voters: Voters) -> NDArray[np.float64]:
        """Return each feature's part in the utility of ``text`` less that of ``other``, shape (k, features)."""
        values = feature_matrix([text, other])
        return self._member_weights(voters) * (values[0] - values[1])

    def say(
        self,
        texts: Sequence[str],
        shown: NDArray[np.int8],
        choices: NDArray[np.int16],
        voters: Voters,
        key: tuple[Part, ...],
    ) -> list[str]:
        """Return why each member made its choice among ``texts``, by the terms of its utility; as :meth:`react` does."""
        return self._thoughts(feature_matrix(texts), shown, choices, voters, key)

    def _member_weights(self, voters: Voters) -> NDArray[np.float64]:
        """Return every member's own weight of each feature, shape (k, features)."""
        weights = np.tile(self.weights[:, 0], (len(voters.ids), 1))
        for row, column in enumerate(_columns(voters), start=1):
            weights += np.multiply.outer(voters.traits[:, column].astype(np.float64), self.weights[:, row])
        return weights

    def _utility(self, values: NDArray[np.float64], voters: Voters, rows: slice) -> NDArray[np.float64]:
        """Return utilities without position and noise, shape (n, members of ``rows``).

        Features are folded into the trait weights first: n columns of traits' length, not one per feature.
        """
        slopes = (values[:, :, None] * self.weights).sum(axis=1)
        traits = voters.traits[rows]
        utility = np.repeat(slopes[:, :1], len(traits), axis=1)
        for row, column in enumerate(_columns(voters), start=1):
            trait = traits[:, column].astype(np.float64)
            for option in range(len(values)):
                utility[option] += slopes[option, row] * trait
        return utility

    def _choose(self, utility: NDArray[np.float64], ids: NDArray[np.int64], key: tuple[Part, ...]) -> NDArray[np.int64]:
        """Return the option of largest noisy utility for each member, or -1 where choosing none is larger."""
        best, choice = np.full(len(ids), -np.inf), np.full(len(ids), -1)
        options = list(enumerate(utility)) + ([] if self.abstain is None else [(-1, np.array(self.abstain))])
        for option, known in options:
            noisy = known - self.temperature * np.log(-np.log(keyed.uniforms(ids, *key, option)))
            choice[noisy > best] = option
            np.maximum(best, noisy, out=best)
        return choice

    def _thoughts(
        self,
        values: NDArray[np.float64],
        shown: NDArray[np.int8],
        choices: NDArray[np.int16],
        voters: Voters,
        key: tuple[Part, ...],
    ) -> list[str]:
        wording = keyed.uniforms(voters.ids, *key, "wording")
        weights = self._member_weights(voters)
        utility = self._utility(values, voters, slice(None))
        said = []
        for i, choice in enumerate(choices):
            if choice < 0:
                said.append(abstained(wording[i]))
                continue
            rival = max((s for s in range(len(values)) if s != choice), key=lambda s: utility[s, i])
            difference = values[choice] - values[rival]
            seen = shown[i].tolist()
            letters = (_letter(seen.index(choice)), _letter(seen.index(rival)))
            said.append(thought(weights[i] * difference, difference, letters, wording[i]))
        return said


def perturbed(model: ChoiceModel, scale: float, seed: int) -> ChoiceModel:
    """Return ``model`` with random weights around its own, to report how much an outcome hangs on them.

    Adds normal noise to the weights (mean and traits) of every feature that the model uses; features with no
    weight at all stay without, so that a neutral audience stays neutral. Signs may change.

    Args:
        scale: standard deviation of the noise, in units of the root mean square of the model's non-zero weights.
        seed: decides the draw.
    """
    used = model.weights.any(axis=1, keepdims=True)
    size = float(np.sqrt(np.mean(model.weights[model.weights != 0] ** 2))) if used.any() else 0.0
    draws = keyed.generator(seed, "perturbed").normal(0.0, scale * size, model.weights.shape)
    return replace(model, name=f"{model.name}~{scale:g}/{seed}", weights=model.weights + draws * used)


def _columns(voters: Voters) -> list[int]:
    """Return the columns that hold the model's traits, in its order.

    Raises:
        ValueError: a trait is missing.
    """
    return [voters.trait_names.index(trait) for trait in TRAITS]


def _letter(position: int) -> str:
    return chr(ord("A") + position)
