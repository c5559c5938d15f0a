"""The choice model: a transparent multinomial logit of message features and persona traits.

Utility of option s for member i (McFadden 1974, "Conditional logit analysis of qualitative choice behavior"):

    U[i, s] = sum_f (mean_f + sum_t weight_ft * trait_it) * feature_sf + first * [s stood first for i] + Gumbel[i, s]

The noise is keyed by member and option, so that a choice does not depend on who else is asked. Every member
chooses; a model whose options are all equal chooses by the noise alone. A thought names what truly moved it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from abm import keyed
from abm.audience.features import feature_matrix, feature_names, features
from abm.audience.port import Reactions, Voters
from abm.errors import InputError
from abm.keyed import Part
from populations import TRAITS

BUILT_IN = ("default", "neutral")

_LIKED = ("I am drawn to option {letter} because it {says}.", "Option {letter} {says}, and I like that.", "Option {letter} is for me: it {says}.")
_DISLIKED = ("Option {letter} {says}, and that puts me off.", "I do not like that option {letter} {says}.", "Option {letter} {says}; I prefer the other way.")
_NOISE = ("There is little between them; I go with option {letter}.", "I could go either way, and take option {letter}.")


@dataclass(frozen=True)
class ChoiceModel:
    """A fitted or declared logit.

    Attributes:
        weights: shape (features, 1 + traits): the mean weight, then one weight per trait of ``TRAITS``.
        first: utility of standing first.
        thoughts: whether members say why; off for very large audiences.
    """

    name: str
    weights: NDArray[np.float64]
    first: float = 0.0
    thoughts: bool = True

    def member_weights(self, voters: Voters) -> NDArray[np.float64]:
        """Return every member's own weight of each feature, shape (k, features)."""
        columns = [voters.trait_names.index(trait) for trait in TRAITS]
        return self.weights[:, 0] + voters.traits[:, columns] @ self.weights[:, 1:].T

    def react(
        self, texts: Sequence[str], shown: NDArray[np.int8], voters: Voters, key: tuple[Part, ...]
    ) -> Reactions:
        """Return every member's choice among ``texts``; see :class:`abm.audience.Audience`."""
        values = feature_matrix(texts)
        weights = self.member_weights(voters)
        utility = weights @ values.T
        utility[np.arange(len(shown)), shown[:, 0]] += self.first
        noise = np.stack([keyed.uniforms(voters.ids, *key, option) for option in range(len(texts))], axis=1)
        choices = np.argmax(utility - np.log(-np.log(noise)), axis=1).astype(np.int16)
        thoughts = self._thoughts(values, weights, shown, choices, voters, key) if self.thoughts else []
        return Reactions(choices, thoughts)

    def _thoughts(
        self, values: NDArray[np.float64], weights: NDArray[np.float64], shown: NDArray[np.int8],
        choices: NDArray[np.int16], voters: Voters, key: tuple[Part, ...],
    ) -> list[str]:  # fmt: skip
        wording = keyed.uniforms(voters.ids, *key, "wording")
        utility = weights @ values.T
        out = []
        for i, choice in enumerate(choices):
            others = [option for option in range(len(values)) if option != choice]
            rival = max(others, key=lambda option: utility[i, option])
            moved = weights[i] * (values[choice] - values[rival])
            out.append(_thought(int(choice), rival, moved, values, list(shown[i]), wording[i]))
        return out


def _thought(
    choice: int, rival: int, moved: NDArray[np.float64], values: NDArray[np.float64], shown: list[int], draw: float
) -> str:
    """Return what a member says: the feature with the largest contribution to choosing ``choice`` over ``rival``."""
    top = int(np.argmax(moved))
    if moved[top] <= 1e-9:
        return _said(_NOISE, draw, shown.index(choice), "")
    liked = values[choice, top] > values[rival, top]
    forms, about = (_LIKED, choice) if liked else (_DISLIKED, rival)
    return _said(forms, draw, shown.index(about), features()[top].says)


def _said(forms: Sequence[str], draw: float, position: int, says: str) -> str:
    return forms[int(draw * len(forms))].format(letter=chr(65 + position), says=says)


def perturbed(model: ChoiceModel, scale: float, seed: int) -> ChoiceModel:
    """Return ``model`` with each non-zero weight multiplied by a log-normal factor, to test how much it matters.

    Args:
        scale: standard deviation of the logarithm; 0.5 lets a weight halve or double within about 1.4 sigma.
    """
    draws = keyed.generator(seed, "perturbed").normal(0.0, scale, model.weights.shape)
    return ChoiceModel(f"{model.name}~{scale:g}/{seed}", model.weights * np.exp(draws), model.first, model.thoughts)


def audience(name: str) -> ChoiceModel:
    """Return a built-in choice model (``"default"``, ``"neutral"``) or the one in a YAML file.

    Raises:
        InputError: no such audience, or a file that is not one; names the key and the reason.
    """
    if name in BUILT_IN:
        return _built_in(name)
    path = Path(name)
    if path.suffix not in {".yaml", ".yml"}:
        raise InputError(
            f"unknown audience {name!r}", mend=f"Choose one of {', '.join(BUILT_IN)}, or give the path of a YAML file."
        )
    try:
        raw = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot read the audience", where=name, why=str(error)) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise InputError("not valid YAML", where=where, why=str(error.problem)) from error
    return _parse(raw, name)


@cache
def _built_in(name: str) -> ChoiceModel:
    text = resources.files("abm").joinpath(f"audience/data/{name}.yaml").read_text("utf-8")
    return _parse(yaml.safe_load(text), f"audience {name}")


def _parse(raw: Any, where: str) -> ChoiceModel:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("weights"), Mapping):
        raise InputError("not a choice model", where=where, why="it has no mapping 'weights'")
    if unknown := set(raw) - {"name", "first", "weights"}:
        raise InputError(f"unknown key {min(unknown)!r}", where=where, mend="Keys are name, first, weights.")
    names = feature_names()
    weights = np.zeros((len(names), 1 + len(TRAITS)))
    for feature, row in raw["weights"].items():
        _check(feature in names, f"unknown feature {feature!r}", where, f"Features are {', '.join(names)}.")
        _check(isinstance(row, Mapping), f"weights of {feature!r} must be a mapping", where, "For example {mean: 0.3}.")
        for column, value in row.items():
            _check(
                column in ("mean", *TRAITS), f"unknown trait {column!r} of feature {feature!r}", where,
                f"Give mean or one of {', '.join(TRAITS)}.",
            )
            _check(_is_number(value), f"weight {feature}.{column} must be a finite number", where, "")
            weights[names.index(feature), ("mean", *TRAITS).index(column)] = value
    first = raw.get("first", 0.0)
    _check(_is_number(first), "'first' must be a finite number", where, "")
    return ChoiceModel(str(raw.get("name", where)), weights, float(first))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _check(condition: bool, what: str, where: str, mend: str) -> None:
    if not condition:
        raise InputError(what, where=where, mend=mend)
