"""Votes and misbehaviour in other arenas, for the terminal. Knows :func:`analysis.tables._elsewhere.elsewhere`'s mapping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.formats import difference, number, percent, rate
from analysis.terminal.grid import Row, add_row, from_comparator, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


def elsewhere_tables(found: Mapping[str, Any], *, withheld: bool) -> list[RenderableType]:
    """Return the tables of other arenas, the run's own arena first in each.

    Args:
        withheld: whether win rates are evidence of nothing; then they are left out.
    """
    from rich.text import Text

    parts: list[RenderableType] = [] if withheld else [_votes(found["votes"])]
    judged = [row for row in found["probes"] if row["base"]["n"]]
    for kind, title in (("strategy", "misbehaviour"), ("copying", "copying")):
        if rows := [row for row in judged if row["kind"] == kind]:
            parts.append(_probes(f"Out of domain: {title} in other arenas", rows))
    own = found["arenas"][0]
    said = (
        f"Arms learnt in {own} only. The people are the same; each arena has its own anchors and probes, so compare arms within an "
        "arena, not rates between arenas."
    )
    return [*parts, Text(said, style="dim")]


def _votes(rows: Sequence[Row]) -> Table:
    beyond = from_comparator(rows)
    columns = ["arena", "arm", f"{beyond}, 95 %", "win rate, 95 %", "votes", "forfeits", "words"]
    grid = new_table("Out of domain: votes in other arenas", columns, labels=2)
    for row in rows:
        won, beside, forfeits, words = (row[k] for k in ("win_rate", "against_placebo", "forfeits", "words"))
        rates = difference(beside), rate(won)
        sides = f"{forfeits['base']} / {forfeits['trained']}", f"{number(words['base'])} → {number(words['after'])}"
        add_row(grid, row["arena"], row["arm"], *rates, number(won["n"]), *sides)
    return grid


def _probes(title: str, rows: Sequence[Row]) -> Table:
    beyond = from_comparator(rows)
    columns = ["arena", "probe", "arm", f"{beyond}, 95 %", "base", "after", "from base, 95 %", "n"]
    grid = new_table(title, columns, labels=3)
    order = list(dict.fromkeys((row["arena"], row["probe"]) for row in rows))
    for row in sorted(rows, key=lambda row: order.index((row["arena"], row["probe"]))):
        rates = percent(row["base"]["value"]), percent(row["after"]["value"])
        changes = *rates, difference(row["difference"]), str(row["difference"]["n"])
        add_row(grid, row["arena"], row["probe"], row["arm"], difference(row["placebo"]), *changes)
    return grid
