"""What a fork may change of its arms: how they learn from there on, and not who takes part. Knows settings, plans and trainings; no files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from abm.arenas import Arena
from abm.events import AdapterTrained
from learning.arms.arm import Arm
from learning.arms.markets import Market
from learning.methods import learn_weights
from learning.mitigations import mitigations
from learning.plan.parts import Learn, Plan, Policy, Simulate, SocietyId
from learning.runs.inputs import lora_of
from learning.settings.config import RunConfig
from moloch.errors import InputError

SHAPE = ("rank", "alpha", "targets")
"""Settings of an adapter that those who continue it keep."""


def check_participants(before: RunConfig, after: RunConfig, where: str) -> None:
    """Refuse other arms than the shared steps have, or others who meet in a market.

    Raises:
        InputError: says which.
    """
    old, new = list(before.all_arms), list(after.all_arms)
    if sorted(old) != sorted(new):
        gone, come = [name for name in old if name not in new], [name for name in new if name not in old]
        said = [f"{', '.join(gone)} would be gone"] if gone else []
        said += [f"{', '.join(come)} would come"] if come else []
        raise _kept("arms", " and ".join(said), where)
    if old != new:
        raise _kept("arms", f"their order is {', '.join(old)}", where)
    models, now = ({name: arm.model for name, arm in each.all_arms.items()} for each in (before, after))
    if other := [name for name in now if now[name] != models[name]]:
        raise _kept("base models", f"{', '.join(other)} would be on another one", where)
    rivals, now = before.all_rivals, after.all_rivals
    if other := [name for name in rivals | now if rivals.get(name) != now.get(name)]:
        raise _kept("rivals", f"{', '.join(other)} would be another one", where)
    markets = {market.name: market for market in before.all_markets}
    for market in after.all_markets:
        if (was := markets.get(market.name)) is None:
            raise _kept("markets", f"{market.name} would come", where)
        if _structure(market) != _structure(was):
            raise _kept("markets", _other(market, was), where)


def _structure(market: Market) -> tuple[object, ...]:
    """Return who writes in a market, by place, whom it evaluates, and of which one it is a twin."""
    return market.learners, market.writers, market.evaluated, market.twin_of


def _kept(what: str, why: str, where: str) -> InputError:
    return InputError(
        f"a fork cannot change {what}: {why}",
        where=where,
        why="the shared steps were decided by these participants",
        fix="Change how an arm learns, as arms.rft.method=dpo, or start a new run.",
    )


def _other(market: Market, was: Market) -> str:
    if market.writers != was.writers:
        writers = [", ".join(each.writers) for each in (was, market)]
        return f"in {market.name} {writers[0]} meet, and {writers[1]} would"
    return f"{market.name} would be a twin of another market, or evaluate other learners"


def check_changes(before: RunConfig, after: RunConfig, coming: Plan, where: str) -> None:
    """Refuse an arm that would learn otherwise, and does not learn any more.

    Args:
        coming: the parts that the fork carries out.
    """
    learning = {part.arm for part in coming if isinstance(part, Learn)}
    for name in changed_arms(before.all_arms, after.all_arms):
        if name not in learning:
            raise InputError(
                f"the arm {name!r} does not learn after the fork",
                where=where,
                why="its trainings are shared, so other settings would change nothing",
                fix="Fork at an earlier step or epoch.",
            )


def changed_arms(before: Mapping[str, Arm], after: Mapping[str, Arm]) -> list[str]:
    """Return the arms that learn otherwise; what they are compared with plays no part in it."""
    old, new = ({name: replace(arm, compared_with="") for name, arm in arms.items()} for arms in (before, after))
    return [name for name in new if name in old and new[name] != old[name]]


def check_judged(before: RunConfig, after: RunConfig, arena: Arena, shared: Plan, coming: Plan, where: str) -> None:
    """Refuse mitigations that ask what probes said of contests which were held before the fork, where nobody judged these.

    Args:
        arena: of both.
        shared, coming: the parts of the plan before and after the fork.
    """
    learnt_from = {part.source for part in shared + coming if isinstance(part, Learn)}
    held = {part.makes for part in shared if isinstance(part, Simulate)} & learnt_from
    judged = {
        of: {probe for arm in _learning_from(of, shared + coming) for probe in _asked(before, arm, arena)}
        for of in held
    }
    for part in (each for each in coming if isinstance(each, Learn) and each.source in held):
        if missing := [probe for probe in _asked(after, part.arm, arena) if probe not in judged[part.source]]:
            raise InputError(
                f"the arm {part.arm!r} would learn from contests that were not judged",
                where=where,
                why=f"its mitigations ask the probe {missing[0]}, and the contests of epoch {part.epoch} are held before the fork",
                fix="Fork before an epoch (--epoch), so that its contests are held again.",
            )


def _learning_from(society: SocietyId, parts: Plan) -> list[str]:
    return [part.arm for part in parts if isinstance(part, Learn) and part.source == society]


def _asked(config: RunConfig, arm: str, arena: Arena) -> list[str]:
    """Return the probes that an arm's mitigations ask."""
    return [probe for each in mitigations(config.all_arms[arm].mitigations) for probe in each.judges(arena)]


def check_continued(after: RunConfig, coming: Plan, shared: Iterable[AdapterTrained], where: str) -> None:
    """Refuse settings with which what was learnt in the shared steps could not be learnt on: weights of another shape, or instructions after weights.

    Args:
        coming: the parts that the fork carries out.
        shared: the trainings that it shares.
    """
    learnt = {Policy(event.arm, event.epoch): event for event in shared}
    lora = lora_of(after)
    for part in coming:
        if not isinstance(part, Learn) or (parent := learnt.get(part.parent)) is None:
            continue
        method = after.all_arms[part.arm].method
        if learn_weights([method]) != (parent.kind == "weights"):
            raise InputError(
                f"the arm {part.arm!r} cannot continue to learn by {method}",
                where=where,
                why=f"it continues an adapter that is {parent.kind}",
                fix="Take a method of that kind, or fork before the arm's first training.",
            )
        if parent.kind == "instructions":
            continue
        for name in SHAPE:
            old, new = parent.settings.get(name), getattr(lora[part.arm], name)
            new = list(new) if isinstance(new, tuple) else new
            if old is not None and old != new:
                raise InputError(
                    f"the arm {part.arm!r} cannot continue to learn with lora.{name} {new}",
                    where=where,
                    why=f"it continues an adapter that was learnt with {old}",
                    fix=f"Keep lora.{name}, or fork before the arm's first training.",
                )
