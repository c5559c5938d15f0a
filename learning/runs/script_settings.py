"""The settings of a run as a script gives them: a :class:`RunConfig`, or keywords, with a reader by its server's address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from learning.runs.readers import reader_settings
from learning.settings.config import LLM_AUDIENCE, RunConfig
from learning.settings.sources import load_config
from moloch.errors import InputError


def script_config(config: RunConfig | None, settings: Mapping[str, Any], reader: str = "") -> RunConfig:
    """Return the settings of a run.

    Args:
        config: all of them; or None, where ``settings`` and ``reader`` have them.
        settings: name -> value; a name with dots is one within another, such as ``lora.lr``.
        reader: the server of the model that plays the personas: ``http://host:8000/v1#NAME``; empty if none was named.

    Raises:
        InputError: both were given; a setting is not valid; or no server, or it serves several models and none is named.
        ServiceError: the reader's name is not given, and its server cannot be asked for it.
    """
    if config is None:
        changes, within = by_depth(settings)
        if reader:
            if (audience := changes.get("audience", LLM_AUDIENCE)) != LLM_AUDIENCE:
                what = f"a reader has a model play the personas, and the audience {audience!r} has something else react"
                raise InputError(what, fix="Leave one of them out.")
            known = load_config(None, changes, within, effects=False)
            within = [*within, *reader_settings(reader, known.serving, known.model)]
        return load_config(None, changes, within)
    if not isinstance(config, RunConfig):  # pyright: ignore[reportUnnecessaryIsInstance]  # a script's mistake
        raise InputError(
            f"the settings of a run are keywords or a RunConfig, not {type(config).__name__}",
            fix='Give run(arena="sales", epochs=1); those of a YAML file: run(load_config("settings.yaml")).',
        )
    if names := sorted({*settings} | ({"reader"} if reader else set[str]())):
        raise InputError(
            f"settings beside a RunConfig: {', '.join(names)}",
            why="they would have no effect: a run takes one or the other",
            fix='Lay them over the file: load_config("settings.yaml", {"epochs": 1}); or give all as keywords.',
        )
    return config


def by_depth(settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the settings of the first level, and those within others as ``key=value``."""
    within = [f"{name}={json.dumps(value)}" for name, value in settings.items() if "." in name]  # JSON is YAML
    return {name: value for name, value in settings.items() if "." not in name}, within
