"""Frames behind figures: long, a row per mark, with the same names of columns in all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from analysis.figures.rows import estimate_shown
from analysis.figures.scopes import interval_of

if TYPE_CHECKING:
    import polars as pl

FIRST = ("panel", "group", "label", "arm", "value", "low", "high", "unit", "shown")
"""Columns that each frame of intervals in rows has, in this order; others stand behind them."""
_FLOATS = ("value", "low", "high")


def frame_of_marks(marks: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Return marks as a frame; what one lacks is null, numbers are rounded to six decimals.

    Args:
        marks: column -> value, of each.
    """
    import polars as pl

    rows = list(marks)
    names = [
        *(name for name in FIRST if any(name in row for row in rows)),
        *dict.fromkeys(n for row in rows for n in row if n not in FIRST),
    ]
    frame = pl.DataFrame(
        [{name: row.get(name) for name in names} for row in rows], schema=names, infer_schema_length=None
    )
    floats = [name for name in frame.columns if frame.schema[name].is_float() or name in _FLOATS]
    return frame.with_columns(pl.col(floats).cast(pl.Float64).round(6))


def estimate_columns(row: Mapping[str, Any], times: float) -> dict[str, Any]:
    """Return a row of the tidy frame as columns of a mark.

    Args:
        times: what its numbers are multiplied by, 100 for percentage points.
    """
    ends = interval_of(row)
    value, low, high = (None if each is None else times * each for each in (row["estimate"], ends["low"], ends["high"]))
    about = {name: row.get(name) for name in ("n", "anchors", "people", "cells", "over", "compared_with")}
    return {
        "value": value,
        "low": low,
        "high": high,
        "shown": estimate_shown(value, low, high),
        "scope": ends["scope"],
        **about,
    }
