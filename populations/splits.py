"""Who trains and who is held out: drawn anew for each seed, or common to all seeds; with the same mix of people on either side.

Knows personas and seeds; knows nothing of files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

from moloch.errors import InputError
from populations.personas import Persona

Draw = Literal["common", "per_seed"]
"""Who is drawn: the same for all seeds, or others for each."""

COMMON = "common"
"""What stands for the seed in draws that are the same for all seeds."""

Lots = tuple[int | str, int | str]
"""The seeds by which training and held-out personas are drawn; :data:`COMMON` is one, too."""


def lot(draw: Draw | None, seed: int) -> int | str:
    """Return the seed of a side's draw; what was left open is drawn for each seed."""
    return COMMON if draw == COMMON else seed


def ranked(personas: Sequence[Persona], seed: int | str) -> list[Persona]:
    """Return personas in the order of the SHA-256 of ``seed`` and their id, which no row order changes."""
    return sorted(personas, key=lambda persona: hashlib.sha256(f"{seed}/{persona.id}".encode()).digest())


def parted(
    personas: Sequence[Persona], n_train: int, n_held_out: int, lots: Lots
) -> tuple[list[Persona], list[Persona]]:
    """Return ``n_train`` training and ``n_held_out`` other, held-out personas, of as many at least.

    A side that is common to all seeds is drawn first, and whom it has the other side does without: so it depends on nobody
    else's draw, and nobody is on both sides. Two sides of one lot part one ranking.
    """
    train, held_out = lots
    order = ranked(personas, COMMON if COMMON in lots else train)
    first, second = order[:n_train], order[n_train : n_train + n_held_out]
    if held_out != train:
        drawn = {persona.id for persona in (first if train == COMMON else second)}
        rest = [persona for persona in personas if persona.id not in drawn]
        if train == COMMON:
            second = ranked(rest, held_out)[:n_held_out]
        else:
            first = ranked(rest, train)[:n_train]
    return first, second


def stratified_split(
    personas: Sequence[Persona],
    by: Sequence[str],
    *,
    n_train: int,
    n_held_out: int,
    seed: int,
    train: Draw | None = None,
    held_out: Draw | None = None,
) -> tuple[list[Persona], list[Persona]]:
    """Return training and held-out personas, exactly as many as asked for, each mixed as the source is.

    Strata are the combinations of the attributes ``by``. Each side takes from each stratum its share, rounded by largest
    remainders; within a stratum the SHA-256 of ``seed`` and a persona's id decides, which no row order changes.

    Args:
        train: whether the same personas train for all seeds, and ``held_out``: are held out; by default others for each seed.

    Raises:
        InputError: an attribute that a persona lacks, or more personas asked for than there are.
    """
    if n_train + n_held_out > len(personas):
        raise InputError(
            f"asked for {n_train + n_held_out} personas",
            why=f"there are {len(personas)}",
            fix="Ask for fewer, or declare resample: true.",
        )
    strata: dict[tuple, list[Persona]] = {}
    for persona in personas:
        if missing := [name for name in by if name not in persona.attributes]:
            raise InputError(
                f"persona {persona.name!r} has no attribute {missing[0]!r}", fix="Stratify by other attributes."
            )
        strata.setdefault(tuple(str(persona.attributes[name]) for name in by), []).append(persona)
    groups = [strata[key] for key in sorted(strata)]
    of_train = _shares([len(group) for group in groups], n_train)
    of_held_out = _shares([len(g) - k for g, k in zip(groups, of_train, strict=True)], n_held_out)
    lots = lot(train, seed), lot(held_out, seed)
    sides = [parted(*group, lots) for group in zip(groups, of_train, of_held_out, strict=True)]
    return [persona for side, _ in sides for persona in side], [persona for _, side in sides for persona in side]


def _shares(sizes: Sequence[int], n: int) -> list[int]:
    """Return ``n`` parted in proportion to ``sizes``, by largest remainders; never more than a size."""
    total = sum(sizes)
    exact = [n * size / total if total else 0.0 for size in sizes]
    shares = [int(share) for share in exact]
    order = sorted(range(len(sizes)), key=lambda i: (shares[i] - exact[i], i))
    for i in order[: n - sum(shares)]:
        shares[i] += 1
    return shares
