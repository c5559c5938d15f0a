"""Where a choice model's weights come from: a YAML file, or one of the built-in audiences.

Knows files and their mistakes; what weights mean is :mod:`abm.audience.choice`' matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from abm.audience.choice import ChoiceModel
from abm.audience.features import feature_names
from abm.errors import InputError
from populations import TRAITS

BUILT_IN = ("default", "neutral")
KEYS = ("name", "first", "temperature", "abstain", "weights")
LARGEST = 100.0
"""Bound of any weight; a utility difference of 20 is certainty already."""


def audience(name: Path | str) -> ChoiceModel:
    """Return a built-in choice model (``"default"``, ``"neutral"``) or the one in a YAML file.

    Raises:
        InputError: no such audience, or a file that is not one; names the key and the reason.
    """
    if name in BUILT_IN:
        text = resources.files("abm").joinpath(f"audience/data/{name}.yaml").read_text("utf-8")
        return _model(_loaded(text, f"{name}.yaml"), f"{name}.yaml", str(name))
    path = Path(name)
    if path.suffix not in {".yaml", ".yml"}:
        raise InputError(
            f"unknown audience {str(name)!r}", mend=f"Choose one of {', '.join(BUILT_IN)}, or give a YAML file's path."
        )
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise InputError("cannot read the audience", where=str(path), why=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise InputError("cannot read the audience", where=str(path), why=str(error)) from error
    return _model(_loaded(text, str(path)), str(path), path.stem)


def _loaded(text: str, where: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        raise InputError("not valid YAML", where=place, why=str(error.problem)) from error
    except yaml.YAMLError as error:
        raise InputError("not valid YAML", where=where, why=str(error)) from error


def _model(raw: Any, where: str, name: str) -> ChoiceModel:
    _check(isinstance(raw, Mapping), "not a choice model", where, "Give a mapping with the key 'weights'.")
    unknown = [str(key) for key in raw if key not in KEYS]
    _check(not unknown, f"unknown key {min(unknown, default='')!r}", where, f"Keys are {', '.join(KEYS)}.")
    temperature = _number(raw.get("temperature", 1.0), "temperature", where)
    _check(temperature > 0, "'temperature' must be above 0", where, "Near 0 members follow their utility.")
    abstain = raw.get("abstain")
    return ChoiceModel(
        name=str(raw.get("name", name)),
        weights=_weights(raw.get("weights"), where),
        first=_number(raw.get("first", 0.0), "first", where),
        temperature=temperature,
        abstain=None if abstain is None else _number(abstain, "abstain", where),
    )


def _weights(raw: Any, where: str) -> NDArray[np.float64]:
    """Return the weights of ``{feature: {mean or trait: number}}``; what is not named is 0."""
    _check(
        isinstance(raw, Mapping), "'weights' must map features to weights", where, "For example warmth: {mean: 0.5}."
    )
    names, columns = feature_names(), ("mean", *TRAITS)
    weights = np.zeros((len(names), len(columns)))
    for feature, row in raw.items():
        _check(feature in names, f"unknown feature {feature!r}", where, f"Features are {', '.join(names)}.")
        _check(isinstance(row, Mapping), f"weights of {feature!r} must be a mapping", where, "For example {mean: 0.3}.")
        for column, value in row.items():
            known = f"Give mean or one of {', '.join(TRAITS)}."
            _check(column in columns, f"unknown trait {column!r} of feature {feature!r}", where, known)
            weights[names.index(feature), columns.index(column)] = _number(value, f"{feature}.{column}", where)
    return weights


def _number(value: Any, key: str, where: str) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST
    _check(is_number, f"{key!r} must be a number from {-LARGEST:g} to {LARGEST:g}", where, f"It is {value!r}.")
    return float(value)


def _check(condition: bool, what: str, where: str, mend: str) -> None:
    if not condition:
        raise InputError(what, where=where, mend=mend)
