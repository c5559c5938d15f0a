"""Where a cell's settings come from: base, files, levels, functions and sampled points, each with its place in the page.

Knows files and the page; knows nothing of combinations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from analysis.studies.pages.page import Level, Settings, Value, WrittenPage
from analysis.studies.pages.samples import points
from learning import RunConfig
from learning.settings.layers import Layer, laid_over, nested
from learning.settings.parts import SamplingConfig
from learning.settings.paths import at_home, from_folder
from learning.settings.sources import profile_settings
from moloch.errors import InputError
from moloch.yamls import Source

Key = tuple[str | int, ...]
FactorValue = str | int | float | bool
DECLARED: Settings = {"gate": "stop"}
"""What all stands on where a page says what it is to decide: models that are not fit for it end their cell, unless the page says otherwise."""


@dataclass(frozen=True)
class SampledPoint(Layer):
    """A sampled point: factor -> value."""

    values: Mapping[str, float | int] = field(default_factory=dict[str, float | int])


class FactorLevel(NamedTuple):
    """A level of a factor: its name or its value, and the settings that it stands for."""

    factor: str
    value: FactorValue
    layer: Layer


class PageLayers:
    """The layers of a page; what is wrong with them goes into ``mistakes``.

    Attributes:
        base: what all cells share, from the ground up.
    """

    def __init__(self, page: WrittenPage, mistakes: list[InputError]) -> None:
        self._page, self._mistakes = page, mistakes
        self.base = self._base_layers()

    def levels(self, factor: str) -> list[FactorLevel]:
        """Return the levels of a factor; without what is wrong, others can still be looked at."""
        levels = []
        for label, level in self._page.page.cross[factor].items():
            value = level.value if isinstance(level, Value) else label
            layers = self._layer(factor, label, level) or [Layer({}, self._page.source, ("cross", factor, label), "")]
            levels += [FactorLevel(factor, value, layer) for layer in layers]
        return levels

    def sampled(self) -> list[FactorLevel]:
        """Return the points of continuous factors, as levels of a factor ``sample``; none where nothing is sampled."""
        sample = self._page.page.sample
        if sample is None:
            return []
        if not sample.ranges:
            if any(each.what.startswith("sample.") for each in self._page.mistakes):
                return []
            self.mistake("sample draws from no range", ("sample",), "no setting is named")
            return []
        keys = {name: setting_of(name) for name in sample.ranges}
        layers = []
        distinct = {tuple(point.values()): point for point in points(sample)}
        for number, point in enumerate(distinct.values()):
            settings: Settings = {}
            for name, value in point.items():
                settings = laid_over(settings, nested(keys[name].split("."), value))
            layer = SampledPoint(settings, self._page.source, ("sample",), f"point {number}", values=point)
            layers.append(FactorLevel("sample", number, layer))
        return layers

    def mistake(self, what: str, key: Key, why: str = "", fix: str = "") -> None:
        """Take note of what is wrong with a place of the page."""
        self._mistakes.append(InputError(what, where=self._page.source.at(*key), why=why, fix=fix))

    def _base_layers(self) -> list[Layer]:
        page, layers = self._page.page, list[Layer]()
        if page.primary:
            layers.append(Layer(dict(DECLARED), Source("", ""), (), "primary", chosen=False))
        if page.profile:
            try:
                name, settings = f"profile {page.profile}", profile_settings(page.profile)
                layers.append(Layer(settings, Source("", ""), (), name, chosen=False))
            except InputError as error:
                self._mistakes.append(
                    InputError(error.what, where=self._page.source.at("profile"), why=error.why, fix=error.fix)
                )
        if isinstance(page.base, str):
            layers += self._from_file(page.base, ("base",), "base")
        else:
            layers.append(self._of_page(page.base, ("base",), "base"))
        redraw = page.redraw.model_dump(mode="json")
        return [*layers, Layer({"redraw": redraw}, self._page.source, (), "redraw")] if redraw else layers

    def _from_file(self, path: str, key: Key, name: str) -> list[Layer]:
        try:
            source = self._page.settings_file(path)
            values = source.values() or {}
        except InputError as error:
            where = self._page.source.at(*key) or error.where
            self._mistakes.append(
                InputError(
                    f"{'.'.join(map(str, key))}: {error.what}",
                    where=where,
                    why=": ".join(filter(None, [error.where, error.why])),
                    fix=_as_a_level(key, path) if key[:1] == ("cross",) else "",
                )
            )
            return []
        if not isinstance(values, dict):
            self._mistakes.append(InputError("settings must be a mapping", where=source.where))
            return []
        if (
            key[:1] == ("cross",)
            and values
            and not {str(each).partition(".")[0] for each in values} & set(RunConfig.model_fields)
        ):
            what = f"{'.'.join(map(str, key))}: {path} holds no settings of runs"
            where = self._page.source.at(*key) or source.where
            why = f"it has {', '.join(map(str, values))}"
            self._mistakes.append(InputError(what, where=where, why=why, fix=_as_a_level(key, path)))
            return []
        values, wrong = from_folder(values, Path(source.where).parent)
        self._mistakes += source.placed(wrong)
        return [Layer(at_home(values), source, (), name)]

    def _of_page(self, settings: Settings, prefix: Key, name: str) -> Layer:
        """Return settings that stand on the page, with paths that start from its folder; in a study's copy of it they do already."""
        if not self._page.recorded:
            settings, wrong = from_folder(settings, self._page.folder)
            self._mistakes += self._page.source.placed([((*prefix, *keys), error) for keys, error in wrong])
        return Layer(at_home(settings), self._page.source, prefix, name)

    def _layer(self, factor: str, label: str, level: Value | Level) -> list[Layer]:
        name, key = f"{factor}={label}", ("cross", factor, label)
        if isinstance(level, Value):
            return [self._of_page(nested(factor.split("."), level.value), ("cross",), name)]
        if isinstance(level, dict):
            return [self._of_page(level, key, name)]
        function: Any = level
        if isinstance(level, str) and re.fullmatch(r"[\w.]+:\w+", level):
            try:
                module, _, attribute = level.partition(":")
                function = getattr(import_module(module), attribute)
            except (ImportError, AttributeError) as error:
                self.mistake(f"{name}: there is no {level}", key, str(error))
                return []
        if isinstance(function, str):
            return self._from_file(function, key, name)
        return self._called(function, name, key)

    def _called(self, function: Callable[[Settings], Settings], name: str, key: Key) -> list[Layer]:
        so_far: Settings = {}
        for layer in self.base:
            so_far = laid_over(so_far, layer.settings)
        made = function(so_far)
        if not isinstance(made, dict):
            self.mistake(f"{name}: its function returns no settings", key, f"it returns a {type(made).__name__}")
            return []
        return [Layer(made, self._page.source, key, name)]


def _as_a_level(key: Key, value: str) -> str:
    """Return how a value of a setting is written as a named level, which is easily taken for the setting's value itself."""
    factor, label = str(key[1]), str(key[2])
    return f"A level with a name is settings, or a file of them: {label}: {{{setting_of(factor)}: {value}}}."


def setting_of(name: str) -> str:
    """Return a setting's key by its full or short name: ``temperature`` is that of the writers."""
    return f"sampling.{name}" if name not in RunConfig.model_fields and name in SamplingConfig.model_fields else name


def paths(settings: Settings, prefix: str = "") -> Iterator[str]:
    """Yield the dotted names of all settings."""
    for key, value in settings.items():
        if isinstance(value, dict) and value:
            yield from paths(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"
