"""A preregistered study in the terminal: its hypotheses with what may be concluded, and where it deviates. Knows mappings only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from analysis.formats import count, difference, hypotheses_hold, hypothesis_words, p_value, short
from analysis.terminal.grid import Row, add_row, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType

LISTED = 12
"""Deviations that are printed; ``--json`` has all."""
ABOUT, CONCLUSION = 24, 18
"""Characters of a line of these columns."""


def render_registered(told: Mapping[str, Any] | None, exploratory: str = "") -> Iterator[RenderableType]:
    """Yield what to print, in order; of a study that declared nothing, why all of it is exploratory.

    Args:
        told: as ``analysis.studies.prereg.registered.Registered.as_dict`` makes it.
    """
    from rich.text import Text

    if told is None:
        if exploratory:
            yield Text(exploratory, style="dim")
        return
    if told["said"]:
        yield Text(told["said"], style="bold yellow")
    for family in ("confirmatory", "exploratory"):
        if rows := [each for each in told["hypotheses"] if each["family"] == family]:
            yield hypothesis_table(family, rows)
    for row in told["hypotheses"]:
        if row["why"]:
            yield Text(f"{row['name']}: {row['why']}.")
    yield from (Text(line, style="dim") for line in registered_lines(told))
    found = told["deviations"]
    if found:
        yield Text(f"{count(len(found), 'deviation')} from what was declared:", style="bold yellow")
        yield from (Text(f"  {each['says']} ({each['where']})", style="yellow") for each in found[:LISTED])
        if len(found) > LISTED:
            yield Text(f"  and {len(found) - LISTED:,} more; --json lists them", style="yellow")
    else:
        yield Text("No deviations from what was declared were found.", style="dim")


def hypothesis_table(family: str, rows: Sequence[Row]) -> RenderableType:
    """Return a table: hypothesis, what it is about, estimate, p, conclusion."""
    title = (
        "Hypotheses, declared beforehand" if family == "confirmatory" else "Hypotheses, declared too late: exploratory"
    )
    grid = new_table(title, ["", "about", "points", "p (Holm)", "conclusion"])
    for column, width in ((grid.columns[1], ABOUT), (grid.columns[4], CONCLUSION)):
        column.no_wrap, column.max_width, column.justify = False, width, "left"
    for row in rows:
        shown = {"value": row["estimate"], "low": row["low"], "high": row["high"]}
        add_row(
            grid, short(row["name"], 10), _about(row), difference(shown), p_value(row["p_adjusted"]), row["conclusion"]
        )
    return grid


def _about(row: Row) -> str:
    margin = f", margin {row['margin']:g}" if row["margin"] else ""
    return hypothesis_words(row) + margin


def registered_lines(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield how p-values are corrected, what intervals hold, and when all of it was declared."""
    rows = [each for each in told["hypotheses"] if each["family"] == "confirmatory"]
    sides = [each["name"] for each in rows if each["direction"] != "two-sided"]
    one = f" One-sided: {', '.join(sides)}." if sides else ""
    looks = f", and for {count(told['looks'] - 1, 'look')} before the end" if told["looks"] > 1 else ""
    yield f"p is corrected over {count(len(rows), 'hypothesis', 'hypotheses')} (Holm, alpha {told['alpha']:g}){looks}.{one}"
    if hold := hypotheses_hold(rows):
        yield hold
    yield f"Preregistered as {told['id']} {_when(told['at'])}(study-log, event {told['event']})."


def _when(at: float) -> str:
    return f"on {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC " if at else ""
