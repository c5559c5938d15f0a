"""Who trains and who is held out, with the same mix of people on either side."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from moloch.errors import InputError
from populations.personas import Persona


def stratified_split(
    personas: Sequence[Persona], by: Sequence[str], *, n_train: int, n_held_out: int, seed: int
) -> tuple[list[Persona], list[Persona]]:
    """Return training and held-out personas, exactly as many as asked for, each mixed as the source is.

    Strata are the combinations of the attributes ``by``. Each side takes from each stratum its share, rounded by largest
    remainders; within a stratum the SHA-256 of ``seed`` and a persona's id decides, which no row order changes.

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
            raise InputError(f"persona {persona.name!r} has no attribute {missing[0]!r}", fix="Stratify by others.")
        strata.setdefault(tuple(str(persona.attributes[name]) for name in by), []).append(persona)
    groups = [sorted(strata[key], key=lambda persona: _rank(seed, persona)) for key in sorted(strata)]
    train = _shares([len(group) for group in groups], n_train)
    held_out = _shares([len(g) - k for g, k in zip(groups, train, strict=True)], n_held_out)
    return (
        [persona for group, k in zip(groups, train, strict=True) for persona in group[:k]],
        [p for group, k, m in zip(groups, train, held_out, strict=True) for p in group[k : k + m]],
    )


def _shares(sizes: Sequence[int], n: int) -> list[int]:
    """Return ``n`` parted in proportion to ``sizes``, by largest remainders; never more than a size."""
    total = sum(sizes)
    exact = [n * size / total if total else 0.0 for size in sizes]
    shares = [int(share) for share in exact]
    order = sorted(range(len(sizes)), key=lambda i: (shares[i] - exact[i], i))
    for i in order[: n - sum(shares)]:
        shares[i] += 1
    return shares


def _rank(seed: int, persona: Persona) -> bytes:
    return hashlib.sha256(f"{seed}/{persona.id}".encode()).digest()
