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
from moloch.errors import InputError, together
from moloch.registry import Registry
from moloch.yamls import Keys, Source, read_source
from populations import TRAITS

BUILT_IN = ("default", "neutral")
YAML = (".yaml", ".yml")
COLUMNS = ("mean", *TRAITS)
"""Of the weights."""
KEYS = ("name", "first", "temperature", "abstain", "weights", "unsupported", "surrogate")
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
    if model.unsupported is not None:
        mapping["unsupported"] = dict(zip(COLUMNS, model.unsupported.tolist(), strict=True))
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
    return _ModelFile(source).model(name)


class _ModelFile:
    """Reads one file; takes something harmless for what is wrong, so that all of it is reported at once.

    Args:
        source: its text.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._mistakes: list[tuple[Keys, InputError]] = []

    def model(self, name: str) -> ChoiceModel:
        """Return what the file says.

        Args:
            name: of the model, where the file gives none.

        Raises:
            InputError: all that is wrong, in the order of the text.
        """
        raw = self._mapping(self._source.values(), "not a choice model", (), "Give a mapping with the key 'weights'.")
        self._stop_at_mistakes()
        self._known(raw, KEYS, (), "unknown key {!r}", "Keys")
        temperature = self._number(raw.get("temperature", 1.0), "temperature", otherwise=1.0)
        near = "Near 0 members follow their utility."
        self._check(temperature > 0, "'temperature' must be above 0", ("temperature",), near)
        abstain = raw.get("abstain")
        found: dict[str, Any] = {
            "name": str(raw.get("name", name)),
            "weights": self._weights(raw.get("weights")),
            "first": self._number(raw.get("first", 0.0), "first"),
            "temperature": temperature,
            "abstain": None if abstain is None else self._number(abstain, "abstain"),
            "support": self._support(raw["surrogate"]) if "surrogate" in raw else None,
            "unsupported": self._unsupported(raw["unsupported"]) if "unsupported" in raw else None,
        }
        self._stop_at_mistakes()
        return ChoiceModel(**found)

    def _weights(self, raw: Any) -> NDArray[np.float64]:
        """Return the weights of ``{feature: {mean or trait: number}}``; what is not named is 0."""
        example, top = "For example warmth: {mean: 0.5}.", ("weights",)
        raw = self._mapping(raw, "'weights' must map features to weights", top, example)
        names = feature_names()
        weights = np.zeros((len(names), len(COLUMNS)))
        self._known(raw, names, top, "unknown feature {!r}", "Features")
        for feature in names:
            keys = (*top, feature)
            row = self._mapping(raw.get(feature, {}), f"weights of {feature!r} must be a mapping", keys, example)
            self._known(row, COLUMNS, keys, f"unknown trait {{!r}} of feature {feature!r}", "Columns")
            for column, value in row.items():
                if column in COLUMNS:
                    weights[names.index(feature), COLUMNS.index(column)] = self._number(value, *keys, column)
        return weights

    def _unsupported(self, raw: Any) -> NDArray[np.float64]:
        """Return the weights of ``{mean or trait: number}`` of what the source does not support; what is not named is 0."""
        keys, example = ("unsupported",), "For example unsupported: {mean: -2.0}."
        row = self._mapping(raw, "'unsupported' must map columns to weights", keys, example)
        self._known(row, COLUMNS, keys, "unknown trait {!r} of 'unsupported'", "Columns")
        return np.array([self._number(row.get(column, 0.0), *keys, column) for column in COLUMNS])

    def _support(self, section: Any) -> Support | None:
        """Return what ``surrogate: {support: {features: {length: [0.1, 0.8], ...}, traits: {...}}, ...}`` says; None where it is wrong."""
        top, fit = ("surrogate",), "Fit the audience again (moloch surrogate)."
        keys, before = (*top, "support"), len(self._mistakes)
        section = self._mapping(section, "'surrogate' must be a mapping", top, fit)
        if len(self._mistakes) > before:
            return None
        again = f"This release reads messages differently from the one that fitted it. {fit}"
        meant = section.get("features_digest", features_digest())
        if not self._check(meant == features_digest(), "fitted with other features", (*top, "features_digest"), again):
            return None  # the rest follows from it
        raw = self._mapping(section.get("support"), "'surrogate' must tell its 'support'", top, fit)
        if len(self._mistakes) > before:
            return None
        self._known(raw, SUPPORT, keys, "unknown key {!r} of the support", "Keys")
        bounds = {"features": feature_names(), "traits": TRAITS}
        ranges = {kind: self._ranges(raw.get(kind), kind, names, fit) for kind, names in bounds.items()}
        extrapolate = raw.get("extrapolate", False)
        is_said = isinstance(extrapolate, bool)
        self._check(is_said, "'extrapolate' must be true or false", (*keys, "extrapolate"), "")
        margin = self._number(raw.get("margin", MARGIN), *keys, "margin")
        tolerance = self._number(raw.get("tolerance", TOLERANCE), *keys, "tolerance")
        self._check(margin >= 0, "'margin' must not be negative", (*keys, "margin"), f"It is {margin:g}.")
        share = 0 <= tolerance <= 1
        self._check(share, "'tolerance' must be a share", (*keys, "tolerance"), f"It is {tolerance:g}.")
        origin = {str(key): value for key, value in section.items() if key not in ("support", "features_digest")}
        origin = self._as_logged(origin)
        if len(self._mistakes) > before:
            return None
        return Support(ranges["features"], ranges["traits"], origin, margin, tolerance, extrapolate)

    def _ranges(self, raw: Any, kind: str, names: Sequence[str], fit: str) -> dict[str, Range]:
        keys, what = ("surrogate", "support", kind), f"the support must name exactly the {kind} {', '.join(names)}"
        if not self._check(isinstance(raw, Mapping) and set(raw) == set(names), what, keys, fit):
            return {}
        return {name: self._range(raw[name], *keys, name) for name in names}

    def _range(self, raw: Any, *keys: str) -> Range:
        name, example = ".".join(keys), "Give [least, most]."
        is_pair = isinstance(raw, Sequence) and len(raw) == 2
        if not self._check(is_pair, f"{name!r} must be two numbers", keys, example):
            return Range(0.0, 0.0)
        least, most = (self._number(each, *keys) for each in raw)
        self._check(least <= most, f"{name!r} is not in order", keys, example)
        return Range(least, most)

    def _as_logged(self, origin: dict[str, Any]) -> dict[str, Any]:
        """Return what a log gives back of ``origin``: YAML also knows dates and infinities, which would not be equal to it."""
        try:
            return msgspec.json.decode(msgspec.json.encode(origin))
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            said = InputError("'surrogate' holds what no log can", why=str(error), fix="Give plain values.")
            self._mistakes.append((("surrogate",), said))
            return {}

    # -- what is wrong --------------------------------------------------------------------------------------

    def _number(self, value: Any, *keys: str, otherwise: float = 0.0) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST
        name = ".".join(keys).removeprefix("weights.")
        what = f"{name!r} must be a number from {-LARGEST:g} to {LARGEST:g}"
        return float(value) if self._check(is_number, what, keys, f"It is {value!r}.") else otherwise

    def _mapping(self, value: Any, what: str, keys: Sequence[str], fit: str) -> Mapping[str, Any]:
        return value if self._check(isinstance(value, Mapping), what, keys, fit) else {}

    def _known(self, raw: Mapping[Any, Any], known: Sequence[str], keys: Sequence[str], what: str, kind: str) -> None:
        """Take every key that is none of those known for a mistake."""
        for key in raw:
            self._check(key in known, what.format(key), (*keys, str(key)), f"{kind} are {', '.join(known)}.")

    def _check(self, condition: bool, what: str, keys: Sequence[str], fix: str) -> bool:
        if not condition:
            self._mistakes.append((tuple(keys), InputError(what, fix=fix)))
        return condition

    def _stop_at_mistakes(self) -> None:
        if self._mistakes:
            raise together(self._source.placed(self._mistakes))
