"""Which audience voted, by name, beside whose society it is. Knows how societies are called; knows nothing of votes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from abm.societies import BEFORE
from analysis.frames._manifests import manifests
from learning.settings.audiences import name_of, recorded_audiences

if TYPE_CHECKING:
    import polars as pl


def with_audience(frame: pl.LazyFrame, run: Path | str) -> pl.LazyFrame:
    """Return rows with a column ``audience``, and ``arm`` without it.

    The run's own audience is named as the setting ``audience`` names it, a file by its stem. What the settings are is read when rows
    are asked for; where nobody else votes, no row is looked at.

    Args:
        frame: has ``seq`` and ``arm``.
    """
    import polars as pl

    said = cache(lambda: _said(run))

    def audience(rows: pl.Series) -> pl.Series:
        seqs, names, others = said()
        if len(set(names)) == 1 and not others:
            return pl.repeat(names[0], len(rows), dtype=pl.String, eager=True)
        at = np.searchsorted(seqs, rows.struct.field("seq").to_numpy(), side="right") - 1
        own = pl.Series(names, dtype=pl.String).gather(np.maximum(at, 0))
        return pl.select(pl.coalesce(_part(rows.struct.field("arm"), 1), own)).to_series() if others else own

    def arm(arms: pl.Series) -> pl.Series:
        return _part(arms, 0) if said()[2] else arms

    kind: Any = {"return_dtype": pl.String(), "is_elementwise": True}
    return frame.with_columns(
        arm=pl.col("arm").map_batches(arm, **kind), audience=pl.struct("arm", "seq").map_batches(audience, **kind)
    )


def _part(societies: pl.Series, part: int) -> pl.Series:
    """Return whose societies they are (0), or before which audience (1); null where it is the run's own."""
    return societies.str.splitn(BEFORE, 2).struct.field(f"field_{part}")


def _said(run: Path | str) -> tuple[list[int], list[str], bool]:
    """Return from which ``seq`` on the run's own audience has which name, and whether anybody else votes."""
    seqs: list[int] = []
    names: list[str] = []
    others = False
    for manifest in manifests(run):  # the newest first
        seqs.insert(0, manifest.fork.seq if manifest.fork else 0)
        names.insert(0, name_of(str(manifest.config.get("audience", ""))))
        others = others or bool(recorded_audiences(manifest.config.get("evaluation_audiences")))
    return seqs, names, others
