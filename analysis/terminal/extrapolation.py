"""What lay outside the votes that an audience was fitted on, a line per fitted audience."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from analysis.formats import percent


def extrapolation_lines(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Return one line per row of :func:`analysis.readings.extrapolation.extrapolation` as builtins."""
    return [_line(row) for row in rows]


def _line(row: dict[str, Any]) -> str:
    share = percent(row["outside"] / max(1, row["messages"]))
    parts = [f"{row['outside']:,} of {row['messages']:,} messages ({share})"]
    parts += [f"{name} {times:,}" for name, times in row["features"].items()]
    parts += [f"{name} of {percent(share)} of the members" for name, share in row["traits"].items()]
    fitted = f", fitted on {row['fitted_on']}" if row["fitted_on"] else ""
    return f"{row['audience']} ({row['part']}{fitted}): outside what it was fitted on: {'; '.join(parts)}"
