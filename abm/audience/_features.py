"""What readers notice: transparent features of a message's text alone. A reader never sees the anchor.

The features, their words, scales and groups are defined in ``abm/audience/data/features.yaml``. This module knows
nothing of who reads or what they choose.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Literal, NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

from moloch.content import canonical, digest

Group = Literal["style", "carrier", "misbehaviour"]

SHORT, LONG = 15, 300
"""Words at which ``length`` is 0 and 1; between them it grows with the logarithm."""

EASY, HARD = 8, 30
"""Mean words per sentence at which ``plainness`` is 1 and 0."""


class Feature(NamedTuple):
    """One thing that a reader notices.

    Attributes:
        half: hits at which the feature is 0.5.
        pattern: finds the hits; None where the feature is a measure of the whole text.
        liked, disliked: how a thought names it, after "option A".
    """

    name: str
    group: Group
    half: float
    pattern: re.Pattern[str] | None
    liked: str
    disliked: str

    def value(self, text: str) -> float:
        """Return how strongly a reader of ``text`` notices it, 0 .. 1."""
        if self.pattern is None:
            return _MEASURES[self.name](text)
        return 1.0 - 2.0 ** (-len(self.pattern.findall(text)) / self.half)


@cache
def features() -> tuple[Feature, ...]:
    """Return all features, in the order of the columns of :func:`feature_matrix`."""
    raw = yaml.safe_load(_text())
    return tuple(
        Feature(name, f["group"], float(f.get("half", 1)), _pattern(f), f["liked"], f["disliked"])
        for name, f in raw.items()
    )


@cache
def features_digest() -> str:
    """Return the SHA-256 of what defines the features: weights mean something only together with it."""
    return digest(canonical([yaml.safe_load(_text()), SHORT, LONG, EASY, HARD]))


def _text() -> str:
    return resources.files("abm").joinpath("audience/data/features.yaml").read_text("utf-8")


def feature_names(group: Group | None = None) -> tuple[str, ...]:
    """Return the names of all features, or of one group."""
    return tuple(feature.name for feature in features() if group in (None, feature.group))


def feature_matrix(texts: Sequence[str]) -> NDArray[np.float64]:
    """Return feature values, shape (texts, features), each in 0 .. 1."""
    return np.array([_values(text) for text in texts], dtype=np.float64).reshape(len(texts), len(features()))


@lru_cache(maxsize=4096)  # the base model's messages are in the contests of every arm
def _values(text: str) -> tuple[float, ...]:
    plain = text.replace("’", "'")
    return tuple(feature.value(plain) for feature in features())


def _pattern(fields: dict[str, Any]) -> re.Pattern[str] | None:
    if "measure" in fields:
        return None
    # longer phrases first, so that "no one else" is one hit and not two
    words = sorted(fields.get("words", ()), key=len, reverse=True)
    any_of = "|".join(re.escape(word).replace(r"\*", r"\w*") for word in words)
    bounded = [rf"(?<!\w)(?:{any_of})(?!\w)"] if words else []  # one look-behind per position, not per word
    return re.compile("|".join([*fields.get("patterns", ()), *bounded]), re.IGNORECASE)


def _length(text: str) -> float:
    words = max(1, len(re.findall(r"\w+", text)))
    return min(1.0, max(0.0, math.log(words / SHORT) / math.log(LONG / SHORT)))


def _plainness(text: str) -> float:
    lengths = [len(words) for part in re.split(r"[.!?\n]+", text) if (words := re.findall(r"\w+", part))]
    mean = sum(lengths) / len(lengths) if lengths else EASY
    return min(1.0, max(0.0, (HARD - mean) / (HARD - EASY)))


_MEASURES = {"length": _length, "plainness": _plainness}
