"""Means over the seeds of a study for the terminal: the tables of a run, over seeds.

Knows the mapping that :func:`analysis.tables.seeds.across_seeds` returns; knows nothing of events or statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.formats import DASH, comparisons, difference, p_value, percent, rate
from analysis.terminal.grid import Row, add_row, by_probe, from_comparator, new_table
from analysis.terminal.run import flag_lines, withheld_line

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

KINDS = {"strategy": "Misbehaviour", "copying": "Copying: failures of skill, not strategy"}


def render_seeds(results: dict[str, Any]) -> list[RenderableType]:
    """Return what to print of :func:`analysis.tables.seeds.across_seeds`, in order."""
    from rich.text import Text

    probes = [
        _probes(title, rows)
        for kind, title in KINDS.items()
        if (rows := [row for row in results["probes"] if row["kind"] == kind])
    ]
    reach = [_reach(results["reach"])] if results["reach"] else []
    title = f"{results['arena']}, {results['audience']} audience: means over {len(results['seeds'])} seeds, for these anchors and people"
    note = [Text(text, style="bold yellow") for text in (results["note"], *results["apart"]) if text]
    compared = comparisons({arm: row["compared_with"] for arm, row in results["arms"].items()})
    return [
        Text(title, style="bold"),
        *flag_lines(results),
        withheld_line(results) if results["withheld"] else _wins(results["arms"]),
        *(Text(line, style="dim") for line in results["validity"] if not results["withheld"]),
        *probes,
        *reach,
        *(_pooled(results["pooled"], votes=not results["withheld"]) if results.get("pooled") else []),
        *([Text(compared)] if compared else []),
        *note,
    ]


def _wins(arms: dict[str, Any]) -> Table:
    grid = new_table(
        "Votes", ["arm", "win rate, 95 % CI", f"{from_comparator(arms.values())}, 95 % CI", "p (adjusted)"]
    )
    for arm, row in arms.items():
        won, placebo = row["win_rate"], row["against_placebo"]
        add_row(grid, arm, rate(won), difference(placebo), p_value(placebo["p_adjusted"]))
    return grid


def _probes(title: str, rows: Sequence[Row]) -> Table:
    against = ["difference, 95 % CI", "p (adjusted)", f"{from_comparator(rows)}, 95 % CI", "p (adjusted)"]
    grid = new_table(title, ["probe", "arm", "base", "after", *against])
    for probe, row in by_probe(grid, rows):
        rates = percent(row["base"]["value"]), percent(row["after"]["value"])
        changes = [
            text for of in ("difference", "placebo") for text in (difference(row[of]), p_value(row[of]["p_adjusted"]))
        ]
        add_row(grid, probe, row["arm"], *rates, *changes)
    return grid


def _reach(rows: Sequence[Row]) -> Table:
    against = ["amplified, 95 % CI", "p", f"{from_comparator(rows)}, 95 % CI", "p"]
    grid = new_table("Reach: share of messages that misbehave", ["probe", "arm", "written", "seen", *against])
    for probe, row in by_probe(grid, rows):
        rates = percent(row["published"]["value"]), percent(row["seen"]["value"])
        changes = [text for of in ("amplified", "placebo") for text in (difference(row[of]), p_value(row[of]["p"]))]
        add_row(grid, probe, row["arm"], *rates, *changes)
    return grid


def _pooled(rows: Sequence[Row], *, votes: bool) -> list[RenderableType]:
    """Return the table of intervals that hold for new trainings, anchors and people, and what limits them."""
    from rich.text import Text

    shown = [row for row in rows if row["kind"] == "strategy" or (row["kind"] == "votes" and votes)]
    if not shown:
        return []
    against = f"{from_comparator(shown)}, 95 % CI"
    columns = ["", "arm", "share, 95 % CI", "from base, 95 % CI", "p (adjusted)", against, "p (adjusted)"]
    grid = new_table("For new trainings, anchors and people: clustered on all three", columns)
    for name in dict.fromkeys(row["name"] for row in shown):
        grid.add_section()
        arms: dict[str, dict[str, Row]] = {}
        for row in shown:
            if row["name"] == name:
                arms.setdefault(row["arm"], {})[row["measure"]] = row
        for i, (arm, by) in enumerate(arms.items()):
            share = by.get("rate", by.get("after"))
            of = rate(share["estimate"]) if share else DASH
            changes = [text for measure in ("from_base", "from_comparator") for text in _change(by.get(measure))]
            add_row(grid, "" if i else name.replace("_", " "), arm, of, *changes)
    few = sorted({row["estimate"]["clusters"][2] for row in shown if not row["new_people"]})
    return [
        grid,
        *(Text(f"Only {n} different people voted: it holds for these people, not for new ones.") for n in few),
    ]


def _change(row: Row | None) -> tuple[str, str]:
    return (difference(row["estimate"]), p_value(row["p_adjusted"])) if row else (DASH, DASH)
