"""In which arena a row's society is: the run's own, or another one in which arms are evaluated, too. Knows names, not what is done there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abm.societies import ABROAD
from analysis.frames._manifests import manifests

if TYPE_CHECKING:
    import polars as pl


def in_arenas(frame: pl.LazyFrame, run: Path | str) -> pl.LazyFrame:
    """Return a frame whose ``arm`` names societies with the arm alone there, and the arena in the column ``held_in``.

    ``arena`` is a factor of studies: the arena in which a run learns. The run's own is named as the setting ``arena`` names it, a file
    by its stem. What the settings are is read when rows are asked for; where there is no other arena, no row is looked at.
    """
    import polars as pl

    said = cache(lambda: _said(run))

    def arm(arms: pl.Series) -> pl.Series:
        return _part(arms, 0) if said()[1] else arms

    def held_in(arms: pl.Series) -> pl.Series:
        own, others = said()
        if not others:
            return pl.repeat(own, len(arms), dtype=pl.String, eager=True)
        return _part(arms, 1).fill_null(own)

    kind: Any = {"return_dtype": pl.String(), "is_elementwise": True}
    return frame.with_columns(
        arm=pl.col("arm").map_batches(arm, **kind), held_in=pl.col("arm").map_batches(held_in, **kind)
    )


def arm_alone() -> pl.Expr:
    """Return the column ``arm`` without the arenas in its names."""
    import polars as pl

    return pl.col("arm").str.splitn(ABROAD, 2).struct.field("field_0").alias("arm")


def own_arena(run: Path | str) -> str:
    """Return the name of the arena in which a run learns."""
    return _said(run)[0]


def _part(societies: pl.Series, part: int) -> pl.Series:
    """Return whose societies they are (0), or in which other arena (1); null where it is the run's own."""
    return societies.str.splitn(ABROAD, 2).struct.field(f"field_{part}")


def _said(run: Path | str) -> tuple[str, bool]:
    """Return the name of a run's own arena, and whether anybody writes in another one."""
    own, others = "", False
    for manifest in manifests(run):
        own = Path(str(manifest.config.get("arena", ""))).stem
        elsewhere = manifest.config.get("out_of_domain")
        others = others or bool(elsewhere.get("arenas") if isinstance(elsewhere, Mapping) else ())
    return own, others
