"""Where a choice model's weights stand: a YAML file, one of the built-in audiences, a mapping in a log.

Knows files and their mistakes; what weights mean is :mod:`abm.audience.choice`' matter.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import yaml
from numpy.typing import NDArray

from abm.audience._features import feature_names, features_digest
from abm.audience.choice import ChoiceModel
from abm.audience.port import Audience
from abm.audience.support import MARGIN, TOLERANCE, Range, Support
from moloch.errors import InputError
from moloch.registry import Registry
from moloch.yamls import Source, read_source
from populations import TRAITS

BUILT_IN = ("default", "neutral")
YAML = (".yaml", ".yml")
COLUMNS = ("mean", *TRAITS)
"""Of the weights."""
KEYS = ("name", "first", "temperature", "abstain", "weights", "surrogate")
SUPPORT = ("margin", "tolerance", "extrapolate", "features", "traits")
LARGEST = 100.0
"""Bound of any weight; a utility difference of 20 is certainty already."""


def _built_in(name: str) -> ChoiceModel:
    text = resources.files("abm").joinpath(f"audience/data/{name}.yaml").read_text("utf-8")
    return _model(Source(text, f"{name}.yaml"), name)


AUDIENCES: Registry[Callable[[], Audience]] = Registry(
    "audience", {name: partial(_built_in, name) for name in BUILT_IN}
)
"""Name -> what returns the audience; any other audience is a choice model in a YAML file, or a language model."""


def audience(name: Path | str) -> ChoiceModel:
    """Return a built-in choice model (``"default"``, ``"neutral"``) or the one in a YAML file.

    Raises:
        InputError: no such audience, or a file that is not one; names the key and the reason.
    """
    if name in BUILT_IN:
        return _built_in(str(name))
    path = Path(name)
    if path.suffix not in YAML:
        raise AUDIENCES.unknown(str(name), also="or a YAML file's path")
    return _model(read_source(path, "the audience"), path.stem)


def from_mapping(raw: Mapping[str, Any], where: str = "the log") -> ChoiceModel:
    """Return the choice model that :func:`as_mapping` wrote down.

    Raises:
        InputError: it is none, or one that was fitted with other features.
    """
    return _model(Source(yaml.safe_dump(dict(raw)), where), "")


def as_mapping(model: ChoiceModel) -> dict[str, Any]:
    """Return what a model's YAML file says of how it chooses, and of what it was fitted on; JSON-able.

    What happens beyond the fit (margin, tolerance, extrapolate) is left out: it moves no choice.
    """
    weights = {}
    for feature, row in zip(feature_names(), model.weights.tolist(), strict=True):
        weights[feature] = {column: weight for column, weight in zip(COLUMNS, row, strict=True) if weight}
    mapping: dict[str, Any] = {
        "name": model.name,
        "first": model.first,
        "temperature": model.temperature,
        "abstain": model.abstain,
        "weights": {feature: row for feature, row in weights.items() if row},
    }
    if (support := model.support) is not None:
        ranges = {"features": support.features, "traits": support.traits}
        mapping["surrogate"] = {
            "features_digest": features_digest(),
            "support": {kind: {name: list(seen) for name, seen in each.items()} for kind, each in ranges.items()},
            **support.origin,
        }
    return mapping


def audience_file(path: Path | str) -> Path:
    """Return the path of a file that an audience can be written to; to be asked before long work, too.

    Raises:
        InputError: it is not a YAML file's, or its folder is not there or takes no file.
    """
    path = Path(path)
    why = ""
    if path.suffix not in YAML:
        why = "an audience is a YAML file"
    elif path.is_dir():
        why = "it is a folder"
    elif not path.parent.is_dir():
        why = f"there is no folder {path.parent}"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        why = "it may not be written"
    if why:
        fix = f"Give a path such as {path.stem or 'surrogate'}.yaml, in a folder that is there."
        raise InputError("cannot write the audience", where=str(path), why=why, fix=fix)
    return path


def save_audience(model: ChoiceModel, path: Path | str) -> None:
    """Write a model's YAML file, which :func:`audience` reads again.

    Raises:
        InputError: as :func:`audience_file`, or the file cannot be written.
    """
    path, mapping = audience_file(path), as_mapping(model)
    if (support := model.support) is not None:
        rule = {"margin": support.margin, "tolerance": support.tolerance, "extrapolate": support.extrapolate}
        mapping["surrogate"]["support"] = rule | mapping["surrogate"]["support"]
    text = yaml.safe_dump(mapping, sort_keys=False, default_flow_style=None, width=120, allow_unicode=True)
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise InputError("cannot write the audience", where=str(path), why=error.strerror or str(error)) from error


def _model(source: Source, name: str) -> ChoiceModel:
    raw = source.values()
    _check(isinstance(raw, Mapping), "not a choice model", source, (), "Give a mapping with the key 'weights'.")
    unknown = [str(key) for key in raw if key not in KEYS]
    first = min(unknown, default="")
    _check(not unknown, f"unknown key {first!r}", source, (first,), f"Keys are {', '.join(KEYS)}.")
    temperature = _number(raw.get("temperature", 1.0), source, "temperature")
    _check(
        temperature > 0,
        "'temperature' must be above 0",
        source,
        ("temperature",),
        "Near 0 members follow their utility.",
    )
    abstain = raw.get("abstain")
    return ChoiceModel(
        name=str(raw.get("name", name)),
        weights=_weights(raw.get("weights"), source),
        first=_number(raw.get("first", 0.0), source, "first"),
        temperature=temperature,
        abstain=None if abstain is None else _number(abstain, source, "abstain"),
        support=_support(raw["surrogate"], source) if "surrogate" in raw else None,
    )


def _weights(raw: Any, source: Source) -> NDArray[np.float64]:
    """Return the weights of ``{feature: {mean or trait: number}}``; what is not named is 0."""
    example = "For example warmth: {mean: 0.5}."
    _check(isinstance(raw, Mapping), "'weights' must map features to weights", source, ("weights",), example)
    names = feature_names()
    weights = np.zeros((len(names), len(COLUMNS)))
    for feature, row in raw.items():
        keys = ("weights", feature)
        _check(feature in names, f"unknown feature {feature!r}", source, keys, f"Features are {', '.join(names)}.")
        _check(isinstance(row, Mapping), f"weights of {feature!r} must be a mapping", source, keys, example)
        for column, value in row.items():
            what, allowed = (
                f"unknown trait {column!r} of feature {feature!r}",
                f"Give mean or one of {', '.join(TRAITS)}.",
            )
            _check(column in COLUMNS, what, source, (*keys, column), allowed)
            weights[names.index(feature), COLUMNS.index(column)] = _number(value, source, *keys, column)
    return weights


def _support(section: Any, source: Source) -> Support:
    """Return what ``surrogate: {support: {features: {length: [0.1, 0.8], ...}, traits: {...}}, ...}`` says."""
    top, fit = ("surrogate",), "Fit the audience again (moloch surrogate)."
    keys = (*top, "support")
    section = _mapping(section, "'surrogate' must be a mapping", source, top, fit)
    meant = section.get("features_digest", features_digest())
    _check(
        meant == features_digest(),
        "fitted with other features",
        source,
        (*top, "features_digest"),
        "This release reads messages otherwise than the one that fitted it. " + fit,
    )
    raw = _mapping(section.get("support"), "'surrogate' must tell its 'support'", source, top, fit)
    unknown = min((str(key) for key in raw if key not in SUPPORT), default="")
    _check(
        not unknown,
        f"unknown key {unknown!r} of the support",
        source,
        (*keys, unknown),
        f"Keys are {', '.join(SUPPORT)}.",
    )
    bounds: dict[str, dict[str, Range]] = {}
    for kind, names in (("features", feature_names()), ("traits", TRAITS)):
        what = f"the support must name exactly the {kind} {', '.join(names)}"
        ranges = _mapping(raw.get(kind), what, source, (*keys, kind), fit)
        _check(set(ranges) == set(names), what, source, (*keys, kind), fit)
        bounds[kind] = {name: _range(ranges[name], source, *keys, kind, name) for name in names}
    extrapolate = raw.get("extrapolate", False)
    _check(isinstance(extrapolate, bool), "'extrapolate' must be true or false", source, (*keys, "extrapolate"), "")
    margin = _number(raw.get("margin", MARGIN), source, *keys, "margin")
    tolerance = _number(raw.get("tolerance", TOLERANCE), source, *keys, "tolerance")
    _check(margin >= 0, "'margin' must not be negative", source, (*keys, "margin"), f"It is {margin:g}.")
    _check(0 <= tolerance <= 1, "'tolerance' must be a share", source, (*keys, "tolerance"), f"It is {tolerance:g}.")
    origin = {str(key): value for key, value in section.items() if key not in ("support", "features_digest")}
    return Support(bounds["features"], bounds["traits"], _as_logged(origin, source), margin, tolerance, extrapolate)


def _as_logged(origin: dict[str, Any], source: Source) -> dict[str, Any]:
    """Return what a log gives back of ``origin``: YAML also knows dates and infinities, which would not be equal to it."""
    try:
        return msgspec.json.decode(msgspec.json.encode(origin))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InputError(
            "'surrogate' holds what no log can", where=source.at("surrogate"), why=str(error), fix="Give plain values."
        ) from error


def _range(raw: Any, source: Source, *keys: str) -> Range:
    name, example = ".".join(keys), "Give [least, most]."
    _check(isinstance(raw, Sequence) and len(raw) == 2, f"{name!r} must be two numbers", source, keys, example)
    least, most = (_number(each, source, *keys) for each in raw)
    _check(least <= most, f"{name!r} is not in order", source, keys, example)
    return Range(least, most)


def _number(value: Any, source: Source, *keys: str) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST
    name = ".".join(keys).removeprefix("weights.")
    _check(is_number, f"{name!r} must be a number from {-LARGEST:g} to {LARGEST:g}", source, keys, f"It is {value!r}.")
    return float(value)


def _mapping(value: Any, what: str, source: Source, keys: Sequence[str], fix: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(what, where=source.at(*keys), fix=fix)
    return value


def _check(condition: bool, what: str, source: Source, keys: Sequence[str], fix: str) -> None:
    if not condition:
        raise InputError(what, where=source.at(*keys), fix=fix)
