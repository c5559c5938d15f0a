"""What each arm learnt from, in the terminal: rows and steps, which twins have from their learners, and tokens, which they have not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.formats import DASH, number, signed
from analysis.terminal.grid import add_row, new_table

if TYPE_CHECKING:
    from rich.table import Table


def training_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return a line per training.

    Args:
        rows: ``results(events)["trainings"]``.
    """
    figures = any(row["figures"] for row in rows)
    mitigated = any(row.get("mitigated") for row in rows)
    columns = [
        "arm",
        "epoch",
        "rows",
        "own rows",
        "steps",
        "tokens",
        "tokens less those of",
        *["loss says"][: int(figures)],
        *["mitigated"][: int(mitigated)],
    ]
    grid = new_table("Learnt from", columns, labels=2)
    methods = {
        arm: {row["method"] for row in rows if row["arm"] == arm} for arm in dict.fromkeys(row["arm"] for row in rows)
    }
    for row in rows:
        arm = f"{row['arm']} by {row['method']}" if len(methods[row["arm"]]) > 1 else row["arm"]  # a fork may change it
        counted = (number(row[name]) for name in ("rows", "own_rows", "steps", "tokens"))
        more = f"{row['rows_of']} {signed(100 * row['more_tokens'])} %" if row["more_tokens"] is not None else DASH
        said = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in row["figures"].items())
        changed = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in row.get("mitigated", {}).items())
        last = [*[said or DASH][: int(figures)], *[changed or DASH][: int(mitigated)]]
        add_row(grid, arm, str(row["epoch"]), *counted, more, *last)
    return grid
