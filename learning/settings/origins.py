"""What a run's settings come to, and where each value came from. Knows settings; knows nothing of how they are printed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
import yaml
from pydantic import BaseModel

from abm.llm.http.endpoint import Endpoint
from learning.settings.config import RunConfig
from learning.settings.layers import holder
from learning.settings.sources import GivenSettings
from learning.training.settings import lora_settings, preset_of
from moloch.yamls import Keys

DEFAULT = "default"
_SECRET = re.compile(r"(?i)(^|_)(key|token|password|secret)s?$")
"""Names in settings of a user's own whose values are not shown."""


class SettingValue(NamedTuple):
    """A setting with its value.

    Attributes:
        key: its dotted name.
        value: plain.
        by: what said it: ``default``, ``preset NAME``, ``profile NAME``, a file with line and column, a variable, an option.
    """

    key: str
    value: Any
    by: str

    @property
    def text(self) -> str:
        """The value in YAML, on one line."""
        return in_yaml(self.value)


def setting_values(config: RunConfig, given: GivenSettings) -> list[SettingValue]:
    """Return every setting of a run with its value, in the order of the types; those of the trainer as they are resolved."""
    return [
        SettingValue(".".join(map(str, key)), value, by)
        for leaf, plain in _leaves(config)
        for key, value, by in _resolved(config, given, leaf, plain)
    ]


def changed(values: list[SettingValue]) -> list[SettingValue]:
    """Return those that somebody said."""
    return [each for each in values if each.by != DEFAULT and not each.by.startswith("preset ")]


def in_yaml(value: Any) -> str:
    """Return a value in YAML, on one line.

    >>> in_yaml(["rft", {"slow": {"method": "rft"}}])
    '[rft, {slow: {method: rft}}]'
    """
    text = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), sort_keys=False, allow_unicode=True)
    return " ".join(text.removesuffix("...\n").split())


def _resolved(config: RunConfig, given: GivenSettings, key: Keys, value: Any) -> Iterator[tuple[Keys, Any, str]]:
    if key == ("lora",):
        for name, each in msgspec.to_builtins(lora_settings(config.trainer_preset, config.lora)).items():
            said = name in config.lora
            yield (*key, name), each, _said(given, (*key, name)) if said else f"preset {config.trainer_preset}"
    elif given.of_run and holder(given.layers, key) is given.file and value == _usual(key, given):
        yield key, value, DEFAULT
    else:
        yield key, value, _said(given, key)


def _usual(key: Keys, given: GivenSettings) -> Any:
    """Return what a run's record holds of a setting where nobody gave it: the default, or the preset that follows from the model."""
    if key == ("preset",):
        return preset_of(str(given.file.settings.get("model", "")))
    return dict(_leaves(RunConfig.model_validate({}))).get(key)


def _said(given: GivenSettings, key: Keys) -> str:
    """Return what said a setting, ``default`` where nobody did."""
    layer = holder(given.layers, key)
    if layer is None or layer.holds(key) < len(key):
        return DEFAULT
    return layer.name if given.of_run and layer is given.file else layer.at(key) or layer.name


def _leaves(here: Any, key: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Yield the keys of each setting that holds no others of fixed names, with its plain value."""
    for name in type(here).model_fields:
        value = getattr(here, name)
        if isinstance(value, BaseModel):
            yield from _leaves(value, (*key, name))
        elif (*key, name) == ("serving", "options"):
            yield (*key, name), {each: "..." if _SECRET.search(each) else _plain(its) for each, its in value.items()}
        else:
            yield (*key, name), _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Endpoint):  # has many settings, of which few are given
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(mode="json"))
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
