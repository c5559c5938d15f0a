"""Settings from a YAML file, a profile and the command line, each mistake with its place. Imports extensions if asked to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from abm.arenas import ARENAS
from abm.audience import AUDIENCES
from abm.audience.weights import YAML
from abm.llm.http.endpoint import is_server, like_url, url_and_name
from abm.probe import PROBES
from learning.runs.arms import ArmSettings, arms_in, named_methods, setting_keys
from learning.runs.config import LLM_AUDIENCE, RunConfig
from media_graph import BUILDERS
from media_graph.feeds import RANKERS
from moloch import extensions
from moloch.errors import InputError
from moloch.yamls import NO_NUMBER, Source, first_mistake, others, plain, read_source, truth_for_number

PROFILES = ("gpu", "laptop", "paper")
"""Settings for a kind of machine or study, ``learning/profiles/<name>.yaml``."""

Key = tuple[str | int, ...]
"""Path of a setting in the file: ``("network", "feed", "ranker")``."""


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
        path: YAML file, or None for the defaults.
        profile: one of :data:`PROFILES`, or empty: settings that the file overrides.
        changes: top-level settings; those that are None are left alone.
        settings: ``"a.b=value"``, the value in YAML.
        imports: import the extensions that the settings name, and look every part up by its name. Without, names are left
            unchecked: for settings that only say where models are served.
        recorded: they are those of a run, which may have been begun under earlier rules.

    Raises:
        InputError: the file or a setting is not valid; names the file, the key, the reason.
    """
    source = read_source(path, "the settings") if path is not None else Source("", "")
    values = source.values() or {}
    if not isinstance(values, dict):
        raise InputError(
            "settings must be a mapping", where=source.where, why=f"the file holds a {type(values).__name__}"
        )
    values = laid_over(profile_settings(profile), values) if profile else values
    values |= {name: deepcopy(value) for name, value in changes.items() if value is not None}
    for setting in settings:
        _set(values, setting)
    elsewhere = {name for name, value in changes.items() if value is not None}
    elsewhere |= {re.split("[.=]", setting)[0] for setting in settings}
    try:
        config = RunConfig.model_validate(values)
    except ValidationError as error:
        raise _invalid(error, source, elsewhere) from error
    if (keys := truth_for_number(values, config)) is not None:
        where = "" if keys[0] in elsewhere else source.at(*keys)
        raise InputError(f"setting {'.'.join(map(str, keys))!r} is not valid", where=where, why=NO_NUMBER)
    _check_lora(config, source, elsewhere, recorded)
    if imports:
        extensions.load(config.extensions)
    for key, error in unknown_names(config) if imports else bad_places(config):
        where = error.where if key[0] in elsewhere else source.at(*key)
        raise InputError(error.what, where=where, why=error.why, fix=error.fix)
    return config


def bad_places(config: RunConfig) -> Iterator[tuple[Key, InputError]]:
    """Yield the settings that name a place where no server can be, each with its error."""
    serving = config.serving
    if like_url(serving.llm) and (unknown := serving.unknown_backend) is not None:
        yield ("serving", "llm"), unknown
    places: dict[Key, str] = {("model",): config.model, ("reader", "model"): config.reader.model}
    for key, place in places.items():
        try:
            if is_server(place):
                url_and_name(place)
        except InputError as error:
            yield key, error


def unknown_names(config: RunConfig) -> Iterator[tuple[Key, InputError]]:
    """Yield the settings that name an unregistered part, each with its error."""
    from learning.methods import METHODS

    yield from bad_places(config)
    for key, method in named_methods(config.arms):
        if method not in METHODS:
            yield key, METHODS.unknown(method)
    for i, probe in enumerate(config.probes or ()):
        if probe not in PROBES:
            yield ("probes", i), PROBES.unknown(probe)
    if config.arena not in ARENAS and Path(config.arena).suffix not in YAML:
        yield ("arena",), ARENAS.unknown(config.arena, also="or the path of a YAML file")
    if config.audience not in (*AUDIENCES, LLM_AUDIENCE) and Path(config.audience).suffix not in YAML:
        yield ("audience",), AUDIENCES.unknown(config.audience, also="llm, or a YAML file's path")
    if (unknown := config.serving.unknown_backend) is not None:
        yield ("serving", "llm"), unknown
    graph = config.network.graph.kind
    if graph not in BUILDERS and not Path(graph).suffix:
        yield ("network", "graph", "kind"), BUILDERS.unknown(graph, also="or the path of a file")
    if config.network.feed.ranker not in RANKERS:
        yield ("network", "feed", "ranker"), RANKERS.unknown(config.network.feed.ranker)


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


def _check_lora(config: RunConfig, source: Source, elsewhere: set[str], recorded: bool) -> None:
    """Refuse settings of the trainer that are not valid, of the run or of one of its arms; a record's preset is as it was."""
    from learning.training.settings import check_preset, lora_settings

    of: dict[Key, dict[str, Any]] = {("lora",): config.lora}
    of |= {("arms", arm.name, "lora"): {**config.lora, **arm.lora} for arm in arms_in(config.arms).values() if arm.lora}
    for key, changes in of.items():
        try:
            if not recorded:
                check_preset(config.preset, config.model)
            lora_settings(config.trainer_preset, changes)
        except InputError as error:
            at: Key = ("preset",) if "preset" in error.what else key
            where = "" if at[0] in elsewhere else source.at(*at)
            what = error.what.replace("'lora'", f"'{'.'.join(map(str, at))}'")
            raise InputError(what, where=where, why=error.why, fix=error.fix) from error


def _invalid(error: ValidationError, source: Source, elsewhere: set[str]) -> InputError:
    """Return what is wrong, and where in the file, unless the setting may come from ``elsewhere``: the command line."""
    first = first_mistake(error)
    keys = setting_keys(first)
    where = "" if keys and keys[0] in elsewhere else source.at(*keys)
    what = f"setting {'.'.join(str(key) for key in keys)!r} is not valid" if keys else "the settings are not valid"
    why, fix = first["msg"].removeprefix("Value error, "), first.get("ctx", {}).get("fix", "")
    if first["type"] == "extra_forbidden":
        within = (ArmSettings, keys[2:]) if keys[0] == "arms" else (RunConfig, keys)
        why, fix = "there is no such setting", others(*within, "Settings")
    elif first["type"] in ("tuple_type", "list_type"):
        why = f"it takes a list, such as [{first['input']}]"
    elif first["type"] == "model_type" and keys[0] == "arms":
        why = f"it takes settings, such as {{method: {first['input']}}}"
    return InputError(what, where=where, why=why, fix=fix)


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
