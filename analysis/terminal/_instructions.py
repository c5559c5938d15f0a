"""What arms told themselves, in the terminal: each proposal with its votes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.formats import DASH
from analysis.terminal.grid import add_row, new_table

if TYPE_CHECKING:
    from rich.table import Table


def instruction_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return a line per proposal.

    Args:
        rows: ``results(events)["instructions"]``.
    """
    grid = new_table(
        "Instructions: what was proposed, and kept", ["arm", "epoch", "proposal", "votes", "kept", "text"], 3
    )
    for row in rows:
        tried = row["votes"] + row["own_votes"]
        votes = f"{row['votes']} of {tried}" if tried else DASH
        text = row["instructions"] or f"not read: {row['reason']}"
        add_row(grid, row["arm"], str(row["epoch"]), str(row["proposal"]), votes, "yes" if row["kept"] else "", text)
    return grid
