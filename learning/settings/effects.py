"""Settings that have an effect in some runs only: where they do, and which were given where they do not. Knows the form of settings."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from learning.arms.markets import TWINS
from learning.methods import METHODS
from learning.settings.audiences import LLM_AUDIENCE
from learning.settings.config import RunConfig
from learning.settings.layers import Layer
from moloch.errors import InputError, MolochWarning
from moloch.yamls import Keys
from populations.sources import BUILT_IN


class Effect(NamedTuple):
    """Where settings have an effect.

    Attributes:
        key: what they begin with.
        when: in words, after "only where".
        holds: whether a run is such a one.
        fix: what to set, so that they have an effect.
        harmless: whether it is only worth a warning: nothing of the run was meant to be otherwise.
    """

    key: Keys
    when: str
    holds: Callable[[RunConfig], bool]
    fix: str
    harmless: bool = False


def _asks(config: RunConfig) -> bool:
    return config.audience == LLM_AUDIENCE or bool(config.voting_models)


def _learns_with(option: str) -> Callable[[RunConfig], bool]:
    def holds(config: RunConfig) -> bool:
        methods = [METHODS.get(arm.method) for arm in config.all_arms.values() if arm.method in METHODS]
        return any(option in method.__struct_fields__ for method in methods)

    return holds


RANDOM = frozenset(TWINS.values())
"""Methods that learn from random picks."""
_LLM = "Set audience=llm"
_TASKS = ("answers", "answer_tokens", "probes")
_THRESHOLDS = ("kl", "loss_ratio", "entropy_ratio", "repetition", "format_ratio", "length_ratio", "distinct_ratio", "copy_rate")  # fmt: skip

EFFECTS = (
    Effect(("network",), "world is networked", lambda c: c.world == "networked", "Set world=networked"),
    *(
        Effect(("network", part), "a language model plays the personas (audience: llm)", _asks, _LLM)
        for part in ("memory", "posts")
    ),
    Effect(
        ("reader",),
        "a language model plays personas or answers questionnaires",
        lambda c: c.asks_reader or _asks(c),
        _LLM,
    ),
    Effect(("crowd", "audience"), "there is a crowd", lambda c: c.crowd.size > 0, "Set crowd.size"),
    Effect(("mapping",), "personas come from a file", lambda c: c.personas not in BUILT_IN, "Set personas to the file"),
    Effect(
        ("messages",),
        "an arm competes with itself",
        lambda c: bool(c.arms),
        "Set markets.NAME.messages for a market",
        harmless=True,
    ),
    *(
        Effect(("lora", name), "an arm learns from thoughts, as tfb does", _learns_with(name), "Add such an arm")
        for name in ("tfb_lambda", "thoughts_per_contest")
    ),
    Effect(
        ("out_of_domain", "anchors"),
        "arms are evaluated in other arenas",
        lambda c: bool(c.out_of_domain.arenas),
        "Set out_of_domain.arenas",
    ),
    *(
        Effect(
            ("out_of_domain", name),
            "arms are put tasks",
            lambda c: bool(c.out_of_domain.tasks),
            "Set out_of_domain.tasks",
        )
        for name in _TASKS
    ),
    Effect(
        ("source_readers", "probe"),
        "some members read the source",
        lambda c: bool(c.source_shares),
        "Set source_readers.train or source_readers.evaluate",
    ),
    *(
        Effect(
            ("alarms", name),
            "alarms are watched",
            lambda c: c.alarms.action != "none",
            "Set alarms.action to flag or stop",
            harmless=True,
        )
        for name in _THRESHOLDS
    ),
    Effect(
        ("serving", "vllm"),
        "vLLM serves models in this process",
        lambda c: c.serving.llm == "vllm",
        "Set serving.llm=vllm",
        harmless=True,
    ),
    *(
        Effect(
            ("serving", name),
            "transformers serve models in this process",
            lambda c: c.serving.llm == "transformers",
            "Set serving.llm=transformers",
            harmless=True,
        )
        for name in ("device", "rows")
    ),
)
"""What is not among them has an effect in every run."""


def effect_of(key: Keys) -> Effect | None:
    """Return where a setting has an effect, by the longest rule; None for everywhere."""
    of = [each for each in EFFECTS if key[: len(each.key)] == each.key]
    return max(of, key=lambda each: len(each.key), default=None)


def conditional(settings: Mapping[str, Any]) -> list[tuple[Keys, Effect]]:
    """Return those of given settings that have an effect in some runs only, each with where."""
    return [(key, each) for key in _leaves(settings) for each in EFFECTS if key[: len(each.key)] == each.key]


def changes_nothing(config: RunConfig, key: Keys, effect: Effect) -> bool:
    """Return whether a setting differs from its default and has no effect in a run."""
    return not effect.holds(config) and _at(config, key) != _at(_usual(), key)


def check_effects(config: RunConfig, layers: Sequence[Layer]) -> Iterator[tuple[Keys, InputError]]:
    """Yield settings that were chosen and change nothing in the run; of those that do no harm, warn."""
    told = set[Keys]()
    for key, effect in (each for layer in layers for each in conditional(layer.settings)):
        if key in told or not changes_nothing(config, key, effect):
            continue
        told.add(key)
        if effect.harmless:
            warn_of(no_effect(key, effect))
        else:
            yield key, no_effect(key, effect)


def warn_of(mistake: InputError) -> None:
    """Warn of a setting that changes nothing and does no harm."""
    warnings.warn(str(mistake), MolochWarning, stacklevel=2)


def no_effect(key: Keys, effect: Effect) -> InputError:
    """Return the mistake."""
    return InputError(
        f"setting {'.'.join(map(str, key))!r} has no effect here",
        why=f"it has one only where {effect.when}",
        fix=f"{effect.fix}, or leave it out.",
    )


def lacks_placebo(config: RunConfig) -> str:
    """Return what is to be said of a run without an arm that learns from random picks and without another comparison; else nothing."""
    arms = config.all_arms.values()
    if any(arm.compared_with or arm.method in RANDOM for arm in arms):
        return ""
    twin = next((TWINS[arm.method] for arm in arms if arm.method in TWINS), "placebo")
    return (
        f"no placebo among the arms: what an arm gains over base may come from training alone. To compare, add {twin}."
    )


@cache
def _usual() -> RunConfig:
    return RunConfig.model_validate({})


def _leaves(settings: Any, key: Keys = ()) -> Iterator[Keys]:
    """Yield the keys of all settings that hold no others."""
    if isinstance(settings, Mapping) and (settings or not key):
        for name, value in settings.items():
            yield from _leaves(value, (*key, str(name)))
    else:
        yield key


def _at(config: Any, key: Keys) -> Any:
    for part in key:
        config = config.get(part) if isinstance(config, Mapping) else getattr(config, str(part), None)
    return config
