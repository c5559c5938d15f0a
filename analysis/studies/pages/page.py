"""The page of a study: what is varied, how often, and when it stops. Knows files; knows nothing of runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from analysis.studies.pages.preregistration import Preregistration, recorded_preregistration
from learning.settings.parts import RedrawConfig
from moloch.checked_values import checked, others
from moloch.errors import InputError
from moloch.meant_texts import as_meant
from moloch.yamls import Source, read_source

Settings = dict[str, Any]
Function = Callable[[Settings], Settings]
Level = Settings | str | Function
"""Settings laid over the base, the path of a YAML file of them, ``module:function``, or (in Python) the function itself: it gets
the settings so far, and returns those of the level."""
RESERVED = {
    "cell", "seed", "arm", "epoch", "phase", "anchor", "contest", "persona", "origin", "probe", "label", "choice", "slot", "seq",
    "step", "message", "state", "value", "kind", "outcome", "measure", "between", "compared_with", "estimate", "low", "high", "se", "p",
    "dof", "skew", "low_90", "high_90", "low_adapters", "high_adapters", "low_seeds", "high_seeds", "p_randomised", "p_smallest", "family",
    "p_adjusted", "margin", "p_equivalence", "p_equivalence_adjusted", "conclusion", "needs", "detectable", "n", "anchors", "people", "cells",
    "missing", "over", "withheld", "sampled",
}  # fmt: skip
"""Names that columns of frames have; a factor cannot have them."""
MOST_CELLS = 100_000
"""Cells of a study."""


class _PagePart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True)


class StopRules(_PagePart):
    """When a study stops before its end; what was answered is kept, and the same command with more goes on."""

    usd: float | None = Field(default=None, ge=0)
    calls: int | None = Field(default=None, ge=0)
    """To servers that are paid; answers of this machine are free, and do not count."""
    tokens: int | None = Field(default=None, ge=0)
    hours: float | None = Field(default=None, ge=0)
    """Of wall-clock time in which at least one cell was carried out, by all controllers together; what stood still between
    two of them does not count."""
    failed_share: float = Field(default=0.1, ge=0, le=1)
    """Of all cells; more than that, and no new cell is begun."""


def _labels(levels: Any) -> Any:
    """Return a list's levels by what they say: ``[sales, social]`` is ``{sales: sales, social: social}``."""
    if not isinstance(levels, list):
        return levels
    if not all(isinstance(each, str | int | float) for each in levels):
        raise ValueError("a list holds values of the setting that the factor is named after; give other levels names")
    labels = [label_of(each) for each in levels]
    if len(set(labels)) < len(labels):
        twice = next(label for label, times in Counter(labels).items() if times > 1)
        raise ValueError(f"the level {twice!r} appears twice")
    return {label: Value(each) for label, each in zip(labels, levels, strict=True)}


def label_of(value: str | float) -> str:
    """Return how a level that is a value is called: ``true`` is ``yes``."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


class Value:
    """A level that is a value of the setting that its factor is named for."""

    def __init__(self, value: str | float) -> None:
        self.value = value


Levels = Annotated[dict[str, Value | Level], BeforeValidator(_labels), Field(min_length=1)]


class FactorRange(_PagePart):
    """What a continuous factor goes through."""

    low: float
    high: float
    log: bool = False
    """Evenly on a logarithmic scale."""
    integer: bool = False

    @field_validator("high")
    @classmethod
    def _upwards(cls, high: float, info: ValidationInfo) -> float:
        low = info.data.get("low")
        if low is not None and not low < high:
            raise ValueError(f"it goes from low to high, and {high:g} is not above {low:g}")
        return high

    @field_validator("log")
    @classmethod
    def _above_zero(cls, log: bool, info: ValidationInfo) -> bool:
        if log and info.data.get("low", 1) <= 0:
            raise ValueError("a logarithmic scale begins above 0")
        return log


def _range(value: Any) -> Any:
    if isinstance(value, list):
        if len(value) != 2:
            raise ValueError("it takes [low, high]")
        return {"low": value[0], "high": value[1]}
    return value


class SampleDesign(BaseModel):
    """Continuous factors, of which points are drawn: setting -> ``[low, high]``, or low and high with ``log`` or ``integer``."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    method: Literal["sobol", "lhs", "morris", "saltelli"] = "sobol"
    """``sobol`` (scrambled) and ``lhs`` fill the space; ``saltelli`` is the design of Sobol's indices, ``morris`` that of elementary
    effects."""
    n: int = Field(16, ge=2, le=65_536)
    """Points; for ``saltelli`` the base sample (it takes n (factors + 2) points), for ``morris`` trajectories."""
    seed: int = Field(1, ge=0, lt=2**31)
    """Of the design's own randomness."""

    __pydantic_extra__: dict[str, Annotated[FactorRange, BeforeValidator(_range)]]  # pyright: ignore[reportIncompatibleVariableOverride]

    @property
    def ranges(self) -> dict[str, FactorRange]:
        """Setting -> its range."""
        return dict(self.__pydantic_extra__ or {})


class StudyPage(_PagePart):
    """What a study is."""

    name: str = Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    base: Settings | str = {}
    """Settings that all cells share, or the path of a file of them."""
    profile: str = ""
    """What the base stands on: one of :data:`learning.settings.sources.PROFILES`."""
    cross: dict[str, Levels] = {}
    """Factor -> levels; every level meets every level of the others."""
    sample: SampleDesign | None = None
    """Factors without levels."""
    exclude: tuple[dict[str, str | int | float | bool], ...] = ()
    """Combinations of levels that are no cells."""
    seeds: Annotated[int, Field(ge=1, le=10_000)] | Annotated[tuple[int, ...], Field(min_length=1)] = 5
    """How many (1, 2, ...), or which."""
    redraw: RedrawConfig = Field(default_factory=RedrawConfig)
    primary: Preregistration | None = None
    """What the study is to decide, declared before it begins."""
    stop: StopRules = Field(default_factory=StopRules)

    @field_validator("seeds")
    @classmethod
    def _once(cls, seeds: int | tuple[int, ...]) -> int | tuple[int, ...]:
        if isinstance(seeds, tuple):
            if len(set(seeds)) < len(seeds):
                raise ValueError("a seed appears twice")
            if any(not 0 <= seed < 2**31 for seed in seeds):
                raise ValueError("a seed is a whole number from 0 to 2147483647")
        return seeds

    @property
    def each_seed(self) -> tuple[int, ...]:
        """The seeds, one by one."""
        return tuple(range(1, self.seeds + 1)) if isinstance(self.seeds, int) else self.seeds


class WrittenPage:
    """A page with the text that it was read from, so that a mistake has its line.

    Attributes:
        page: what it says; of what is not valid, the default.
        source: its text, and its path; both empty where it was made in Python.
        mistakes: all that is not valid, each with its place; :func:`analysis.studies.pages.cells.cells_of` tells them with its own.
        recorded: whether it is the copy in a study's folder, whose settings are as the study began with them.
        folder: what relative paths of the page start from.
    """

    def __init__(
        self,
        page: StudyPage,
        source: Source | None = None,
        mistakes: Sequence[InputError] = (),
        *,
        recorded: bool = False,
    ) -> None:
        self.page, self.source, self.mistakes = page, source or Source("", ""), tuple(mistakes)
        self.recorded = recorded
        self.folder = Path(self.source.where).parent if self.source.where else Path()

    def settings_file(self, path: str) -> Source:
        """Return a file of settings that the page names.

        Raises:
            InputError: it cannot be read.
        """
        return read_source(self.folder / path, "the settings")


def read_page(path: Path | str, *, recorded: bool = False) -> WrittenPage:
    """Return the page in a YAML file, with what is wrong with it.

    Args:
        recorded: whether it is the copy in a study's folder; see :func:`page_of`.

    Raises:
        InputError: it cannot be read, or is no mapping of YAML.
    """
    if Path(path).is_dir():
        why = "it is a run" if (Path(path) / "run.json").is_file() else "it is a folder without a study's log"
        raise InputError("no study here", where=str(path), why=why, fix="Give a study's folder, or its page.")
    source = read_source(path, "the page of the study")
    values = source.values()
    if not isinstance(values, dict):
        raise InputError(
            "the page must be a mapping", where=source.where, why="it has keys such as name, base, cross and seeds"
        )
    return _written(_as_recorded(values) if recorded else values, source, recorded)


def page_of(values: Mapping[str, Any], *, recorded: bool = False) -> WrittenPage:
    """Return a page made of values, with what is wrong with it.

    Args:
        recorded: whether they are those of a study that has begun, maybe under an earlier version: a ``primary`` in an earlier form is
            kept as it stands.
    """
    return _written(_as_recorded(values) if recorded else dict(values), Source("", ""), recorded)


def _as_recorded(values: Mapping[str, Any]) -> Settings:
    return dict(values) | ({"primary": recorded_preregistration(values["primary"])} if "primary" in values else {})


def _written(values: Settings, source: Source, recorded: bool) -> WrittenPage:
    """Return a page without what is not valid, so that the rest of it can be looked at, too."""
    page, told = checked(StudyPage, values := as_meant(StudyPage, values, source.texts_at))
    wrong = {tuple(each["loc"]): each for each in told}
    while page is None:
        if not told:
            values = {"name": "page"}
        for each in told:
            _leave_out(values := deepcopy(values), each["loc"])
        values.setdefault("name", "page")
        page, told = checked(StudyPage, values)
        if told and {tuple(each["loc"]) for each in told} <= wrong.keys():
            values, told = {"name": "page"}, []
    mistakes = source.placed([(keys, _mistake(each)) for keys, each in wrong.items()])
    return WrittenPage(page, source, mistakes, recorded=recorded)


def _mistake(error: Any) -> InputError:
    keys, why, fix = error["loc"], error["msg"], ""
    if keys[:1] == ("seeds",):  # what follows are kinds of values, and places in a list
        keys = tuple(key for key in keys if key == "seeds" or isinstance(key, int))
    if error["type"] == "extra_forbidden":
        why, fix = "there is no such key", others(StudyPage, keys, "Keys")
    elif keys[:1] == ("cross",) and len(keys) == 2 and error["type"] in ("dict_type", "list_type", "tuple_type"):
        why = f"it takes a list of levels, such as [{error['input']}], or a mapping of their names to settings"
    name = ".".join(map(str, keys)) or "the page"
    if error["type"] == "missing":
        return InputError(f"{name} is missing")
    return InputError(f"{name} is not valid", why=why, fix=fix)


def _leave_out(values: Any, keys: Sequence[str | int]) -> None:
    """Take out the innermost entry of a mapping that ``keys`` lead to; kinds that a model's path names are passed over."""
    last: tuple[dict[Any, Any], Any] | None = None
    for key in keys:
        if isinstance(values, dict) and key in values:
            last, values = (values, key), values[key]
    if last is not None:
        del last[0][last[1]]
