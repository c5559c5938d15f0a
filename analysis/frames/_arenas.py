"""In which arena a row's society is: the run's own, or another one in which arms are evaluated, too. Knows names, not what is done there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from abm.log.projection import scan
from abm.societies import ABROAD

if TYPE_CHECKING:
    import polars as pl


def in_arenas(frame: pl.LazyFrame, run: Path | str) -> pl.LazyFrame:
    """Return a frame whose ``arm`` names societies with the arm alone there, and the arena in the column ``held_in``.

    ``arena`` is a factor of studies: the arena in which a run learns.
    """
    return frame.with_columns(arm_alone(), held_in=arena_of(run))


def arm_alone() -> pl.Expr:
    """Return the column ``arm`` without the arenas in its names."""
    import polars as pl

    return pl.col("arm").str.splitn(ABROAD, 2).struct.field("field_0").alias("arm")


def arena_of(run: Path | str) -> pl.Expr:
    """Return in which arena a society is whose name stands in the column ``arm``."""
    import polars as pl

    elsewhere = pl.col("arm").str.splitn(ABROAD, 2).struct.field("field_1")
    return pl.coalesce(elsewhere, pl.lit(own_arena(run), dtype=pl.String))


def own_arena(run: Path | str) -> str | None:
    """Return the name of the arena that a run's log sets; None where it sets none yet."""
    import polars as pl

    name = pl.col("arena").str.json_path_match("$.name")
    set_ = scan(run).filter(pl.col("type") == "arena_set").select(name).head(1).collect()
    return set_.item() if set_.height else None
