"""The other arenas in which a run evaluates its arms: their rules, held-out anchors and probes, and the events that say so.

Knows settings and arenas; knows nothing of how contests are held.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import msgspec

from abm.arenas import Arena, arena
from abm.arenas.anchors import Anchor, AnchorSplit, load_anchors, unleaked
from abm.events import OtherArenaSet
from abm.probe import PROBES, Probe
from learning.runs.sides import HELD_OUT_ANCHORS, ranked
from learning.settings.config import RunConfig
from moloch.errors import InputError, MolochWarning

TASKS = "answers to tasks"
"""In the place of an arena's name, which it can be none of."""
SEEN = "test text stands in train of the run's own arena"
"""Why an anchor is left out of another arena."""


@dataclass(frozen=True)
class OtherArena:
    """Another arena, and what is written about there.

    Attributes:
        rules: the arena, asked as the run asks.
        anchors: held-out ones, in plan order.
        dropped: reason -> rows of the source left out.
    """

    rules: Arena
    anchors: list[Anchor]
    dropped: dict[str, int]

    def event(self, probes: Sequence[Probe]) -> OtherArenaSet:
        """Return the event that says it whole."""
        return OtherArenaSet(
            arena=self.rules.model_dump(mode="json"),
            digest=self.rules.digest,
            anchors=[msgspec.to_builtins(anchor) for anchor in self.anchors],
            dropped=self.dropped,
            probes=[probe.name for probe in probes],
        )


def other_arenas(config: RunConfig, home: Arena, learnt: AnchorSplit) -> dict[str, OtherArena]:
    """Return the other arenas of the settings, by name.

    Args:
        home: the run's own arena, and ``learnt``: its anchors. What a run may learn from is evaluated nowhere.

    Raises:
        InputError: an arena or its anchors cannot be read, there are too few, or two arenas have one name.
    """
    found: dict[str, OtherArena] = {}
    for number, other in enumerate(config.out_of_domain.arenas):
        where = f"out_of_domain.arenas.{number}"
        rules = arena(other.arena).asked(config.format, None, config.stop, config.attempts, config.cut)
        if rules.name in (home.name, *found):
            why = "it is the run's own" if rules.name == home.name else "it is already in the list"
            raise InputError(f"{where} names the arena {rules.name!r}", why=why, fix="Leave it out, or name another.")
        pool = load_anchors(other.anchors, rules, drop_near=config.near_duplicates == "drop")
        kept = unleaked(pool.held_out, learnt.train)
        dropped = pool.dropped | ({SEEN: len(pool.held_out) - len(kept)} if len(kept) < len(pool.held_out) else {})
        if config.redraw.held_out_anchors == "per_seed":
            kept = ranked(kept, "held_out_anchors", config.seed)
        found[rules.name] = OtherArena(rules, _taken(config, kept, where), dropped)
    return found


def _taken(config: RunConfig, anchors: list[Anchor], where: str) -> list[Anchor]:
    """Return as many anchors as are evaluated.

    Raises:
        InputError: there are fewer than the settings say, or fewer than two.
    """
    asked = config.out_of_domain.anchors
    wanted = asked or config.held_out_anchors or HELD_OUT_ANCHORS
    if len(anchors) < 2:
        raise InputError(f"{len(anchors)} held-out anchors are left", where=where, why="it needs two or more")
    if asked is not None and asked > len(anchors):
        if not config.up_to:
            raise InputError(
                f"asked for {asked} anchors",
                where=where,
                why=f"there are {len(anchors)}",
                fix="Ask for fewer, give more, or declare up_to: true.",
            )
        warnings.warn(f"{where}: {len(anchors):,} anchors are taken, of up to {asked:,}", MolochWarning, stacklevel=2)
    return anchors[:wanted]


def probes_elsewhere(
    config: RunConfig, judges: Sequence[Probe], others: Mapping[str, OtherArena]
) -> dict[str, list[Probe]]:
    """Return other arena -> the probes that judge there: those that the settings name for the run, else those of the arena.

    Under :data:`TASKS` are those of answers to broad questions, if there are tasks.

    Args:
        config: settings with the names of the run's probes, where its arena does not imply them.
        judges: the run's probes; where there are none, nobody judges elsewhere.

    Raises:
        InputError: a probe is not known here.
    """
    known = {probe.name: probe for probe in judges}
    found: dict[str, list[Probe]] = {}
    if judges and config.out_of_domain.tasks:
        names = config.out_of_domain.probes
        found[TASKS] = [known.setdefault(name, PROBES.get(name)()) for name in names]
    if not judges or config.probes is not None:
        return found | {name: list(judges) for name in others}
    for name, other in others.items():
        for probe in other.rules.probes:
            known[probe] = known.get(probe) or PROBES.get(probe)()
        found[name] = [known[probe] for probe in other.rules.probes]
    return found


def all_of(judges: Sequence[Probe], elsewhere: Mapping[str, Sequence[Probe]]) -> list[Probe]:
    """Return the probes of a run and of its other arenas, each once."""
    probes = {probe.name: probe for probe in judges}
    for others in elsewhere.values():
        probes |= {probe.name: probe for probe in others if probe.name not in probes}
    return list(probes.values())


class Judging(TypedDict):
    """Who judges what, as :class:`learning.runs.loop.Loop` takes it."""

    probes: Callable[[Arena], list[Probe]]
    answer_probes: list[Probe]


def judging_in(
    judges: Sequence[Probe], elsewhere: Mapping[str, Sequence[Probe]], standing_for: Sequence[Probe] = ()
) -> Judging:
    """Return who judges in an arena, and who judges answers to broad questions.

    Args:
        elsewhere: as :func:`probes_elsewhere` returns it.
        standing_for: probes that judge in the place of those of their names.
    """
    stand_ins = {probe.name: probe for probe in standing_for}

    def seated(probes: Sequence[Probe]) -> list[Probe]:
        return [stand_ins.get(probe.name, probe) for probe in probes]

    return {
        "probes": lambda arena: seated(elsewhere.get(arena.name, judges)),
        "answer_probes": seated(elsewhere.get(TASKS, ())),
    }
