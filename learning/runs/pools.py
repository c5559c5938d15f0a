"""How many different anchors and people a study of several seeds has, and which people its intervals hold for.

Knows settings and pools; runs nothing. Anchors and people are distinguished by their content: a copy is the person it copies.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Literal

from abm.arenas.anchors import AnchorSplit, load_anchors
from learning.plan.order import TRAIN_ANCHORS
from learning.runs.parts import settled
from learning.runs.sides import anchors_of, people_of
from learning.settings.config import RunConfig
from moloch.errors import MolochWarning
from populations import Persona
from populations.personas import first_alike
from populations.sources import PersonaPool, read_pool

NEW_PEOPLE = 40
"""Different held-out people from which on intervals can hold for people who were not asked."""

SEEDS_LOOKED_AT = 100
"""Seeds of equal settings whose draws are made, at most."""

DRAWS = 400_000
"""People or anchors that are ranked in these draws, about, at most: of large pools fewer seeds are looked at, but two."""

Side = Literal["train", "held_out"]
_SIDES: tuple[Side, ...] = ("train", "held_out")


@dataclass(frozen=True)
class PoolUse:
    """What the runs of one pool take of it, on one side.

    Attributes:
        kind: ``anchors`` or ``people``.
        source: the setting that names them; the arena, for its built-in anchors.
        pool: different ones that could be on this side.
        per_run: different ones that a run takes; the most, where runs differ.
        used: different ones in all seeds that were looked at.
        overlap: the mean, over pairs of seeds, of the share of one's that the other has too, in 0 .. 1; None for one seed.
        seeds: of the settings, and ``looked_at``: of whose draws the numbers are.
    """

    kind: Literal["anchors", "people"]
    side: Side
    source: str
    pool: int
    per_run: int
    used: int
    overlap: float | None
    seeds: int
    looked_at: int

    @property
    def generalises(self) -> bool:
        """Whether there are enough different ones to speak of others than them; asked of held-out people."""
        return self.kind == "anchors" or self.used >= NEW_PEOPLE

    def sentence(self) -> str:
        """Return it in words."""
        side = self.side.replace("train", "training").replace("_", "-")
        said = f"{side} {self.kind} ({self.source}): {self.per_run:,} of {self.pool:,} a run"
        if self.overlap is None:
            return f"{said}."
        if self.used == self.per_run and self.looked_at == self.seeds:
            return f"{said}, the same for all {self.seeds:,} seeds."
        least, looked = "", ""
        if self.looked_at < self.seeds:
            least, looked = " or more", f", of which {self.looked_at:,} were looked at"
        shared = f"{100 * self.overlap:.1f} % of theirs on average" if self.overlap else "none"
        over = f"{self.used:,} different ones{least} over {self.seeds:,} seeds{looked}"
        return f"{said}, {over}; two seeds share {shared}."


@dataclass(frozen=True)
class Pools:
    """What a study takes of its pools: an entry for each pool and side, held-out ones first."""

    uses: tuple[PoolUse, ...]

    def of(self, kind: Literal["anchors", "people"], side: Side = "held_out") -> list[PoolUse]:
        """Return the entries of a kind and side."""
        return [use for use in self.uses if (use.kind, use.side) == (kind, side)]

    @property
    def new_people(self) -> bool:
        """Whether intervals can speak of people who were not asked."""
        return all(use.generalises for use in self.of("people"))

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        told = [asdict(use) | {"sentence": use.sentence()} for use in self.uses]
        return {"pools": told, "new_people": self.new_people, "scope": self.scope()}

    def scope(self) -> str:
        """Return the sentence that says which people the study's intervals hold for."""
        people = self.of("people")
        few = [use for use in people if not use.generalises]
        if not few:
            counts = " and ".join(dict.fromkeys(f"{use.used:,}" for use in people))
            return f"Intervals over seeds, anchors and people can hold for new people like the {counts} held-out ones."
        least = min(few, key=lambda use: use.used)
        return (
            f"Intervals hold for these {least.used:,} held-out people ({least.source}), not for new people: that takes "
            f"{NEW_PEOPLE} different ones at least. Give more: held_out_personas, redraw: {{held_out_personas: per_seed}}, a larger pool."
        )

    def sentences(self, most: int = 8) -> list[str]:
        """Return it in words, so many entries at most."""
        more = len(self.uses) - most
        told = [f"... and {more:,} more: --json has them."] if more > 0 else []
        return [*(use.sentence() for use in self.uses[:most]), *told, self.scope()]


def pools(configs: Sequence[RunConfig]) -> Pools:
    """Return what runs take of their pools, for any number of settings: those that differ only in their seed count as one design.

    Each pool is read once, and what settings take alike of it is drawn once. Of many seeds, :data:`SEEDS_LOOKED_AT` are looked at, the first ones.

    Raises:
        InputError: a source cannot be read, or has fewer than were asked for.
    """
    by_anchors: dict[tuple, dict[int, RunConfig]] = {}
    by_people: dict[tuple, dict[int, RunConfig]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MolochWarning)  # a run says by itself that it takes fewer than counts say
        sources = _Sources()
        for config in configs:
            key = _anchors_key(config, _taken(config, sources.anchors(config)))
            by_anchors.setdefault(key, {}).setdefault(config.seed, config)
            by_people.setdefault(_people_key(config), {}).setdefault(config.seed, config)
        uses = [use for same in by_anchors.values() for use in _of_anchors(list(same.values()), sources)]
        uses += [use for same in by_people.values() for use in _of_people(list(same.values()), sources)]
    return Pools(tuple(sorted(dict.fromkeys(uses), key=lambda use: use.side)))


def _taken(config: RunConfig, pool: AnchorSplit) -> int:
    """Return how many training anchors all epochs take, of a pool that they go round in."""
    return min((config.train_anchors or TRAIN_ANCHORS) * config.epochs, len(pool.train))


def _anchors_key(config: RunConfig, taken: int) -> tuple:
    draws = config.redraw.train_anchors, config.redraw.held_out_anchors
    counts = config.train_anchors, config.held_out_anchors, taken, config.up_to
    return config.arena, config.anchors, config.near_duplicates, *draws, *counts


def _people_key(config: RunConfig) -> tuple:
    draws = config.redraw.train_personas, config.redraw.held_out_personas
    counts = config.train_personas, config.held_out_personas, config.up_to
    return config.personas, config.mapping, config.stratify, config.resample, *draws, *counts


class _Sources:
    """Reads each source once."""

    def __init__(self) -> None:
        self._anchors: dict[tuple, AnchorSplit] = {}
        self._people: dict[tuple, PersonaPool] = {}

    def anchors(self, config: RunConfig) -> AnchorSplit:
        key = config.arena, config.anchors, config.near_duplicates
        if key not in self._anchors:
            drop = settled(config, None).near_duplicates == "drop"
            self._anchors[key] = load_anchors(config.anchors, config.rules(), drop_near=drop)
        return self._anchors[key]

    def people(self, config: RunConfig) -> PersonaPool:
        key = config.personas, config.mapping
        if key not in self._people:
            self._people[key] = read_pool(*key)
        return self._people[key]


def _of_anchors(same: Sequence[RunConfig], sources: _Sources) -> list[PoolUse]:
    first = same[0]
    pool = sources.anchors(first)
    size = {"train": len(pool.train), "held_out": len(pool.held_out)}
    per_side: dict[Side, list[set[str]]] = {side: [] for side in _SIDES}
    for config in _some(same, sum(size.values())):
        drawn = anchors_of(config, pool)
        per_side["train"].append({anchor.id for anchor in drawn.train[: _taken(config, pool)]})
        per_side["held_out"].append({anchor.id for anchor in drawn.held_out})
    source = first.anchors or first.arena
    return [_use("anchors", side, source, size[side], per_side[side], len(same)) for side in _SIDES]


def _of_people(same: Sequence[RunConfig], sources: _Sources) -> list[PoolUse]:
    first = same[0]
    pool = sources.people(first)
    by_side = pool.declared and not first.stratify
    size = {side: sum(each.split == side or not by_side for each in pool.people) for side in _SIDES}
    per_side: dict[Side, list[set[str]]] = {side: [] for side in _SIDES}
    for config in _some(same, len(pool.people)):
        drawn = people_of(config, pool)
        per_side["train"].append(_different(drawn.train))
        per_side["held_out"].append(_different(drawn.held_out))
    return [_use("people", side, first.personas, size[side], per_side[side], len(same)) for side in _SIDES]


def _some(same: Sequence[RunConfig], size: int) -> Iterable[RunConfig]:
    return islice(same, min(SEEDS_LOOKED_AT, max(2, DRAWS // max(1, size))))


def _different(personas: Sequence[Persona]) -> set[str]:
    return {personas[place].id for place in first_alike(personas)}


def _use(
    kind: Literal["anchors", "people"], side: Side, source: str, size: int, runs: Sequence[set[str]], seeds: int
) -> PoolUse:
    """Count the different ones, and what pairs of runs share: one that k runs have is shared by k (k - 1) / 2 pairs."""
    times = Counter(one for run in runs for one in run)
    overlap = None
    if len(runs) > 1:
        shared = sum(k * (k - 1) for k in times.values()) / (len(runs) * (len(runs) - 1))
        overlap = shared / (sum(map(len, runs)) / len(runs))
    return PoolUse(kind, side, source, size, max(map(len, runs)), len(times), overlap, seeds, len(runs))
