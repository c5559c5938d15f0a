"""The mitigations of a run's arms: whether they can be what settings ask for, and which probes judge training messages for them.

Knows arms and their mitigations; knows nothing of how a run goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from abm.arenas import Arena
from abm.probe import PROBES, Probe
from learning.arms.arm import Arm, ArmSettings, stated
from learning.arms.market_settings import learners_in
from learning.methods import METHODS, learn_weights
from learning.mitigations import MITIGATIONS, Mitigation, mitigations
from learning.settings.config import RunConfig
from moloch.errors import InputError
from moloch.yamls import Keys


def of_arms(arms: Mapping[str, Arm]) -> dict[str, list[Mitigation]]:
    """Return arm -> its mitigations, in the order of their names; of all arms.

    Raises:
        InputError: there is no such mitigation, or a setting of one is not valid.
    """
    return {arm.name: mitigations(arm.mitigations) for arm in arms.values()}


def training_probes(each: Iterable[Mitigation], arena: Arena, judges: Sequence[Probe]) -> list[Probe]:
    """Return the probes that have to judge training messages for some mitigations, each once.

    Args:
        judges: that judge evaluations: one of them is taken where it has the name that is asked for.

    Raises:
        InputError: there is no such probe.
    """
    at_hand = {probe.name: probe for probe in judges}
    names = dict.fromkeys(name for mitigation in each for name in mitigation.judges(arena))
    return [at_hand[name] if name in at_hand else PROBES.get(name)() for name in names]


def all_probes(config: RunConfig, arena: Arena, judges: Sequence[Probe]) -> list[Probe]:
    """Return everybody who judges in a run: those who judge its evaluations, then further ones that mitigations ask."""
    everyone = (each for own in of_arms(config.all_arms).values() for each in own)
    return [*judges, *(probe for probe in training_probes(everyone, arena, judges) if probe not in judges)]


def bad_mitigations(config: RunConfig) -> Iterator[tuple[Keys, InputError]]:
    """Yield what is wrong with the mitigations of a run's arms, each with the keys of its setting."""
    for keys, name, own, method in _declared(config):
        if method in METHODS and not learn_weights([method]):
            yield keys, _no_weights(name, method)
            continue
        if name not in MITIGATIONS:
            yield keys, MITIGATIONS.unknown(name)
            continue
        try:
            found = mitigations({name: own})[0]
        except InputError as error:
            yield keys, error
            continue
        probe = getattr(found, "probe", "")
        if probe and probe not in PROBES:
            yield (*keys, "probe"), PROBES.unknown(probe)
        elif found.reads_verdicts and not probe and not found.judges(config.rules()):
            yield keys, _nobody_judges(name)


def _nobody_judges(name: str) -> InputError:
    return InputError(
        f"the mitigation {name!r} asks no probe",
        why="the arena names no probe of strategy",
        fix=f"Name one: {name}: {{probe: {next(iter(PROBES), 'NAME')}}}.",
    )


def _no_weights(name: str, method: str) -> InputError:
    return InputError(
        f"the mitigation {name!r} cannot change what {method!r} learns",
        why="it learns instructions, not rows",
        fix="Leave it out, or use a method that learns weights.",
    )


def _declared(config: RunConfig) -> Iterator[tuple[Keys, str, Mapping[str, Any], str]]:
    """Yield each mitigation that settings name, with its settings and its arm's method, after the keys of its setting."""
    arms: list[tuple[Keys, ArmSettings]] = list(learners_in(config.markets))
    arms += [(at, arm) for at, _, arm in stated(config.arms) if arm is not None]
    for at, arm in arms:
        if isinstance(arm.mitigations, Mapping):
            yield from (((*at, "mitigations", name), name, own, arm.method) for name, own in arm.mitigations.items())
        else:
            yield from (((*at, "mitigations", i), name, {}, arm.method) for i, name in enumerate(arm.mitigations))
