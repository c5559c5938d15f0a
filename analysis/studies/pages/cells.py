"""From a page to its cells: each a combination of levels, with one seed, as settings of a run. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import product
from typing import Any

from analysis.studies.pages.declared_mistakes import DeclaredCell, declared_mistakes
from analysis.studies.pages.layers import (
    FactorLevel,
    FactorValue,
    Key,
    Layer,
    PageLayers,
    SampledPoint,
    paths,
    setting_of,
)
from analysis.studies.pages.page import MOST_CELLS, RESERVED, Settings, Value, WrittenPage, label_of
from learning import RunConfig
from learning.settings.config import UNRECORDED
from learning.settings.effects import Effect, changes_nothing, conditional, no_effect, warn_of
from learning.settings.layers import laid_over, nested, texts_in
from learning.settings.mistakes import checked_settings
from moloch.content import content_id
from moloch.errors import InputError, Mistakes
from moloch.meant_texts import as_meant

Factors = dict[str, FactorValue]


@dataclass(frozen=True)
class Cell:
    """One run of a study.

    Attributes:
        name: of its folder: levels, seed, and the beginning of the settings' content id.
        factors: factor -> level: a name, or the value of the setting.
        seed: of the run.
        settings: content id of the run's settings.
    """

    name: str
    factors: Factors
    seed: int
    settings: str
    _shared: RunConfig = field(repr=False)

    @cached_property
    def config(self) -> RunConfig:
        """The run's settings."""
        return self._shared.model_copy(update={"seed": self.seed})


@dataclass(frozen=True)
class Impossible:
    """A combination of levels that is no run, though each of its levels is right elsewhere."""

    factors: Factors
    seeds: int
    why: InputError


@dataclass(frozen=True)
class Cells:
    """What a page comes to.

    Attributes:
        cells: in the order of the page: seeds go fastest.
        impossible: combinations that are no runs.
        base: content id of what all cells share and is recorded: a study with another one is another study.
        page: the page with everything that it names in place: files, profiles and what functions return, as settings.
    """

    cells: tuple[Cell, ...]
    impossible: tuple[Impossible, ...]
    base: str
    page: Settings


class PageMistakes(Mistakes):
    """All that is wrong with a page, in the order of its text, none twice.

    Attributes:
        mistakes: each with its place.
    """

    def __init__(self, mistakes: Iterable[InputError]) -> None:
        once = {(str(each)): each for each in mistakes}
        self.mistakes = sorted(once.values(), key=_line_and_column)
        super().__init__(self.mistakes)


def _line_and_column(mistake: InputError) -> tuple[str, int, int]:
    match = re.fullmatch(r"(.*):(\d+):(\d+)", mistake.where, re.DOTALL)
    return (match[1], int(match[2]), int(match[3])) if match else (mistake.where, 0, 0)


def cells_of(page: WrittenPage) -> Cells:
    """Return the cells of a page.

    Raises:
        PageMistakes: all that is wrong with it, before anything is begun.
    """
    return _PageReader(page).cells()


_Combination = Sequence[FactorLevel]


class _PageReader:
    """Reads one page; collects what is wrong."""

    def __init__(self, page: WrittenPage) -> None:
        self._page, self._mistakes = page, list(page.mistakes)
        self._places: dict[tuple[int, Key], str] = {}
        self._layers = PageLayers(page, self._mistakes)

    def cells(self) -> Cells:
        factors = {name: self._layers.levels(name) for name in self._page.page.cross}
        sampled = self._layers.sampled()
        self._check_names(factors)
        excluded = self._excluded(factors)
        combinations = list(product(*factors.values(), sampled)) if sampled else list(product(*factors.values()))
        seeds = self._page.page.each_seed
        if (number := len(combinations) * len(seeds)) > MOST_CELLS:
            self._layers.mistake("the page has too many cells", ("cross",), f"{number:,}, and {MOST_CELLS:,} at most")
            self._stop_at_mistakes()
        kept = [each for each in combinations if not any(_matches(each, combination) for combination in excluded)]
        checked = [(each, self._config([*self._layers.base, *(layer for _, _, layer in each)])) for each in kept]
        if not kept:
            self._layers.mistake("no cell is left", ("exclude",), "every combination of levels is excluded")
        self._blame(checked)
        self._check_effects(checked)
        self._check_declared(factors, checked)
        self._stop_at_mistakes()
        cells = [
            cell for each, config in checked if isinstance(config, RunConfig) for cell in _seeded(each, config, seeds)
        ]
        impossible = tuple(
            Impossible(_factors(each), len(seeds), config[0][0])
            for each, config in checked
            if not isinstance(config, RunConfig)
        )
        self._check_twins(cells)
        self._stop_at_mistakes()
        base: Settings = {}
        for layer in self._layers.base:
            base = laid_over(base, layer.settings)
        page = self._resolved(base, factors)
        shared = {name: value for name, value in base.items() if name not in UNRECORDED}
        return Cells(tuple(cells), impossible, content_id([self._page.page.name, shared]), page)

    def _resolved(self, base: Settings, factors: Mapping[str, Sequence[FactorLevel]]) -> Settings:
        page = self._page.page
        cross = {
            name: [value for _, value, _ in levels]
            if all(isinstance(level, Value) for level in page.cross[name].values())
            and all(layer.settings == nested(name.split("."), value) for _, value, layer in levels)  # no path was moved
            else {label_of(value): layer.settings for _, value, layer in levels}
            for name, levels in factors.items()
        }
        said = page.model_dump(mode="json", exclude_unset=True, exclude={"base", "profile", "cross"})
        return said | {"base": base} | ({"cross": cross} if cross else {})

    def _check_names(self, factors: Mapping[str, Sequence[FactorLevel]]) -> None:
        given: dict[str, list[str]] = {}
        for factor, levels in factors.items():
            if factor in RESERVED or (factor == "sample" and self._page.page.sample):
                self._layers.mistake(
                    f"a factor cannot be called {factor!r}",
                    ("cross", factor),
                    "frames have a column of that name",
                    "Give it another name, and its levels as settings: NAME: {LEVEL: {SETTING: VALUE}}.",
                )
            for key in {key for _, _, layer in levels for key in paths(layer.settings)}:
                given.setdefault(key, []).append(factor)
        for name in self._page.page.sample.ranges if self._page.page.sample else ():
            given.setdefault(setting_of(name), []).append("sample")
        for key, names in given.items():
            if len(names) > 1:
                where: Key = ("cross", names[1]) if names[1] != "sample" else ("sample",)
                self._layers.mistake(
                    f"two factors set {key}: {names[0]} and {names[1]}",
                    where,
                    "a level changes the base, not another level",
                )
        layers = [*self._layers.base, *(layer for levels in factors.values() for _, _, layer in levels)]
        for layer in layers:
            if "seed" in layer.settings:
                self._mistakes.append(
                    InputError(
                        f"{layer.name} sets seed",
                        where=layer.at(("seed",)),
                        why="a study sets the seed of each run itself",
                        fix="Say seeds: N, or seeds: [1, 7].",
                    )
                )

    def _check_declared(
        self,
        factors: Mapping[str, Sequence[FactorLevel]],
        checked: Sequence[tuple[_Combination, RunConfig | list[tuple[InputError, Layer]]]],
    ) -> None:
        """Hold what the page declares against its cells; where a setting is wrong, only against itself."""
        primary = self._page.page.primary
        if primary is None or primary.is_earlier:
            return
        cells = [
            DeclaredCell({name: label_of(value) for name, value in _factors(each).items()}, config)
            for each, config in checked
            if isinstance(config, RunConfig) and not self._mistakes
        ]
        labels = {name: [label_of(value) for _, value, _ in levels] for name, levels in factors.items()}
        for key, mistake in declared_mistakes(primary, labels, cells, len(self._page.page.each_seed)):
            self._layers.mistake(mistake.what, key, mistake.why, mistake.fix)

    def _excluded(self, factors: Mapping[str, Sequence[FactorLevel]]) -> list[dict[str, str]]:
        said = []
        for number, each in enumerate(self._page.page.exclude):
            for factor, level in each.items():
                labels = [label_of(value) for _, value, _ in factors.get(factor, ())]
                key = ("exclude", number, factor)
                if factor not in factors:
                    self._layers.mistake(
                        f"exclude names no factor: {factor!r}", key, fix=f"Factors are {', '.join(factors) or 'none'}."
                    )
                elif label_of(level) not in labels:
                    self._layers.mistake(
                        f"{factor} has no level {label_of(level)!r}", key, fix=f"Its levels are {', '.join(labels)}."
                    )
            said.append({factor: label_of(level) for factor, level in each.items()})
        return said

    def _config(self, layers: Sequence[Layer]) -> RunConfig | list[tuple[InputError, Layer]]:
        """Return the settings of a combination, or what is wrong with them and with which layer."""
        values: Settings = {}
        for layer in layers:
            values = laid_over(values, layer.settings)
        config, wrong = checked_settings(values)
        if wrong and (meant := as_meant(RunConfig, values, lambda paths: texts_in(layers, paths))) is not values:
            config, wrong = checked_settings(meant)
        if config is not None and not wrong:
            return config
        return [
            self._located(layers, key, e.what, ": ".join(filter(None, [e.where if key else "", e.why])), e.fix, e.where)
            for key, e in wrong
        ]

    def _located(
        self, layers: Sequence[Layer], key: Key, what: str, why: str, fix: str, where: str
    ) -> tuple[InputError, Layer]:
        """Return a mistake with the layer that it is in, the last one that has the setting, and its place there."""
        by = max(reversed(layers), key=lambda layer: layer.holds(key)) if key else layers[0]
        if (id(by), key) not in self._places:  # each look reads the text
            self._places[id(by), key] = by.at(key) if key else where or by.at(key)
        return InputError(f"{by.name}: {what}", where=self._places[id(by), key], why=why, fix=fix), by

    def _blame(self, checked: Sequence[tuple[Any, RunConfig | list[tuple[InputError, Layer]]]]) -> None:
        """Take for a mistake of the page what is wrong wherever its layer stands; the rest makes a combination impossible."""
        stands: dict[int, int] = {}
        fails: dict[tuple[int, str], tuple[int, InputError]] = {}
        for each, config in checked:
            for layer in (*self._layers.base, *(layer for _, _, layer in each)):
                stands[id(layer)] = stands.get(id(layer), 0) + 1
            for error, layer in config if not isinstance(config, RunConfig) else ():
                count, _ = fails.get((id(layer), str(error)), (0, error))
                fails[id(layer), str(error)] = (count + 1, error)
        self._mistakes += [error for (layer, _), (count, error) in fails.items() if count == stands[layer]]

    def _check_effects(self, checked: Sequence[tuple[Any, RunConfig | list[tuple[InputError, Layer]]]]) -> None:
        """Take for a mistake of the page a setting that changes nothing in any cell of its layer; a study that has begun keeps its own."""
        left: dict[int, tuple[Layer, set[tuple[Key, Effect]]]] = {}
        for each, config in () if self._page.recorded else checked:
            if not isinstance(config, RunConfig):
                continue
            for layer in (*self._layers.base, *(layer for _, _, layer in each)):
                those = set(conditional(layer.settings)) if layer.chosen and id(layer) not in left else set()
                _, idle = left.setdefault(id(layer), (layer, those))
                idle -= {each for each in idle if not changes_nothing(config, *each)}
        for layer, idle in left.values():
            for key, effect in idle:
                told = no_effect(key, effect)
                error, _ = self._located([layer], key, told.what, told.why, told.fix, "")
                if effect.harmless:
                    warn_of(error)
                else:
                    self._mistakes.append(error)

    def _check_twins(self, cells: Sequence[Cell]) -> None:
        seen: dict[str, Cell] = {}
        for cell in cells:
            if (twin := seen.setdefault(cell.settings, cell)) is not cell:
                self._layers.mistake(
                    f"two cells are the same run: {_told(twin.factors)}, and {_told(cell.factors)}",
                    ("cross",),
                    "their settings are equal",
                    "Leave one out: exclude.",
                )
                return

    def _stop_at_mistakes(self) -> None:
        if self._mistakes:
            raise PageMistakes(self._mistakes)


def _factors(each: _Combination) -> Factors:
    factors: Factors = {}
    for name, value, layer in each:
        factors |= dict(layer.values) if isinstance(layer, SampledPoint) else {name: value}
    return factors


def _matches(each: _Combination, combination: Mapping[str, str]) -> bool:
    levels = {name: label_of(value) for name, value, _ in each}
    return all(levels.get(name) == label for name, label in combination.items())


def _seeded(each: _Combination, config: RunConfig, seeds: Sequence[int]) -> Iterator[Cell]:
    record, factors = config.model_dump(mode="json"), _factors(each)
    labels = "-".join(
        _slug(f"p{value}" if isinstance(layer, SampledPoint) else label_of(value)) for _, value, layer in each
    )
    for seed in seeds:
        settings = content_id(record | {"seed": seed})
        name = "-".join(filter(None, [labels[:100], f"s{seed}", settings[:8]]))
        yield Cell(name, factors, seed, settings, config)


@lru_cache(MOST_CELLS)
def _slug(label: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "_", label).strip("._") or "level"


def _told(factors: Factors) -> str:
    return ", ".join(f"{name}={label_of(value)}" for name, value in factors.items()) or "the base"
