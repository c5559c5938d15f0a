"""Settings from a profile, a YAML file, the environment and the command line, each mistake with its place. Imports extensions if asked to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from learning.arms.arm_list import as_list, by_name, no_such_arm
from learning.settings.config import RunConfig
from learning.settings.effects import check_effects
from learning.settings.environment import environment_settings
from learning.settings.layers import Layer, holder, laid_over, nested, texts_in
from learning.settings.mistakes import Wrong, checked_settings
from learning.settings.paths import at_home, from_folder
from learning.training.settings import preset_of
from moloch.errors import InputError, together
from moloch.meant_texts import as_meant
from moloch.yamls import Source, plain, read_source

PROFILES = ("gpu", "laptop", "paper")
"""Settings for a kind of machine or study, ``learning/profiles/<name>.yaml``."""
NO_TEXT = Source("", "")


class OptionSetting(NamedTuple):
    """A setting as ``key=value`` that an option of its own gave, ``--max-calls`` say, by which messages call it."""

    setting: str
    option: str


def load_config(
    path: Path | str | None,
    changes: dict[str, Any] | None = None,
    settings: Sequence[str | OptionSetting] = (),
    *,
    profile: str = "",
    environ: Mapping[str, str] | None = None,
    imports: bool = True,
    recorded: bool = False,
    effects: bool = True,
) -> RunConfig:
    """Return the settings of a YAML file, overridden by the environment, by ``changes`` and then by ``key=value`` strings.

    Relative paths in the file start from its folder, others from the current one; ``~`` is the home of the user.

    Args:
        path: YAML file, or None for the defaults; or a run's ``run.json``, whose settings are those of that run.
        profile: one of :data:`PROFILES`, or empty: settings that the file overrides.
        environ: variables, of which those called ``MOLOCH_SET__…`` are settings; commands give theirs, scripts none.
        changes: top-level settings; those that are None are left alone.
        settings: ``"a.b=value"``, the value in YAML.
        imports: import the extensions that the settings name, and look every part up by its name. Without, names are left
            unchecked: for settings that only say where models are served.
        recorded: they are those of a run, which may have been begun under earlier rules.
        effects: refuse settings that change nothing in the run; without, they are for something else, such as a look at a model.

    Raises:
        InputError: the file or a setting is not valid, or has no effect; names the file, the key, the reason.
    """
    given = read_settings(path, changes or {}, settings, profile=profile, environ=environ)
    return given.config(imports=imports, recorded=recorded, effects=effects)


class GivenSettings(NamedTuple):
    """Settings as they were given.

    Attributes:
        values: plain values: settings that nobody gave are not among them.
        layers: what said them: later ones come before earlier ones.
        file: the layer of the file, which is empty where there is none.
        of_run: whether the file is a run's ``run.json``.
        wrong: mistakes that were found in reading.
    """

    values: dict[str, Any]
    layers: tuple[Layer, ...]
    file: Layer
    of_run: bool
    wrong: tuple[Wrong, ...]

    def config(self, *, imports: bool = True, recorded: bool = False, effects: bool = True) -> RunConfig:
        """Return the settings, checked; arguments and errors are those of :func:`load_config`."""
        config, wrong = checked_settings(self.values, imports=imports, recorded=recorded or self.of_run)
        if config is not None and effects and imports and not (wrong or recorded):
            wrong = list(check_effects(config, [layer for layer in self.layers if layer.chosen]))
        wrong = [*self.wrong, *wrong]
        if config is None or wrong:
            raise together(self._placed(wrong))
        return config

    def _placed(self, wrong: Iterable[Wrong]) -> list[InputError]:
        """Return mistakes with their places, those outside the file first, and those in it in the order of its text."""
        there, outside = list[Wrong](), list[InputError]()
        for keys, error in wrong:
            layer = holder(self.layers, keys) if keys else None
            if not keys and error.where:
                outside.append(error)
            elif layer is None or layer is self.file or not layer.chosen:
                there.append((self.file.in_text(keys), error))
            else:
                where = layer.at(keys) if layer.source.where else ""
                outside.append(InputError(error.what, where=where, why=error.why, fix=error.fix))
        return outside + self.file.source.placed(there)


def read_settings(
    path: Path | str | None,
    changes: dict[str, Any],
    settings: Sequence[str | OptionSetting] = (),
    *,
    profile: str = "",
    environ: Mapping[str, str] | None = None,
) -> GivenSettings:
    """Return what :func:`load_config` checks.

    Raises:
        InputError: the file cannot be read, or a string is not ``key=value``.
    """
    file, of_run, wrong = _of_file(path)
    layers = [Layer(profile_settings(profile), NO_TEXT, (), f"profile {profile}", chosen=False)] if profile else []
    layers.append(file)
    values: dict[str, Any] = {}
    for layer in layers:
        values = laid_over(values, layer.settings)
    variables = [
        _Change(name, value, variable, variable) for variable, name, value in environment_settings(environ or {})
    ]
    strings = [_change(setting) for setting in settings]
    options = {name: deepcopy(value) for name, value in changes.items() if value is not None}
    if not {"arms", "markets"} & (values.keys() | options.keys()) and _changes_given_arms([*variables, *strings]):
        values["arms"] = list(RunConfig.model_fields["arms"].default)
    layers += [_set(values, change) for change in variables]
    values |= options
    layers += [Layer({name: value}, NO_TEXT, (), f"--{name}", (name,)) for name, value in options.items()]
    layers += [_set(values, change) for change in strings]
    moved = of_run and values.get("model") != file.settings.get("model")  # another model has another usual preset
    if moved and _is_usual_preset(file.settings) and holder(layers, ("preset",)) is file:
        del values["preset"]
    values = as_meant(RunConfig, at_home(values), lambda paths: texts_in(layers, paths))
    return GivenSettings(values, tuple(layers), file, of_run, tuple(wrong))


def _is_usual_preset(record: Mapping[str, Any]) -> bool:
    """Return whether the preset of a run's record is what its model has where none is named; a record always names one."""
    return record.get("preset") == preset_of(str(record.get("model", "")))


def _of_file(path: Path | str | None) -> tuple[Layer, bool, list[Wrong]]:
    """Return the layer of a file, whether it is a run's ``run.json``, whose paths are as they were given, and its mistakes."""
    source = read_source(path, "the settings") if path is not None else NO_TEXT
    values = source.values() or {}
    of_run = isinstance(values, dict) and values.keys() >= {"config", "format"}
    values = values["config"] if of_run else values
    if not isinstance(values, dict):
        raise InputError(
            "settings must be a mapping", where=source.where, why=f"the file holds a {type(values).__name__}"
        )
    wrong: list[Wrong] = []
    if path is not None and not of_run:
        values, wrong = from_folder(values, Path(path).parent)
    return Layer(values, source, ("config",) if of_run else (), str(path or ""), chosen=not of_run), of_run, wrong


class _Change(NamedTuple):
    """One setting: its dotted name, its value in YAML; how messages call it, and how tables do."""

    name: str
    text: str
    said: str
    by: str


def _change(given: str | OptionSetting) -> _Change:
    setting, option = given if isinstance(given, OptionSetting) else (given, "")
    name, equals, text = setting.partition("=")
    if not equals or not name:
        raise InputError(f"--set {setting!r} is not key=value", fix="For example --set sampling.temperature=1.0")
    return _Change(name.strip(), text, option or f"--set {setting!r}", option or "--set")


def _changes_given_arms(changes: Sequence[_Change]) -> bool:
    """Return whether settings change arms and make none: they are then about those that a run has where nobody names any."""
    names = [change.name.split(".") for change in changes]
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


def changed_config(config: RunConfig, settings: Sequence[str]) -> RunConfig:
    """Return ``config`` with ``key=value`` strings applied.

    Raises:
        InputError: a setting is not valid.
    """
    return load_config(None, config.model_dump(mode="json"), settings, recorded=True)


def _set(values: dict[str, Any], change: _Change) -> Layer:
    """Apply one change, and return it as a layer."""
    try:
        value = plain(change.text)
    except yaml.YAMLError as error:
        why = getattr(error, "problem", None) or str(error)
        raise InputError(f"{change.said} has a value that is not YAML", why=why) from error
    path = change.name.split(".")
    arms = values.get("arms")
    if len(path) > 1 and path[0] == "arms" and isinstance(arms, list | tuple) and (named := by_name(arms)) is not None:
        if path[1] not in named:
            raise InputError(f"{change.said}: there is no arm {path[1]!r}", fix=no_such_arm(path[1], list(named)))
        _put(named, path[1:], value, change.said)
        values["arms"] = as_list(named)
    else:
        _put(values, path, value, change.said)
    where = change.by if change.said == change.by else ""
    return Layer(nested(path, value), Source(change.text, where), (), change.by, tuple(path))


def _put(values: dict[str, Any], path: Sequence[str], value: Any, said: str) -> None:
    """Set what ``path`` leads to.

    Args:
        said: how errors call it.
    """
    *path, last = path
    for part in path:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise InputError(f"{said}: {part!r} holds no settings")
    values[last] = value
