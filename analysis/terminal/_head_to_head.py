"""Strengths of all arms, and who was chosen over whom, for the terminal. Knows :func:`analysis.tables._head_to_head.head_to_head`'s mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analysis.formats import log_odds, number, percent
from analysis.terminal.grid import add_row, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType


def head_to_head_tables(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return the tables, and what they are about in a line."""
    from rich.text import Text

    strengths = new_table(
        "Head to head: strength in log-odds over base (Bradley-Terry)",
        ["arm", "strength, 95 % CI", "chosen over base", "without forfeits, 95 % CI"],
    )
    for row in found["strengths"]:
        mine, other = log_odds(row["strength"]), log_odds(row["without_forfeits"])
        add_row(strengths, row["arm"], mine, percent(row["chosen"]), other)
    pairs = new_table(
        "Head to head: who was chosen over whom",
        ["arm", "against", "votes for it", "expected", "votes", "neither", "won", "lost", "tied", "forfeits"],
        labels=2,
    )
    for row in found["pairs"]:
        contests = (number(row[name]) for name in ("won", "lost", "tied"))
        shares = percent(row["share"]), percent(row["expected"])
        forfeits = " / ".join(map(str, row["forfeits"]))
        add_row(
            pairs, row["arm"], row["other"], *shares, number(row["votes"]), number(row["neither"]), *contests, forfeits
        )
    said = (
        f"Being shown first adds {log_odds(found['shown_first'])} to the log-odds. Intervals are a bootstrap over {found['anchors']} anchors: of these "
        "adapters and these people."
    )
    return [strengths, pairs, Text(said, style="dim")]
