"""The settings of a run: what decides it, and nothing else. Reads YAML, knows nothing of how a run goes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from abm.llm.backends import Serving
from abm.worlds.model import Ties
from abm.worlds.networked.settings import NetworkConfig
from moloch.content import content_id
from moloch.errors import InputError
from moloch.yamls import Source, first_mistake, others, plain, read_source

PROFILES = ("gpu", "paper")
"""Settings for a kind of machine or study, ``learning/profiles/<name>.yaml``."""
LLM_AUDIENCE = "llm"
"""The audience whose personas a language model plays."""


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SamplingConfig(_Settings):
    """How writers draw tokens."""

    temperature: float = Field(default=0.7, ge=0, le=2)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int = Field(default=192, ge=16, le=8192)


class ReaderConfig(_Settings):
    """How a language model plays the personas, where ``audience`` is ``llm``."""

    model: str = ""
    """``pocket``, a folder, or a served model's name; empty: the writers' model, without adapter."""
    temperature: float = Field(default=0.1, ge=0, le=2)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int = Field(default=512, ge=8, le=8192)
    answer: Literal["tags", "json"] = "tags"
    """``json``: one JSON object, to whose schema servers hold the model."""
    retries: int = Field(default=1, ge=0, le=1)
    """Times that a member is asked for the letter alone, after an answer that names no option."""


class CrowdConfig(_Settings):
    """Members beside the personas, of whom only traits are known; the personas are then the core of a mixed audience."""

    size: int = Field(default=0, ge=0, le=10_000_000)
    """Members of each split."""
    audience: str = "default"
    """How they react: a choice model."""


class BudgetConfig(_Settings):
    """Bounds on what a run may spend: on calls, tokens and money over all its processes, on minutes of this one."""

    calls: int | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)
    usd: float | None = Field(default=None, ge=0)
    minutes: float | None = Field(default=None, ge=0)


class RunConfig(_Settings):
    """Everything that decides a run; equal settings give an equal digest.

    Counts left at ``None`` take the default where the source has as many, else all of it. A count that is
    given and larger than the source is an error.
    """

    arena: str = "sales"
    """Built-in arena, or the path of an arena's YAML."""
    anchors: str | None = None
    """Folder with train.jsonl and test.jsonl; the built-in pack by default."""
    personas: str = "biographic"
    """``biographic``, ``demographic``, or a file: jsonl, json, csv, parquet, graphml or gexf."""
    mapping: str | None = None
    """YAML file that says what the columns of ``personas`` mean, for survey data."""
    stratify: tuple[str, ...] = ()
    """Attributes of which training and held-out personas get the same mix."""
    resample: bool = False
    """Take as many personas as asked for, the same ones several times if need be, in proportion to their weights."""
    audience: str = "default"
    """``default``, ``neutral``, the path of a choice model's YAML, or ``llm``: see ``reader``."""
    reader: ReaderConfig = Field(default_factory=ReaderConfig)
    """The language model that plays the personas."""
    crowd: CrowdConfig = Field(default_factory=CrowdConfig)
    """Members beside the personas."""
    model: str = "pocket"
    """``pocket``, or the folder of a causal language model; it may be served elsewhere, see ``serving``."""
    arms: tuple[str, ...] = ("rft", "tfb", "placebo")
    """Ways of learning, each compared with the base model."""
    epochs: int = Field(2, ge=1)
    messages: int = Field(2, ge=2, le=8)
    """Messages per training contest, all from the arm's current policy."""
    train_anchors: int | None = Field(None, ge=1)
    """Training anchors per epoch."""
    held_out_anchors: int | None = Field(None, ge=2)
    train_personas: int | None = Field(None, ge=1)
    held_out_personas: int | None = Field(None, ge=2)
    ties: Ties = "skip"
    batch: int = Field(32, ge=1)
    """Contests per step: the planned batch of model calls."""
    sampling: SamplingConfig = Field(default_factory=SamplingConfig)
    preset: str = "pocket"
    """Settings of the LoRA trainer: one of :data:`learning.training.settings.PRESETS`."""
    lora: dict[str, Any] = {}
    """Single settings that differ from the preset."""
    evaluate: Literal["last", "every"] = "last"
    """Evaluate after the last epoch only, or after each."""
    seed: int = Field(1, ge=0, lt=2**31)
    world: Literal["isolated", "networked"] = "isolated"
    """``isolated``: every member sees every contest and nobody else; ``networked``: see ``network``."""
    network: NetworkConfig = Field(default_factory=NetworkConfig)
    """The networked world's settings."""
    serving: Serving = Field(default_factory=Serving, exclude=True)
    """Where models are served: no part of what decides the run, and of no record of it."""
    budget: BudgetConfig = Field(default_factory=BudgetConfig, exclude=True)
    """What may be spent; likewise."""

    @field_validator("arms")
    @classmethod
    def _known_arms(cls, arms: tuple[str, ...]) -> tuple[str, ...]:
        from learning.methods.sets import METHODS

        unknown = [arm for arm in arms if arm not in METHODS]
        if unknown or not arms or len(set(arms)) < len(arms):
            raise ValueError(f"arms must be different ones of {', '.join(METHODS)}")
        return arms

    @model_validator(mode="after")
    def _asked_in_isolation(self) -> RunConfig:
        if self.audience == LLM_AUDIENCE and self.world == "networked":
            raise ValueError("audience: llm reads in the isolated world only; a networked one needs a choice model")
        return self

    @model_validator(mode="after")
    def _interventions_come(self) -> RunConfig:
        for number, item in enumerate(self.network.interventions):
            if item.epoch is not None and item.epoch > self.epochs:
                raise ValueError(
                    f"network.interventions.{number} waits for epoch {item.epoch}, and there are {self.epochs}"
                )
            if item.phase == "evaluate" and self.evaluate == "last" and item.epoch not in (None, self.epochs):
                raise ValueError(
                    f"network.interventions.{number} waits for the evaluation of epoch {item.epoch}, and only the last "
                    f"one, {self.epochs}, is evaluated; set evaluate: every"
                )
        return self

    @property
    def reader_model(self) -> str:
        """The model that plays the personas."""
        return self.reader.model or self.model

    @property
    def id(self) -> str:
        """Content id of the settings."""
        return content_id(self.model_dump(mode="json"))

    def default_folder(self) -> Path:
        """Return where a run with these settings goes unless told otherwise."""
        return Path("runs") / f"{Path(self.arena).stem}-{Path(self.audience).stem}-s{self.seed}-{self.id[:8]}"


def load_config(
    path: Path | str | None, changes: dict[str, Any], settings: Sequence[str] = (), *, profile: str = ""
) -> RunConfig:
    """Return the settings of a YAML file, overridden by ``changes`` and then by ``key=value`` strings.

    Args:
        path: YAML file, or None for the defaults.
        profile: one of :data:`PROFILES`, or empty: settings that the file overrides.
        changes: top-level settings; those that are None are left alone.
        settings: ``"a.b=value"``, the value in YAML.

    Raises:
        InputError: the file or a setting is not valid; names the file, the key, the reason.
    """
    source = read_source(path, "the settings") if path is not None else Source("", "")
    values = source.values() or {}
    if not isinstance(values, dict):
        raise InputError(
            "settings must be a mapping", where=source.where, why=f"the file holds a {type(values).__name__}"
        )
    values = _over(_profile(profile), values) if profile else values
    values |= {name: value for name, value in changes.items() if value is not None}
    for setting in settings:
        _set(values, setting)
    elsewhere = {name for name, value in changes.items() if value is not None}
    elsewhere |= {re.split("[.=]", setting)[0] for setting in settings}
    try:
        config = RunConfig.model_validate(values)
    except ValidationError as error:
        raise _invalid(error, source, elsewhere) from error
    _check_lora(config, source, elsewhere)
    return config


def _profile(name: str) -> dict[str, Any]:
    if name not in PROFILES:
        raise InputError(f"no profile {name!r}", fix=f"Choose one of {', '.join(PROFILES)}.")
    return yaml.safe_load(resources.files("learning").joinpath(f"profiles/{name}.yaml").read_text("utf-8"))


def _over(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``more`` laid over it, mapping by mapping."""
    merged = dict(base)
    for key, value in more.items():
        below = merged.get(key)
        merged[key] = _over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _check_lora(config: RunConfig, source: Source, elsewhere: set[str]) -> None:
    from learning.training.settings import lora_settings

    try:
        lora_settings(config.preset, config.lora)
    except InputError as error:
        key = "preset" if "preset" in error.what else "lora"
        where = "" if key in elsewhere else source.at(key)
        raise InputError(error.what, where=where, why=error.why, fix=error.fix) from error


def _invalid(error: ValidationError, source: Source, elsewhere: set[str]) -> InputError:
    """Return what is wrong, and where in the file, unless the setting may come from ``elsewhere``: the command line."""
    first = first_mistake(error)
    keys = first["loc"]
    where = "" if keys and keys[0] in elsewhere else source.at(*keys)
    what = f"setting {'.'.join(str(key) for key in keys)!r} is not valid" if keys else "the settings are not valid"
    why, fix = first["msg"].removeprefix("Value error, "), ""
    if first["type"] == "extra_forbidden":
        why, fix = "there is no such setting", others(RunConfig, keys, "Settings")
    elif first["type"] in ("tuple_type", "list_type"):
        why = f"it takes a list, such as [{first['input']}]"
    return InputError(what, where=where, why=why, fix=fix)


def changed_config(config: RunConfig, settings: Sequence[str]) -> RunConfig:
    """Return ``config`` with ``key=value`` strings applied.

    Raises:
        InputError: a setting is not valid.
    """
    return load_config(None, config.model_dump(mode="json"), settings)


def _set(values: dict[str, Any], setting: str) -> None:
    name, equals, text = setting.partition("=")
    if not equals or not name:
        raise InputError(f"--set {setting!r} is not key=value", fix="For example --set sampling.temperature=1.0")
    *path, last = name.strip().split(".")
    for part in path:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise InputError(f"--set {setting!r}: {part!r} holds no settings of its own")
    try:
        values[last] = plain(text)
    except yaml.YAMLError as error:
        why = getattr(error, "problem", None) or str(error)
        raise InputError(f"--set {setting!r} has a value that is not YAML", why=why) from error
