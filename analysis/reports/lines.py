"""How much of a long table stands in a report that is read as text: its first rows, and how many were left out."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.reports.document import Board, BoardLine

MOST = 20
"""Rows of a folded table."""
ROWS = "{:,} more rows are in the HTML report and in the log."


def first_lines(board: Board) -> tuple[Sequence[BoardLine], int]:
    """Return the rows of a table that are written, and how many are not."""
    if not board.folded or len(board.lines) <= MOST:
        return board.lines, 0
    return board.lines[:MOST], len(board.lines) - MOST
