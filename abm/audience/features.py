"""What readers notice: transparent features of a message's text alone. A reader never sees the anchor.

The features, their words and their groups stand in ``abm/audience/data/features.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Literal, NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

Group = Literal["style", "carrier", "misbehaviour"]


class Feature(NamedTuple):
    """One thing that a reader notices.

    Attributes:
        full: hits at which the feature is 1.
        says: how a thought names it, after "option A".
    """

    name: str
    group: Group
    full: float
    pattern: re.Pattern[str]
    says: str


@cache
def features() -> tuple[Feature, ...]:
    """Return all features, in the order of the columns of :func:`feature_matrix`."""
    raw = yaml.safe_load(resources.files("abm").joinpath("audience/data/features.yaml").read_text("utf-8"))
    return tuple(
        Feature(name, f["group"], float(f["full"]), _pattern(f.get("words"), f.get("pattern")), f["says"])
        for name, f in raw.items()
    )


def feature_names(group: Group | None = None) -> tuple[str, ...]:
    """Return the names of all features, or of one group."""
    return tuple(feature.name for feature in features() if group in (None, feature.group))


def feature_matrix(texts: Sequence[str]) -> NDArray[np.float64]:
    """Return feature values, shape (texts, features), each in 0 .. 1."""
    return np.array(
        [[min(1.0, len(f.pattern.findall(text)) / f.full) for f in features()] for text in texts], dtype=np.float64
    ).reshape(len(texts), len(features()))


def _pattern(words: Sequence[str] | None, pattern: str | None) -> re.Pattern[str]:
    if words is None:
        return re.compile(str(pattern))
    return re.compile(r"(?<!\w)(?:" + "|".join(re.escape(word) for word in words) + r")(?!\w)", re.IGNORECASE)
