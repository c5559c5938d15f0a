"""What a fork may change of its arms: how they learn from there on, and not who takes part. Knows settings, plans and trainings; no files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from abm.events import AdapterTrained
from learning.runs.arms import Arm
from learning.runs.config import RunConfig
from learning.runs.inputs import lora_of
from learning.runs.markets import Market
from learning.runs.plan import Learn, Plan, Policy
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
    markets = {market.name: market for market in before.all_markets}
    for market in after.all_markets:
        if market != (was := markets.get(market.name)):
            raise _kept("markets", _other(market, was), where)


def _kept(what: str, why: str, where: str) -> InputError:
    return InputError(
        f"a fork cannot change {what}: {why}",
        where=where,
        why="the shared steps were decided with those who take part",
        fix="Change how an arm learns, as arms.rft.method=dpo, or start a run of its own.",
    )


def _other(market: Market, was: Market | None) -> str:
    if was is None:
        return f"{market.name} would come"
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
                why="its trainings are shared, so that other settings would change nothing",
                fix="Fork at an earlier step or epoch.",
            )


def changed_arms(before: Mapping[str, Arm], after: Mapping[str, Arm]) -> list[str]:
    """Return the arms that learn otherwise; what they are compared with plays no part in it."""
    old, new = ({name: replace(arm, compared_with="") for name, arm in arms.items()} for arms in (before, after))
    return [name for name in new if name in old and new[name] != old[name]]


def check_continued(after: RunConfig, coming: Plan, shared: Iterable[AdapterTrained], where: str) -> None:
    """Refuse settings with which an adapter of the shared steps could not be learnt on.

    Args:
        coming: the parts that the fork carries out.
        shared: the trainings that it shares.
    """
    learnt = {Policy(event.arm, event.epoch): event for event in shared}
    lora = lora_of(after)
    for part in coming:
        if not isinstance(part, Learn) or (parent := learnt.get(part.parent)) is None:
            continue
        for name in SHAPE:
            old, new = parent.settings.get(name), getattr(lora[part.arm], name)
            new = list(new) if isinstance(new, tuple) else new
            if old is not None and old != new:
                raise InputError(
                    f"the arm {part.arm!r} cannot learn on with lora.{name} {new}",
                    where=where,
                    why=f"it continues an adapter that was learnt with {old}",
                    fix=f"Keep lora.{name}, or fork before the arm's first training.",
                )
