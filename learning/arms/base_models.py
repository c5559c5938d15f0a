"""Base models: on which each learner stands, and under which name that model writes without an adapter.

The run's model writes as ``base``; another one, on which a learner stands, as ``base:NAME``, by the last part of its name. No arm has
such a name. Reads settings as they are recorded; knows nothing of weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from learning.arms.markets import BASE
from moloch.content import content_id

LONGEST = 40
"""Characters of a model's part of a name."""


def is_base(competitor: str) -> bool:
    """Return whether a competitor writes without an adapter of the run: it is a base model."""
    return competitor == BASE or competitor.startswith(f"{BASE}:")


def base_names(model: str, others: Iterable[str]) -> dict[str, str]:
    """Return model -> the name under which it writes without an adapter.

    Args:
        model: the run's; ``others``: on which learners stand.
    """
    names = {other: _short(other) for other in dict.fromkeys(others) if other != model}
    taken = list(names.values())
    distinct = {
        other: name if taken.count(name) == 1 else f"{name}_{content_id(other)[:6]}" for other, name in names.items()
    }
    return {model: BASE} | {other: f"{BASE}:{name}" for other, name in distinct.items()}


def _short(model: str) -> str:
    last = re.split(r"[/#]", model.rstrip("/"))[-1]
    return re.sub(r"[^a-z0-9]+", "_", last.lower()).strip("_")[:LONGEST] or "model"


def model_given(given: Mapping[str, object], model: object) -> str:
    """Return the model that the settings of an arm name, as it is recorded; empty where it is the run's ``model``."""
    named = given.get("model")
    return named if isinstance(named, str) and named != model else ""
