"""Traits: what a choice model knows of a persona, derived from its attributes and words by rules that are data.

The rules are in ``populations/data/traits.yaml`` and in docs/audience.md. Nothing is random, no model is asked, and
what a persona chooses plays no part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from populations.personas import Persona

TRAITS: tuple[str, ...] = ("skepticism", "warmth", "thrift", "energy", "patience", "anger", "deference", "belonging")
"""The traits, in the order of the columns of :func:`trait_matrix`."""

WORD_WEIGHT = 0.3
"""What one word of a lexicon adds to its trait."""

FULL_WORDS = 80
"""Length of a biography in words up to which each hit counts fully. In one that is x times longer a hit counts
1 / sqrt(x): chance hits vary with the root of the length, and a long telling is not an extreme person."""

_LETTERS = {
    "E": "extrovert", "I": "introvert", "S": "sensor", "N": "intuitive",
    "T": "thinker", "F": "feeler", "J": "judger", "P": "perceiver",
}  # fmt: skip


@cache
def _rules() -> dict[str, Any]:
    return yaml.safe_load(resources.files("populations").joinpath("data/traits.yaml").read_text("utf-8"))


@cache
def _lexicon() -> Mapping[str, tuple[tuple[re.Pattern[str], int], ...]]:
    """Return trait -> patterns with their signs."""
    return {
        trait: tuple((_pattern(sides[side]), sign) for side, sign in (("more", 1), ("less", -1)) if side in sides)
        for trait, sides in _rules()["words"].items()
    }


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    """Return a pattern for whole words; ``doubt*`` matches every word with this beginning."""
    return re.compile(r"\b(?:" + "|".join(re.escape(w).replace(r"\*", r"\w*") for w in words) + r")\b")


def traits(persona: Persona) -> dict[str, float]:
    """Return trait -> value in -1 .. 1 by the documented rules; 0 where nothing is known."""
    values: dict[str, float] = dict.fromkeys(TRAITS, 0.0)
    about = persona.about.lower()
    weight = WORD_WEIGHT * min(1.0, (FULL_WORDS / max(1, len(about.split()))) ** 0.5)
    for trait, sides in _lexicon().items():
        values[trait] += weight * sum(sign * len(set(pattern.findall(about))) for pattern, sign in sides)
    for effects, factor in _effects(persona, _rules()):
        for trait, value in effects.items():
            values[trait] += factor * value
    return {trait: min(1.0, max(-1.0, value)) for trait, value in values.items()}


def _effects(persona: Persona, rules: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, float], float]]:
    attributes = persona.attributes
    for field in ("education_level", "urban_rural", "income"):
        yield rules[field].get(str(attributes.get(field, "")).lower(), {}), 1.0
    mbti = str(attributes.get("mbti", ""))
    is_code = re.fullmatch("[EI][NS][TF][JP]", mbti)
    for word in [_LETTERS[c] for c in mbti] if is_code else re.findall("[a-z]+", mbti.lower()):
        yield rules["mbti"].get(word, {}), 1.0
    if isinstance(age := attributes.get("age"), int):
        yield rules["age"], (age - 45) / 40


def trait_matrix(personas: Sequence[Persona]) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Return the trait names and their values, shape (personas, traits), each in -1 .. 1."""
    cache: dict[tuple, list[float]] = {}
    rows = []
    for persona in personas:
        key = (persona.about, *persona.attributes.items())  # all that traits look at: copies cost nothing
        if key not in cache:
            cache[key] = list(traits(persona).values())
        rows.append(cache[key])
    return TRAITS, np.array(rows, dtype=np.float32).reshape(len(rows), len(TRAITS))
