"""What is wrong with settings, all of it, each mistake with the keys of its setting. Imports extensions if asked to; reads no files."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from copy import deepcopy
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from abm.arenas import ARENAS
from abm.audience import AUDIENCES
from abm.audience.weights import YAML
from abm.llm.http.endpoint import Endpoint, is_server, like_url, url_and_name
from abm.probe import PROBES
from learning.arms.arm import ArmSettings, named_methods, setting_keys, stated
from learning.arms.market_settings import LearnerSettings, MarketSettings, learners_in, market_methods
from learning.arms.rival_settings import RivalSettings, named_rivals
from learning.settings.audiences import EvaluationAudience
from learning.settings.config import LLM_AUDIENCE, RunConfig
from learning.settings.out_of_domain import unknown_parts
from media_graph import BUILDERS
from media_graph.feeds import RANKERS
from moloch import extensions
from moloch.checked_values import MOST_MISTAKES, checked, named_within, others
from moloch.errors import InputError
from moloch.yamls import Keys as Key
from moloch.yamls import Source

if TYPE_CHECKING:
    from learning.methods import Method

Wrong = tuple[Key, InputError]
"""A mistake and the keys of the setting that it is in, () for none or for all of them."""


def mistakes(
    values: dict[str, Any],
    source: Source,
    *,
    within: Key = (),
    elsewhere: Collection[str] = (),
    imports: bool = True,
) -> list[InputError]:
    """Return every mistake in settings, in the order of their text; empty for settings that :func:`load_config` takes.

    Mistakes that concern several settings together are reported once each of them is valid; of very many mistakes only the first.

    Args:
        values: the settings, plain values.
        source: the text that holds them, for the places; see :class:`moloch.yamls.Source`.
        within: keys of the text under which the settings stand; empty: they are the whole.
        elsewhere: top-level settings that were not given there; their mistakes have no place.
        imports: see :func:`load_config`.
    """
    return placed(checked_settings(values, imports=imports)[1], source, within, elsewhere)


def placed(wrong: list[Wrong], source: Source, within: Key, elsewhere: Collection[str]) -> list[InputError]:
    """Return the mistakes with their places in the text, those of settings that are not in it first."""
    there: list[Wrong] = []
    outside: list[InputError] = []
    for keys, error in wrong:
        if keys[0] in elsewhere if keys else error.where:
            outside.append(error)
        else:
            there.append(((*within, *keys), error))
    return outside + source.placed(there)


def checked_settings(
    values: dict[str, Any], *, imports: bool = True, recorded: bool = False
) -> tuple[RunConfig | None, list[Wrong]]:
    """Return settings and no mistakes; or every mistake with the keys of its setting, for those who know the places of keys.

    Where some are wrong, parts that the others name are looked up all the same.

    Args:
        imports, recorded: see :func:`load_config`.
    """
    config, told = checked(RunConfig, values)
    wrong = [(setting_keys(each), _invalid(each)) for each in told]
    rest, left_out = (config, set[Any]()) if config else _rest(values, [keys for keys, _ in wrong])
    if rest is None:
        return None, wrong
    if not left_out & {"preset", "model", "lora"}:
        wrong += _bad_lora(rest, recorded)
    if not imports or "extensions" in left_out:
        return config, [*wrong, *bad_places(rest)]
    try:
        extensions.load(rest.extensions)
    except InputError as error:
        return config, [*wrong, ((), error) if error.where else (("extensions",), error)]
    return config, [*wrong, *unknown_names(rest)]


def _rest(values: dict[str, Any], wrong: list[Key]) -> tuple[RunConfig | None, set[Any]]:
    """Return the settings without those that are wrong, and the names of the settings that these are part of.

    None where what is wrong is no single setting, or too much.
    """
    values, left_out = deepcopy(values), set[Any]()
    while len(wrong) < MOST_MISTAKES:
        for keys in wrong:
            _leave_out(values, keys)
        left_out |= {keys[0] for keys in wrong if keys}
        config, told = checked(RunConfig, values)
        if config:
            return config, left_out
        before, wrong = wrong, [setting_keys(each) for each in told]
        if set(wrong) <= set(before):
            break
    return None, left_out


def _leave_out(values: dict[str, Any], keys: Key) -> None:
    """Take out the innermost mapping's entry that ``keys`` lead to; of a list nothing: what follows would move."""
    there: list[tuple[dict[Any, Any], Any]] = []
    for key in keys:
        if key in values:
            there.append((values, key))
            if not isinstance(values := values[key], dict):
                break
    if there:
        mapping, key = there[-1]
        del mapping[key]


def bad_places(config: RunConfig) -> Iterator[tuple[Key, InputError]]:
    """Yield the settings that name a place where no server can be, each with its error."""
    serving = config.serving
    if like_url(serving.llm) and (unknown := serving.unknown_backend) is not None:
        yield ("serving", "llm"), unknown
    places: dict[Key, str] = {("model",): config.model, ("reader", "model"): config.reader.model}
    own = [(at, arm) for at, _, arm in stated(config.arms) if arm is not None]
    for at, arm in (*own, *learners_in(config.markets)):
        places[(*at, "model")] = arm.model or ""
    for name, market in config.markets.items():
        for i, rival in named_rivals(market.rivals):
            places[("markets", name, "rivals", i, "model")] = rival.model or ""
    places |= {("evaluation_audiences", name): each.audience for name, each in config.evaluation_audiences.items()}
    for key, place in places.items():
        try:
            if is_server(place):
                url_and_name(place)
        except InputError as error:
            yield key, error


def unknown_names(config: RunConfig) -> Iterator[tuple[Key, InputError]]:
    """Yield the settings that name an unregistered part, each with its error."""
    from learning.methods import METHODS
    from learning.settings.mitigated import bad_mitigations

    yield from bad_places(config)
    for key, method in (*named_methods(config.arms), *market_methods(config.markets)):
        if method not in METHODS:
            yield key, METHODS.unknown(method)
        elif (wrong := unsuited(config, key, method, METHODS.get(method))) is not None:
            yield key, wrong
    yield from bad_mitigations(config)
    for i, probe in enumerate(config.probes or ()):
        if probe not in PROBES:
            yield ("probes", i), PROBES.unknown(probe)
    if config.source_readers.probe not in PROBES:
        yield ("source_readers", "probe"), PROBES.unknown(config.source_readers.probe)
    if config.arena not in ARENAS and Path(config.arena).suffix not in YAML:
        yield ("arena",), ARENAS.unknown(config.arena, also="or the path of a YAML file")
    yield from unknown_parts(config.out_of_domain)
    if config.audience not in (*AUDIENCES, LLM_AUDIENCE) and Path(config.audience).suffix not in YAML:
        yield ("audience",), AUDIENCES.unknown(config.audience, also="llm, or a YAML file's path")
    if (unknown := config.serving.unknown_backend) is not None:
        yield ("serving", "llm"), unknown
    graph = config.network.graph.kind
    if graph not in BUILDERS and not Path(graph).suffix:
        yield ("network", "graph", "kind"), BUILDERS.unknown(graph, also="or the path of a file")
    if config.network.feed.ranker not in RANKERS:
        yield ("network", "feed", "ranker"), RANKERS.unknown(config.network.feed.ranker)


def unsuited(config: RunConfig, at: Key, name: str, method: type[Method]) -> InputError | None:
    """Return why a method cannot learn from an arm's contests, if it cannot.

    Args:
        at: keys of the setting that names the method.
    """
    solo = at[0] != "markets"
    own = config.messages if solo else config.markets[str(at[1])].messages
    if own < method.least_messages:
        where = "messages" if solo else f"markets.{at[1]}.messages"
        return InputError(
            f"the method {name!r} needs at least {method.least_messages} messages of its own in a contest",
            why=f"{where} is {own}, and it learns from what they won against each other",
            fix=f"Set {where}={method.least_messages}, or leave the arm out.",
        )
    if method.draws and not config.sampling.temperature:
        return InputError(
            f"the method {name!r} needs messages that are drawn at random",
            why="sampling.temperature is 0: all messages of a contest would be the same",
            fix="Set sampling.temperature, for example to 0.7.",
        )
    return None


def _bad_lora(config: RunConfig, recorded: bool) -> Iterator[Wrong]:
    """Yield settings of the trainer that are not valid, of the run or of one of its arms; a record's preset is as it was."""
    from learning.training.settings import check_preset, lora_settings

    try:
        lora_settings(config.trainer_preset, {})
    except InputError as error:
        yield ("preset",), error
        return
    try:
        if not recorded:
            check_preset(config.preset, config.model)
    except InputError as error:
        yield ("preset",), error
    of: dict[Key, dict[str, Any]] = {("lora",): config.lora}
    of |= {(*keys, "lora"): arm.lora for keys, _, arm in stated(config.arms) if arm is not None}
    of |= {(*at, "lora"): learner.lora for at, learner in learners_in(config.markets)}
    arms = config.all_arms
    for keys, given in of.items():
        preset = config.preset_for(arms[str(keys[-2])].model) if len(keys) > 1 else config.trainer_preset
        for name, value in given.items():
            try:
                lora_settings(preset, {name: value})
            except InputError as error:
                yield (*keys, name), _lora_mistake((*keys, name), error)


def _lora_mistake(keys: Key, error: InputError) -> InputError:
    """Return what is wrong with one setting of the trainer."""
    from learning.training.settings import LoraSettings

    of, name = _spelled(keys[:-1]), str(keys[-1])
    if error.what != "setting 'lora' is not valid":
        return InputError(error.what.replace("'lora", f"'{of}"), why=error.why, fix=error.fix)
    what, known = f"setting '{of}.{name}' is not valid", LoraSettings.__struct_fields__
    if name in known:
        return InputError(what, why=error.why.partition(" - at `$")[0])
    meant = "".join(f"Did you mean {near!r}? " for near in get_close_matches(name, known, n=1))
    fix = f"{meant}Settings are {', '.join(known)}; those of a learning method are {of}.options.NAME."
    return InputError(what, why="there is no such setting", fix=fix)


def _invalid(error: dict[str, Any]) -> InputError:
    """Return what is wrong with a setting."""
    keys = setting_keys(error)
    what = f"setting {_spelled(keys)!r} is not valid" if keys else "the settings are not valid"
    why, fix = error["msg"], error.get("ctx", {}).get("fix", "")
    if error["type"] == "missing":
        what, why = f"setting {_spelled(keys)!r} is missing", ""
    elif error["type"] == "extra_forbidden":
        why = "there is no such setting"
        fix = _near_settings(str(keys[0])) if len(keys) == 1 else others(*_within(keys), "Settings")
    elif error["type"] in ("tuple_type", "list_type"):
        why = f"it takes a list, such as [{error['input']}]"
    elif error["type"] == "model_type" and _within(keys)[0] in (ArmSettings, LearnerSettings):
        why = f"it takes settings, such as {{method: {error['input']}}}"
    return InputError(what, why=why, fix=fix)


def _near_settings(name: str) -> str:
    """Return which settings may be meant by one that is none, and what lists the rest: there are too many to name here."""
    from learning.training.settings import LoraSettings

    near = [f"lora.{name}"] if name in LoraSettings.__struct_fields__ else named_within(RunConfig, name)[:3]
    near = near or get_close_matches(name, RunConfig.model_fields, n=1)
    meant = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    return f"{meant}moloch config show --all lists all settings."


def _spelled(keys: Key) -> str:
    """Return the name of a setting as ``--set`` takes it: an arm of a list is named, not numbered."""
    match keys:
        case ("arms", int(), name, *rest):
            keys = ("arms", name, *rest)
    return ".".join(map(str, keys))


def _within(keys: Key) -> tuple[type[BaseModel], Key]:
    """Return the settings that the last of ``keys`` is of, and the keys that lead to it from there."""
    match keys:
        case ("arms", int(), _, *rest):
            return ArmSettings, tuple(rest)
        case ("arms", _, *rest):
            return ArmSettings, tuple(rest)
        case ("evaluation_audiences", _, *rest):
            return EvaluationAudience, tuple(rest)
        case ("markets", _, "learners", _, *rest):
            return LearnerSettings, tuple(rest)
        case ("markets", _, "rivals", int(), *rest):
            return RivalSettings, tuple(rest)
        case ("markets", _, *rest):
            return MarketSettings, tuple(rest)
        case ("serving", "server", *rest) | ("serving", "models", _, *rest):
            return Endpoint, tuple(rest)
        case _:
            return RunConfig, keys
