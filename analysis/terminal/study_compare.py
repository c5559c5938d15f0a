"""Two studies side by side in the terminal. Knows mappings; knows nothing of logs or statistics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.formats import listed, p_value, short
from analysis.terminal.grid import add_row, new_table
from analysis.terminal.study import blocks, levels_of, measure_name, points_of

if TYPE_CHECKING:
    from rich.console import RenderableType

SHOWN = 8
"""Differences of pages, and groups of one study alone, that are named."""
SAME = 1e-12
"""Differences below it are rounding."""


def render_study_comparison(told: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield what to print of a comparison of studies, in order.

    Args:
        told: as ``analysis.studies.findings.compare.StudyComparison.as_dict`` makes it.
    """
    from rich.text import Text

    yield Text(f"A  {told['a']}\nB  {told['b']}")
    if told["pages"]:
        grid = new_table("Pages that differ", ["", "A", "B"])
        for each in told["pages"][:SHOWN]:
            add_row(grid, each["key"], short(each["a"], 28), short(each["b"], 28))
        yield grid
    for outcome in dict.fromkeys(row["outcome"] for row in told["rows"]):
        rows = [row for row in told["rows"] if row["outcome"] == outcome and row["measure"] != "base"]
        grid = new_table(
            f"{outcome}: B less A, in points",
            [*told["by"], "arm", "measure", "difference, 95 % CI", "p (adjusted)", "seeds"],
        )
        for column in grid.columns[: len(told["by"]) + 2]:
            column.justify = "left"
        withheld = rows[0]["kind"] == "votes" and bool(told["withheld"])
        groups = {(*levels_of(row, told["by"]), row["arm"], measure_name(row)): row for row in rows}
        for labels, row in blocks(groups, grid, 2):
            add_row(grid, *labels, "–" if withheld else points_of(row), p_value(row["p_adjusted"]), str(row["n"]))
        yield grid
    yield from (Text(line, style="bold red") for line in told["withheld"])
    yield Text(_clustered(told), style="dim")
    for side in ("a", "b"):
        if alone := told[f"only_{side}"]:
            more = f" and {len(alone) - SHOWN:,} more" if len(alone) > SHOWN else ""
            yield Text(f"Only in {side.upper()}: {'; '.join(alone[:SHOWN])}{more}.", style="yellow")
        if missing := told["missing"][side]:
            yield Text(f"{missing:,} cells of {side.upper()} have no results.", style="yellow")
    yield from (Text(line, style="bold yellow") for line in told["notes"])


def _clustered(told: Mapping[str, Any]) -> str:
    """Return what the intervals are over, and what drops out of them."""
    over = max((row["over"] for row in told["rows"]), key=len, default="")
    if not over:
        return f"There are no intervals: {_why_none(told['rows'])}."
    seeds = len(told["shared_seeds"])
    shared = f"the {seeds} seeds that both have" if seeds else "no seed that both have"
    return f"Intervals allow for variation between {listed(over)}, with {shared}; what both studies have in common drops out of them."


def _why_none(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return why no difference has an interval, by what the rows hold."""
    if max((row["n"] for row in rows), default=0) < 2:
        return "that takes two seeds"
    if any(row[one] == 1 for row in rows for one in ("anchors", "people")):
        return "that takes two anchors and two people"
    if all(abs(row["estimate"] or 0.0) < SAME for row in rows):
        return "A and B came to the same"
    return "A and B differ by the same in every seed, which says nothing of how much it varies"
