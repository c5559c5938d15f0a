"""Who of a pool trains, and who is held out; no one is both.

Knows pools, splits and weights; knows nothing of rows and files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from moloch.errors import InputError
from populations.personas import Persona, numbered
from populations.raking import Raked, rake
from populations.raking import resample as drawn_again
from populations.sources import SIDES, FoundPersona, PersonaPool, read_pool
from populations.splits import Draw, lot, parted, ranked, stratified_split


class PersonaSplit(msgspec.Struct, frozen=True):
    """Who trains and who is held out; no one is in both.

    Attributes:
        dropped: repetitions of earlier personas in the source, left out of both; where people are weighted, a repetition
            adds its weight to the earlier one's.
        weighting: ``train`` and ``held_out`` -> how much each different persona counts, and what that costs; empty where all
            count alike. Resampled personas are in proportion to it, and count alike.
        resampled: whether ``train`` and ``held_out`` hold some personas several times, as members of their own.
    """

    train: list[Persona]
    held_out: list[Persona]
    dropped: int
    weighting: dict[str, Raked] = {}
    resampled: bool = False

    def weights(self, split: str) -> NDArray[np.float64] | None:
        """Return how much each persona of ``train`` or ``held_out`` counts, mean 1; None where all count alike."""
        return None if self.resampled or split not in self.weighting else self.weighting[split].weights


def load_personas(
    source: Path | str | None = None,
    *,
    seed: int = 1,
    n_train: int | None = None,
    n_held_out: int | None = None,
    mapping: Path | str | None = None,
    stratify: Sequence[str] = (),
    resample: bool = False,
    up_to: bool = False,
    train: Draw | None = None,
    held_out: Draw | None = None,
) -> PersonaSplit:
    """Return personas to train with and held-out personas; nobody is in both.

    Where every row has a field ``split`` (``train`` or ``held_out``), as in the built-in packs, it decides. Where none has,
    personas are ranked by the SHA-256 of ``seed`` and their id, which no row order changes, and parted: the first
    half (the larger one, if odd) trains unless the counts say otherwise. Each side is then weighted, and raked, by itself.

    Args:
        source: ``"biographic"`` (also for None), another built-in pack, or a path as :func:`read_personas` takes it.
        seed: of the split, where the file does not declare one, and of resampling.
        n_train: how many train, exactly; by default all there are.
        n_held_out: how many are held out, likewise.
        mapping: YAML file that says what a survey's columns mean, and how much its people count.
        stratify: attributes of which both sides get the same mix; the file's own split then plays no part.
        resample: take as many as asked for from each side's half in proportion to their weights, the same persona several
            times if need be: each time a member of its own, with the same text.
        up_to: take fewer than the counts say, where a side's half has no more.
        train: ``common``: the same personas train whatever the seed; ``per_seed``: they are drawn by it. By default they are
            drawn, but of a side that the file declares the first ones are taken.
        held_out: who is held out, likewise.

    Raises:
        InputError: as :func:`read_personas`; an unknown source; a row without ``split`` where others have one; more personas
            asked for than there are; nobody left to train with or to hold out; or margins that a side cannot meet.
    """
    return part(
        read_pool(source, mapping),
        seed=seed,
        n_train=n_train,
        n_held_out=n_held_out,
        stratify=stratify,
        resample=resample,
        up_to=up_to,
        train=train,
        held_out=held_out,
    )


def part(
    pool: PersonaPool,
    *,
    seed: int,
    n_train: int | None,
    n_held_out: int | None,
    stratify: Sequence[str],
    resample: bool,
    up_to: bool,
    train: Draw | None,
    held_out: Draw | None,
) -> PersonaSplit:
    """Return who of a pool trains and who is held out, as :func:`load_personas` says.

    Raises:
        InputError: as there.
    """
    counts = (None, None) if resample else (n_train, n_held_out)
    if up_to:
        counts = _fitting(pool.people, *counts)
    draws: dict[str, Draw | None] = {"train": train, "held_out": held_out}
    sides: dict[str, list[Persona]] = dict(zip(SIDES, _sides(pool, seed, *counts, stratify, draws), strict=True))
    if not all(sides.values()):
        raise InputError(
            f"no personas left to {'hold out' if sides['train'] else 'train with'}",
            where=str(pool.path),
            why=f"it holds {len(pool.people)}, and nobody may both train and evaluate",
            fix="Give more personas, or ask for fewer.",
        )
    weighting: dict[str, Raked] = {}
    if pool.mapping is not None and pool.mapping.weighs:
        weight = {each.persona.id: each.weight for each in pool.people}
        weighting = {side: _weighted(people, weight, pool, side) for side, people in sides.items()}
    if resample:
        for side, n in (("train", n_train), ("held_out", n_held_out)):
            weights = weighting[side].weights if weighting else np.ones(len(sides[side]))
            places = drawn_again(weights, len(weights) if n is None else n, f"{lot(draws[side], seed)}/{side}")
            sides[side] = numbered([sides[side][i] for i in places])
    return PersonaSplit(sides["train"], sides["held_out"], pool.dropped, weighting, resample)


def _sides(
    pool: PersonaPool,
    seed: int,
    n_train: int | None,
    n_held_out: int | None,
    stratify: Sequence[str],
    draws: Mapping[str, Draw | None],
) -> tuple[list[Persona], list[Persona]]:
    """Return the people of both sides."""
    people = [each.persona for each in pool.people]
    half = (len(people) + 1) // 2
    if stratify:
        wanted = n_train if n_train is not None else min(half, len(people) - (n_held_out or 0))
        rest = n_held_out if n_held_out is not None else len(people) - wanted
        return stratified_split(people, stratify, n_train=wanted, n_held_out=rest, seed=seed, **draws)
    if pool.declared:
        _check_declared(pool)
        counts = {"train": n_train, "held_out": n_held_out}
        return _declared("train", pool, seed, counts, draws), _declared("held_out", pool, seed, counts, draws)
    if (asked := (n_train or 0) + (n_held_out or 0)) > len(people):
        take(people, asked, "personas", pool.path)
    default = len(people) - n_held_out if n_held_out is not None and n_held_out > len(people) - half else half
    cut = n_train if n_train is not None else default
    rest = len(people) - cut if n_held_out is None else n_held_out
    lots = lot(draws["train"], seed), lot(draws["held_out"], seed)
    return parted(people, cut, rest, lots)


def _check_declared(pool: PersonaPool) -> None:
    if alone := [each.where for each in pool.people if not each.split]:
        raise InputError(
            "a row without 'split'",
            where=alone[0],
            why=f"other rows have one, and this one is on neither side ({len(alone)} of {len(pool.people)})",
            fix=f"Say {' or '.join(SIDES)} in every row, or in none.",
        )


def _declared(
    side: str, pool: PersonaPool, seed: int, counts: Mapping[str, int | None], draws: Mapping[str, Draw | None]
) -> list[Persona]:
    """Return a side of a pool that says who is on it: its first ones, or by lot."""
    people = [each.persona for each in pool.people if each.split == side]
    if draws[side] == "per_seed" and counts[side] is not None:
        people = ranked(people, seed)
    return take(people, counts[side], f"{side.replace('_', '-').replace('train', 'training')} personas", pool.path)


def _fitting(
    found: Sequence[FoundPersona], n_train: int | None, n_held_out: int | None
) -> tuple[int | None, int | None]:
    """Return counts that each side can give: those that were asked for, if both fit; else at most its half, or what is declared."""
    half = (len(found) + 1) // 2
    declared = [sum(each.split == side for each in found) for side in SIDES]
    if n_train and n_held_out and n_train + n_held_out <= len(found) and not any(declared):
        return n_train, n_held_out
    train, held_out = declared if any(declared) else (half, len(found) - half)
    return n_train and min(n_train, train), n_held_out and min(n_held_out, held_out)


def _weighted(people: Sequence[Persona], weight: Mapping[str, float], pool: PersonaPool, side: str) -> Raked:
    margins = pool.mapping.margins if pool.mapping is not None else {}
    try:
        return rake([p.attributes for p in people], margins, weights=[weight[p.id] for p in people])
    except InputError as error:  # say whose margins, and where
        where = f"{pool.path} ({side}, {len(people)} personas)"
        raise InputError(error.what, where=where, why=error.why, fix=error.fix) from error


def take(personas: Sequence[Persona], n: int | None, what: str = "personas", where: Path | str = "") -> list[Persona]:
    """Return the first ``n`` personas, exactly; all of them for None.

    Raises:
        InputError: more are asked for than there are (nobody votes twice in silence), or fewer than one.
    """
    if n is None:
        return list(personas)
    if not 1 <= n <= len(personas):
        raise InputError(
            f"asked for {n} {what}",
            where=str(where),
            why=f"there are {len(personas)}",
            fix="Ask for fewer, give a source with more, or declare resample: true.",
        )
    return list(personas[:n])
