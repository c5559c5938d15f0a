"""What comes from outside in the middle of a society: a platform's rule, a ban, fact-checks, shocks.

They are in the settings and, once in force, in the log. Each comes into force at the first opening of the feeds at which
the society has held at least ``after`` contests, or, where a fork asks for it later than that, at the fork's first; a
fact-check stays, for every feed from then on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from abm.arenas import Arena
from abm.columns import Int16s, pack
from abm.events import Event, Intervened, MessagesLabelled, Phase, Split
from abm.probe import Probe
from abm.state.platform import SERVED, Platform
from abm.worlds.networked.influence import moved
from abm.worlds.networked.round import shift
from abm.worlds.networked.scene import Scene
from abm.worlds.networked.settings import Ban, FactCheck, Intervention, NetworkConfig, Rule, Shock
from media_graph.feeds import ranker
from moloch import keyed
from moloch.errors import InputError


class Plan(NamedTuple):
    """One society's interventions.

    Attributes:
        items: each with the contests held from which it is in force, in the settings' order.
    """

    items: list[tuple[int, Intervention]]

    def due(self, held: int, told: Sequence[Mapping[str, Any]]) -> list[Intervention]:
        """Return those that come into force now.

        Args:
            told: those in force already, as :attr:`Platform.interventions` has them; a run that was forked in the middle of
                a society has passed the place of some that it is the first to have.
        """
        left, due = list(told), []
        for start, intervention in self.items:
            if start > held:
                continue
            if (settings := _told(intervention)) in left:
                left.remove(settings)
            else:
                due.append(intervention)
        return due

    @property
    def checks(self) -> list[tuple[int, FactCheck]]:
        """Fact-checks, each with the contests held from which it is in force."""
        return [(start, item) for start, item in self.items if isinstance(item, FactCheck)]

    def penalty(self, held: int) -> float:
        """Return the appeal that a label costs: with several checks in force, what the strictest takes."""
        return max((check.penalty for start, check in self.checks if held >= start), default=0.0)


def openings(contests: int, batch: int, together: int) -> list[int]:
    """Return how many contests a society has held before each opening of its feeds.

    Args:
        contests: that it holds in all, ``batch`` a step, of which ``together`` share the feeds.
    """
    steps = range(0, contests, batch)
    return [first + start for first in steps for start in range(0, min(batch, contests - first), together)]


def check_network(
    network: NetworkConfig, openings: Mapping[Split, Sequence[int]], competitors: Mapping[Split, int]
) -> None:
    """Refuse, before a run begins, a ranker or a slot that does not exist, and an intervention without effect.

    Args:
        openings: phase -> see :func:`openings`.
        competitors: phase -> how many slots there are.

    Raises:
        InputError: names it.
    """
    ranker(network.feed.ranker)
    for number, intervention in enumerate(network.interventions):
        phases: list[Split] = [phase for phase in openings if intervention.phase in (None, phase)]
        for phase in phases:
            _check(intervention, competitors[phase], f"network.interventions.{number}")
        _check_effect(intervention, network.rounds, f"network.interventions.{number}")
        last = max(openings[phase][-1] for phase in phases)
        if intervention.after > last:
            raise InputError(
                f"it waits for {intervention.after} contests",
                where=f"network.interventions.{number}",
                why=f"the feeds of a society open for the last time when {last} were held",
                fix="Choose a smaller 'after', or more anchors.",
            )


def make_plan(
    network: NetworkConfig,
    checkers: Sequence[Probe],
    *,
    phase: Phase,
    epoch: int,
    competitors: int,
    starts: Sequence[int],
) -> Plan:
    """Return when the interventions of this phase and epoch come into force.

    Args:
        starts: contests held before each opening of the feeds, ascending.

    Raises:
        InputError: one names a ranker, a slot or a probe that does not exist.
    """
    plan = Plan([])
    for number, intervention in enumerate(network.interventions):
        _check_probes(intervention, checkers, f"network.interventions.{number}")
        if intervention.phase not in (None, phase):  # the other phase may have other slots
            continue
        _check(intervention, competitors, f"network.interventions.{number}")
        start = next((start for start in starts if start >= intervention.after), None)
        if start is not None and intervention.epoch in (None, epoch):
            plan.items.append((start, intervention))
    return plan


def needs_tastes(network: NetworkConfig) -> bool:
    """Return whether any ranker that may come into force asks for members' tastes."""
    rules = [item.ranker for item in network.interventions if isinstance(item, Rule) and item.ranker]
    return any(ranker(name).needs_tastes for name in [network.feed.ranker, *rules])


def check_tastes(due: Sequence[Intervention], platform: Platform) -> None:
    """Refuse a ranker that needs members' tastes where the society began without keeping them, as before a fork it may have.

    Raises:
        InputError: names it.
    """
    for rule in due:
        if isinstance(rule, Rule) and rule.ranker and ranker(rule.ranker).needs_tastes and not platform.tastes.shape[1]:
            raise InputError(
                f"the ranker {rule.ranker!r} cannot begin in the middle of this society",
                why="it needs what members engaged with, and this was not kept when the society began",
                fix="Choose another ranker, or fork at a step that begins a society.",
            )


def intervened(intervention: Intervention, held: int, step: int) -> Intervened:
    """Return the event of an intervention that comes into force."""
    settings = _told(intervention)
    del settings["kind"]
    return Intervened(step=step, kind=intervention.kind, contests=held, settings=settings)


def _told(intervention: Intervention) -> dict[str, Any]:
    """Return an intervention as the log tells it: what it does, not when it was to come."""
    return intervention.model_dump(mode="json", exclude={"phase", "epoch", "after"})


def shocked(scene: Scene, shock: Shock, held: int, key: tuple[str | int, ...], number: int = 0) -> Iterator[Event]:
    """Yield the change of opinions that a shock makes.

    Args:
        number: shocks of this slot that came just before: each reaches members of its own lot.
    """
    lots = keyed.uniforms(scene.platform.personas, *key, "shock", held, shock.slot, *([number] if number else []))
    rows = np.flatnonzero(lots < shock.share)
    yield from shift(
        scene, 0, "opinion", "shock", shock.slot, *moved(scene.platform.opinions[shock.slot], rows, shock.shift)
    )


def checked(
    scene: Scene,
    check: FactCheck,
    round_: int,
    arena: Arena,
    checkers: Sequence[Probe],
    number: int = 0,
) -> Iterator[Event]:
    """Yield what a fact-check finds and what that costs the authors' trust.

    Args:
        number: of the check among the plan's: each looks at messages of its own lot.
    """
    wanted = [probe for probe in checkers if not check.probes or probe.name in check.probes]
    items: list[int] = []
    probes: list[str] = []
    for item, said in enumerate(scene.said):
        lot = keyed.generator(*said.place, "fact-check", *([number] if number else [])).random()
        if lot >= check.share or scene.posts.labelled[item]:
            continue
        flagged = next((p.name for p in wanted if p.judge(said.text, said.anchor, arena).label == 1), None)
        if flagged is not None:
            items.append(item)
            probes.append(flagged)
    if not items:
        return
    yield MessagesLabelled(
        step=scene.step, cause=scene.said[items[0]].seq, round=round_, items=pack(items, Int16s), probes=probes
    )
    slots = scene.posts.slots[items]
    for slot in np.unique(slots[slots >= 0]).tolist():  # nobody's trust in a member is kept
        seen = (scene.posts.seen[np.array(items)[slots == slot]] & SERVED).any(axis=0)
        rows, values = moved(scene.platform.trust[slot], np.flatnonzero(seen), -check.distrust)
        yield from shift(scene, round_, "trust", "fact_check", slot, rows, values)


def _check(intervention: Intervention, competitors: int, where: str) -> None:
    if isinstance(intervention, Rule) and intervention.ranker:
        ranker(intervention.ranker)
    if isinstance(intervention, Ban | Shock) and intervention.slot >= competitors:
        raise InputError(
            f"no competitor in slot {intervention.slot}", where=where, fix=f"Slots are 0 to {competitors - 1}."
        )


def _check_effect(intervention: Intervention, rounds: int, where: str) -> None:
    if isinstance(intervention, FactCheck) and intervention.round >= rounds:
        raise InputError(
            f"a fact-check before round {intervention.round}",
            where=where,
            why=f"rounds are 0 to {rounds - 1}",
            fix="Choose an earlier round.",
        )
    if isinstance(intervention, Rule) and intervention.ranker is None and intervention.slots is None:
        raise InputError("a rule that changes nothing", where=where, fix="Give it a 'ranker', 'slots', or both.")


def _check_probes(intervention: Intervention, checkers: Sequence[Probe], where: str) -> None:
    if not isinstance(intervention, FactCheck):
        return
    names = [probe.name for probe in checkers]
    unknown = [name for name in intervention.probes if name not in names]
    if unknown or not names:
        raise InputError(
            f"no probe {unknown[0]!r} to check facts with" if unknown else "no probe to check facts with",
            where=where,
            why=f"this run has {', '.join(names) or 'none'}",
            fix="Name one of these, or hand probes to learning.run.",
        )
