"""Settings from a YAML file, a profile and the command line, each mistake with its place. Imports extensions if asked to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import deepcopy
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from learning.arms.arm_list import as_list, by_name, no_such_arm
from learning.runs.config import RunConfig
from learning.runs.config_mistakes import checked_settings, placed
from moloch.errors import InputError, together
from moloch.yamls import Source, plain, read_source

if TYPE_CHECKING:
    pass

PROFILES = ("gpu", "laptop", "paper")
"""Settings for a kind of machine or study, ``learning/profiles/<name>.yaml``."""


def load_config(
    path: Path | str | None,
    changes: dict[str, Any],
    settings: Sequence[str] = (),
    *,
    profile: str = "",
    imports: bool = True,
    recorded: bool = False,
) -> RunConfig:
    """Return the settings of a YAML file, overridden by ``changes`` and then by ``key=value`` strings.

    Args:
        path: YAML file, or None for the defaults; or a run's ``run.json``, whose settings are those of that run.
        profile: one of :data:`PROFILES`, or empty: settings that the file overrides.
        changes: top-level settings; those that are None are left alone.
        settings: ``"a.b=value"``, the value in YAML.
        imports: import the extensions that the settings name, and look every part up by its name. Without, names are left
            unchecked: for settings that only say where models are served.
        recorded: they are those of a run, which may have been begun under earlier rules.

    Raises:
        InputError: the file or a setting is not valid; names the file, the key, the reason.
    """
    source, values, of_run = _given(path, changes, settings, profile)
    elsewhere = {name for name, value in changes.items() if value is not None}
    elsewhere |= {re.split("[.=]", setting)[0] for setting in settings}
    config, wrong = checked_settings(values, imports=imports, recorded=recorded or of_run)
    if config is None or wrong:
        raise together(placed(wrong, source, ("config",) if of_run else (), elsewhere))
    return config


def given_settings(
    path: Path | str | None, changes: dict[str, Any], settings: Sequence[str] = (), *, profile: str = ""
) -> dict[str, Any]:
    """Return what :func:`load_config` reads, as plain values and unchecked: settings that nobody gave are not among them.

    Raises:
        InputError: the file cannot be read, or a string is not ``key=value``.
    """
    return _given(path, changes, settings, profile)[1]


def _given(
    path: Path | str | None, changes: dict[str, Any], settings: Sequence[str], profile: str
) -> tuple[Source, dict[str, Any], bool]:
    """Return the file, the settings, and whether the file is a run's ``run.json``."""
    source = read_source(path, "the settings") if path is not None else Source("", "")
    values = source.values() or {}
    of_run = isinstance(values, dict) and values.keys() >= {"config", "format"}
    values = values["config"] if of_run else values
    if not isinstance(values, dict):
        raise InputError(
            "settings must be a mapping", where=source.where, why=f"the file holds a {type(values).__name__}"
        )
    values = laid_over(profile_settings(profile), values) if profile else values
    values |= {name: deepcopy(value) for name, value in changes.items() if value is not None}
    if "arms" not in values and "markets" not in values and _changes_given_arms(settings):
        values["arms"] = list(RunConfig.model_fields["arms"].default)
    for setting in settings:
        _set(values, setting)
    return source, values, of_run


def _changes_given_arms(settings: Sequence[str]) -> bool:
    """Return whether settings change arms and make none: they are then about those that a run has where nobody names any."""
    names = [setting.partition("=")[0].strip().split(".") for setting in settings]
    arms = [name for name in names if name[0] in ("arms", "markets")]
    return bool(arms) and all(name[0] == "arms" and len(name) > 2 and name[2] != "method" for name in arms)


def profile_settings(name: str) -> dict[str, Any]:
    """Return the settings of a profile.

    Raises:
        InputError: there is no such profile.
    """
    if name not in PROFILES:
        raise InputError(f"no profile {name!r}", fix=f"Choose one of {', '.join(PROFILES)}.")
    return yaml.safe_load(resources.files("learning").joinpath(f"profiles/{name}.yaml").read_text("utf-8"))


def laid_over(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``more`` laid over it, mapping by mapping."""
    merged = dict(base)
    for key, value in more.items():
        below = merged.get(key)
        merged[key] = laid_over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def changed_config(config: RunConfig, settings: Sequence[str]) -> RunConfig:
    """Return ``config`` with ``key=value`` strings applied.

    Raises:
        InputError: a setting is not valid.
    """
    return load_config(None, config.model_dump(mode="json"), settings, recorded=True)


def _set(values: dict[str, Any], setting: str) -> None:
    name, equals, text = setting.partition("=")
    if not equals or not name:
        raise InputError(f"--set {setting!r} is not key=value", fix="For example --set sampling.temperature=1.0")
    try:
        value = plain(text)
    except yaml.YAMLError as error:
        why = getattr(error, "problem", None) or str(error)
        raise InputError(f"--set {setting!r} has a value that is not YAML", why=why) from error
    path = name.strip().split(".")
    arms = values.get("arms")
    if len(path) > 1 and path[0] == "arms" and isinstance(arms, list | tuple) and (named := by_name(arms)) is not None:
        if path[1] not in named:
            raise InputError(f"--set {setting!r}: there is no arm {path[1]!r}", fix=no_such_arm(path[1], list(named)))
        _put(named, path[1:], value, setting)
        values["arms"] = as_list(named)
    else:
        _put(values, path, value, setting)


def _put(values: dict[str, Any], path: Sequence[str], value: Any, setting: str) -> None:
    """Set what ``path`` leads to.

    Args:
        setting: as it was given, for errors.
    """
    *path, last = path
    for part in path:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise InputError(f"--set {setting!r}: {part!r} holds no settings of its own")
    values[last] = value
