"""Traits: what a choice model knows of a persona, derived from its attributes and words by rules in data.

The rules stand in ``populations/data/traits.yaml``; nothing is random and nothing is asked of a model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from populations.personas import Persona

TRAITS = ("skepticism", "warmth", "thrift", "energy", "patience", "anger", "deference", "belonging")
WORD_WEIGHT = 0.3


@cache
def _rules() -> dict[str, Any]:
    return yaml.safe_load(resources.files("populations").joinpath("data/traits.yaml").read_text("utf-8"))


def traits(persona: Persona) -> dict[str, float]:
    """Return trait -> value in -1 .. 1 by the documented rules; 0 where nothing is known."""
    rules, found = _rules(), dict.fromkeys(TRAITS, 0.0)
    words = re.findall(r"[a-z]+", persona.text.lower())
    for trait, lexicon in rules["words"].items():
        found[trait] += WORD_WEIGHT * sum(word in lexicon for word in dict.fromkeys(words))
    for effects, factor in _effects(persona, rules):
        for trait, value in effects.items():
            found[trait] += factor * value
    return {trait: float(np.clip(value, -1.0, 1.0)) for trait, value in found.items()}


def _effects(persona: Persona, rules: dict[str, Any]) -> list[tuple[dict[str, float], float]]:
    attributes = persona.attributes
    effects = [
        (rules[field].get(str(attributes[field]), {}), 1.0)
        for field in ("education_level", "urban_rural", "income")
        if field in attributes
    ]
    for letter in re.findall(r"[a-z]+", str(attributes.get("mbti", "")).lower()):
        effects.append((rules["mbti"].get(letter, {}), 1.0))
    if isinstance(age := attributes.get("age"), int):
        effects.append((rules["age"], (age - 45) / 40))
    return effects


def trait_matrix(personas: Sequence[Persona]) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Return the trait names and their values, shape (personas, traits), each in -1 .. 1."""
    rows = [[traits(persona)[trait] for trait in TRAITS] for persona in personas]
    return TRAITS, np.array(rows, dtype=np.float32).reshape(len(rows), len(TRAITS))
