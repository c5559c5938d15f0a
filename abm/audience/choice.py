"""The choice model: a transparent multinomial logit of message features and persona traits.

Utility of option s for member i (McFadden 1974, "Conditional logit analysis of qualitative choice behavior"):

    U[i, s] = sum_f (mean_f + sum_t weight_ft * trait_it) * feature_sf + first * [s stood first for i]
              + temperature * Gumbel[i, s]

For members who read the source of the messages the utility has one term more, ``(mean + sum_t weight_t * trait_it) * unsupported_s``
(:mod:`abm.audience.source`). The member chooses the largest. The noise is keyed by member and option, and every sum runs in a fixed order, so a
choice does not depend on who else is asked, in which order, or in how large a batch. Crowds go through
:mod:`moloch.kernels`, in one pass, with equal results. Weights come from :mod:`abm.audience.weights`; what members say comes from :mod:`abm.audience.thoughts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from abm.audience._features import feature_matrix
from abm.audience.port import Reactions, Voters
from abm.audience.source import SourceFindings
from abm.audience.support import Support
from abm.audience.thoughts import abstained, thought
from moloch import keyed
from moloch.errors import InputError
from moloch.keyed import Part
from populations import TRAITS

BLOCK = 1 << 16
"""Members per block: bounds memory, and keeps a block's columns in the processor's cache."""

GUARD = 1e-11
"""Difference, relative to the largest utility that traits in -1 .. 1 can give, below which a compiled choice is made
again by numpy. Rounding errors of either stay below a hundredth of it."""

LARGEST_NOISE = 37.0
"""Largest Gumbel noise that a draw of 53 bits can give: -log(-log(1 - 2**-53))."""


@dataclass(frozen=True, eq=False)
class ChoiceModel:
    """A declared logit.

    Attributes:
        name: what results call it.
        weights: shape (features, 1 + traits): the mean weight, then one weight per trait of ``traits``.
        first: utility of standing first.
        temperature: scale of the noise, above 0; near 0 members take what their utility says.
        abstain: utility of choosing nothing, with noise of its own; None if every member must choose.
        thoughts: whether members say why in :meth:`react`; a crowd is asked with :meth:`choose`.
        traits: names of the traits that have weights; voters may have others beside them.
        support: what the weights were fitted on; None where they were declared.
        unsupported: shape (1 + traits,), weights of claims that the source does not support, for members who read it; None where
            they cannot.
        found: shape (n,), how strongly they notice such claims in each text of the contest that the model is before
            (:meth:`informed`); None before all others.
    """

    name: str
    weights: NDArray[np.float64]
    first: float = 0.0
    temperature: float = 1.0
    abstain: float | None = None
    thoughts: bool = True
    traits: tuple[str, ...] = TRAITS
    support: Support | None = None
    unsupported: NDArray[np.float64] | None = None
    found: NDArray[np.float64] | None = None

    def informed(self, source: SourceFindings) -> ChoiceModel:
        """Return the model before one contest whose source was read; see :class:`abm.audience.Informable`.

        Raises:
            InputError: no weight says what an unsupported claim means to its members.
        """
        if self.unsupported is None:
            raise InputError(
                f"the audience {self.name!r} cannot read sources",
                why="it gives no weight to claims that the source does not support",
                fix="Add it to its file, for example unsupported: {mean: -2.0}, or leave source_readers out.",
            )
        return replace(self, found=source.unsupported)

    def source_weights(self, voters: Voters) -> NDArray[np.float64]:
        """Return what an unsupported claim weighs for each member who reads the source, shape (k,); 0 where no weight is given."""
        if self.unsupported is None:
            return np.zeros(len(voters.ids))
        weights = np.full(len(voters.ids), self.unsupported[0])
        for row, column in enumerate(self._columns(voters), start=1):
            weights += self.unsupported[row] * voters.traits[:, column].astype(np.float64)
        return weights

    def react(self, texts: Sequence[str], shown: NDArray[np.int8], voters: Voters, key: tuple[Part, ...]) -> Reactions:
        """Return every member's choice among ``texts``; see :class:`abm.audience.Audience`."""
        choices = self.choose(texts, shown, voters, key)
        thoughts = self.say(texts, shown, choices, voters, key) if self.thoughts else []
        return Reactions(choices, thoughts)

    def choose(
        self, texts: Sequence[str], shown: NDArray[np.int8], voters: Voters, key: tuple[Part, ...]
    ) -> NDArray[np.int16]:
        """Return every member's choice among ``texts`` without its thoughts; see :class:`abm.audience.Chooser`.

        Raises:
            ValueError: ``shown`` is not of one row per member and one column per text, or a trait is missing.
            InputError: a fitted model would have to extrapolate, see :class:`abm.audience.Support`.
        """
        if shown.shape != (len(voters.ids), len(texts)):
            raise ValueError(f"orders of shape {shown.shape} for {len(voters.ids)} members and {len(texts)} texts")
        slopes = self._slopes(self.read(texts, voters))
        if len(voters.ids) >= keyed.MANY and (compiled := keyed.kernels()) is not None:
            choices, left = self._fused(compiled, slopes, shown, voters, key)
        else:
            choices, left = np.empty(len(voters.ids), dtype=np.int16), np.arange(len(voters.ids))
        for start in range(0, len(left), BLOCK):
            rows = left[start : start + BLOCK]
            utility = self._utility(slopes, voters, rows)
            for option in range(len(texts)):
                utility[option] += self.first * (shown[rows, 0] == option)
            choices[rows] = self._choose(utility, voters.ids[rows], key)
        return choices

    def probabilities(self, texts: Sequence[str], shown: NDArray[np.int8], voters: Voters) -> NDArray[np.float64]:
        """Return each member's chance of choosing each text, shape (k, n); less than 1 in sum if it may abstain.

        Raises:
            InputError: as :meth:`choose`.
        """
        utility = self._utility(self._slopes(self.read(texts, voters)), voters, slice(None))
        utility += self.first * (shown[:, 0] == np.arange(len(texts))[:, None])
        none = np.full((0 if self.abstain is None else 1, utility.shape[1]), self.abstain or 0.0)
        scaled = np.concatenate([utility, none]) / self.temperature
        odds = np.exp(scaled - scaled.max(axis=0))
        return (odds / odds.sum(axis=0))[: len(texts)].T

    def read(self, texts: Sequence[str], voters: Voters) -> NDArray[np.float64]:
        """Return the features of ``texts``, shape (n, features), once they and the members are known to be in reach.

        Raises:
            InputError: a fitted model would have to extrapolate.
        """
        values = feature_matrix(texts)
        if self.support is not None:
            self.support.check(values, voters)
        return values

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

    def _columns(self, voters: Voters) -> list[int]:
        """Return the columns that hold the model's traits, in its order.

        Raises:
            ValueError: a trait is missing.
        """
        return [voters.trait_names.index(trait) for trait in self.traits]

    def _member_weights(self, voters: Voters) -> NDArray[np.float64]:
        """Return every member's own weight of each feature, shape (k, features)."""
        weights = np.tile(self.weights[:, 0], (len(voters.ids), 1))
        for row, column in enumerate(self._columns(voters), start=1):
            weights += np.multiply.outer(voters.traits[:, column].astype(np.float64), self.weights[:, row])
        return weights

    def _slopes(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return each text's utility without traits, then per unit of each trait, shape (n, 1 + traits).

        Features are folded into the trait weights first: n columns of traits' length, not one per feature.
        """
        slopes = (values[:, :, None] * self.weights).sum(axis=1)
        if self.found is not None and self.unsupported is not None:
            slopes += self.found[:, None] * self.unsupported
        return slopes

    def _utility(
        self, slopes: NDArray[np.float64], voters: Voters, rows: slice | NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return utilities without position and noise, shape (n, members of ``rows``)."""
        traits = voters.traits[rows]
        utility = np.repeat(slopes[:, :1], len(traits), axis=1)
        for row, column in enumerate(self._columns(voters), start=1):
            trait = traits[:, column].astype(np.float64)
            for option in range(len(slopes)):
                utility[option] += slopes[option, row] * trait
        return utility

    def _fused(
        self,
        compiled: ModuleType,
        slopes: NDArray[np.float64],
        shown: NDArray[np.int8],
        voters: Voters,
        key: tuple[Part, ...],
    ) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
        """Return all choices from one compiled pass, and the rows that it left: too close for its rounding errors."""
        n, none = len(slopes), 0 if self.abstain is None else 1
        placed = np.zeros((n + none, 1 + voters.traits.shape[1]))  # in the order of the voters' columns
        placed[:n, [0, *(1 + column for column in self._columns(voters))]] = slopes
        placed[n:, 0] = self.abstain or 0.0
        labels = np.array([*range(n), *[-1] * none], dtype=np.int16)
        choices = np.empty(len(voters.ids), dtype=np.int16)
        close = compiled.choose(
            keyed.counters(voters.ids),
            voters.traits,
            placed,
            labels,
            np.array([keyed.words(*key, option) for option in labels.tolist()]),
            np.ascontiguousarray(shown[:, 0]),  # strides stop vector instructions
            self.first,
            self.temperature,
            GUARD * (np.abs(placed).sum(axis=1).max() + abs(self.first) + LARGEST_NOISE * self.temperature),
            choices,
        )
        return choices, np.flatnonzero(choices < -1) if close else np.zeros(0, dtype=np.int64)

    def _choose(self, utility: NDArray[np.float64], ids: NDArray[np.int64], key: tuple[Part, ...]) -> NDArray[np.int64]:
        """Return the option of largest noisy utility for each member, or -1 where choosing none is larger."""
        best, choice = np.full(len(ids), -np.inf), np.full(len(ids), -1)
        options = list(enumerate(utility)) + ([] if self.abstain is None else [(-1, np.array(self.abstain))])
        for option, value in options:
            noisy = value - self.temperature * np.log(-np.log(keyed.uniforms(ids, *key, option)))
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
        utility = self._utility(self._slopes(values), voters, slice(None))
        if self.found is not None:  # the last reason is what the source says
            values = np.column_stack([values, self.found])
            weights = np.column_stack([weights, self.source_weights(voters)])
        thoughts = []
        for i, choice in enumerate(choices):
            if choice < 0:
                thoughts.append(abstained(wording[i]))
                continue
            rival = max((s for s in range(len(values)) if s != choice), key=lambda s: utility[s, i])
            difference = values[choice] - values[rival]
            seen = shown[i].tolist()
            letters = (_letter(seen.index(choice)), _letter(seen.index(rival)))
            thoughts.append(thought(weights[i] * difference, difference, letters, wording[i]))
        return thoughts


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


def _letter(position: int) -> str:
    return chr(ord("A") + position)
