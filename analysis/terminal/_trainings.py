"""What each arm learnt from, in the terminal: rows and steps, which twins have from their learners, and tokens, which they have not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.formats import DASH, number
from analysis.terminal.grid import add_row, new_table

if TYPE_CHECKING:
    from rich.table import Table


def training_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return a line per training.

    Args:
        rows: ``results(events)["trainings"]``.
    """
    columns = ["arm", "epoch", "rows", "of its own", "steps", "tokens with loss", "more than", "what its loss says"]
    grid = new_table("Learnt", columns)
    for row in rows:
        counted = (number(row[name]) for name in ("rows", "own_rows", "steps", "tokens"))
        more = f"{row['rows_of']}: {100 * row['more_tokens']:+.1f} %" if row["more_tokens"] is not None else DASH
        said = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in row["figures"].items())
        add_row(grid, row["arm"], str(row["epoch"]), *counted, more, said or DASH)
    return grid
