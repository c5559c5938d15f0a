"""Synthetic people: rows drawn from a table of the population, joint or by attribute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from moloch.errors import InputError
from populations.margins import LARGEST_WEIGHT, Margins, shares
from populations.personas import Persona, make_attributed, numbered
from populations.randomness import generator


def draw_joint(table: Sequence[Mapping[str, Any]], n: int, seed: int, *, count: str = "count") -> list[dict[str, Any]]:
    """Return ``n`` rows drawn from a joint table, with replacement, in proportion to its ``count`` column.

    Raises:
        InputError: the table is empty, a row lacks its count, or the counts are none.
    """
    counts = np.array([_share(row, count, number) for number, row in enumerate(table, start=1)], dtype=np.float64)
    if not len(counts) or counts.sum() <= 0:
        raise InputError("nobody to draw from", why=f"the column {count!r} adds up to 0")
    picks = generator(seed, "draw", "joint").choice(len(counts), size=n, p=counts / counts.sum())
    kept = [{name: value for name, value in row.items() if name != count} for row in table]
    return [dict(kept[i]) for i in picks]


def draw_independent(margins: Margins, n: int, seed: int) -> list[dict[str, Any]]:
    """Return ``n`` rows whose attributes are drawn independently: correlations of the real population are lost.

    Raises:
        InputError: an attribute has no shares, or they do not add up.
    """
    columns = {}
    for name, margin in margins.items():
        shares(name, margin)
        given, values = np.array(list(margin.values()), dtype=np.float64), list(margin)
        picks = generator(seed, "draw", name).choice(len(values), size=n, p=given / given.sum())
        columns[name] = [values[i] for i in picks]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def synthetic_personas(people: Sequence[Mapping[str, Any]]) -> list[Persona]:
    """Return a persona for each row; those of equal rows are numbered, so that they are different members."""
    return numbered([make_attributed(dict(row)) for row in people])


def _share(row: Mapping[str, Any], count: str, number: int) -> float:
    value = row.get(count)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= LARGEST_WEIGHT:
        why = f"it holds {value!r}"
        raise InputError(f"row {number} has no {count!r}", why=why, fix=f"Give a number from 0 to {LARGEST_WEIGHT:g}.")
    return float(value)
