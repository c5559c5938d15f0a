"""Whom each persona of a run is, or is a copy of, by content id. Knows nothing of what they do."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from abm.columns import Int32s, unpack
from abm.log.projection import scan
from analysis.frames._manifests import manifests
from moloch.errors import CorruptLog

if TYPE_CHECKING:
    import polars as pl


def origin(run: Path | str) -> pl.Expr:
    """Return the content id of each ``persona``'s original as an expression; who joined is read when it is asked for."""
    import polars as pl

    names = cache(lambda: _origins(run))

    def looked_up(personas: pl.Series) -> pl.Series:
        return pl.select(pl.lit(names()).gather(personas, null_on_oob=True)).to_series().alias(personas.name)

    return pl.col("persona").map_batches(looked_up, return_dtype=pl.String(), is_elementwise=True)


def _origins(run: Path | str) -> pl.Series:
    """Return the content id of the original of each persona, by index.

    Crowd members whose origin is not in the log count as people of their own, and no other run has them: ``RUN/N``, where RUN is
    the beginning of the chain from which the run, or the one that it was forked from, starts.

    Raises:
        CorruptLog: a persona is a copy of somebody who has not joined.
    """
    import polars as pl

    joined = (
        scan(run)
        .filter(pl.col("type").is_in(["personas_joined", "crowd_joined"]))
        .select("seq", "first", "ids", "originals", size=pl.coalesce("size", pl.col("ids").list.len().cast(pl.Int64)))
        .collect()
    )
    ends = joined.select(pl.col("first") + pl.col("size")).to_series()
    nameless = joined["ids"].list.len().fill_null(0).eq(0).any()
    name = _chain(run) if nameless else ""  # in object storage it has to be asked for
    ids = np.array([f"{name}/{i}" for i in range(ends.max() or 0)], dtype=object)  # pyright: ignore[reportArgumentType]
    copied = np.arange(len(ids))
    for seq, first, names, originals, size in joined.iter_rows():
        if names:
            ids[first : first + size] = names
        if originals:
            copied[first : first + size] = _checked(unpack(originals, Int32s), size, len(ids), seq)
    return pl.Series(ids[copied], dtype=pl.String)


def _chain(run: Path | str) -> str:
    """Return what no run with other settings begins with: forks have the people of the run that they come from."""
    *_, first = manifests(run)
    return first.genesis[:16]


def _checked(originals: NDArray[np.integer], size: int, known: int, seq: int) -> NDArray[np.integer]:
    if len(originals) == size and 0 <= originals.min(initial=0) <= originals.max(initial=0) < known:
        return originals
    raise CorruptLog(
        "members are copies of people who are not there",
        where=f"event {seq}",
        why=f"{size} joined, and its {len(originals)} originals are not all among those who joined",
        fix="The log was edited; use a copy made before.",
    )
