"""All tables of a run for the terminal, in detail. Intervals are of these adapters, so that no p of an effect of competition stands in them.

Knows the mapping that :func:`analysis.tables.results.results` returns; knows nothing of events or statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.formats import DASH, bounds, count, difference, number, p_value, percent, rate, relative
from analysis.terminal._conventions import controlled_tables
from analysis.terminal._elsewhere import elsewhere_tables
from analysis.terminal._head_to_head import head_to_head_tables
from analysis.terminal._instructions import instruction_table
from analysis.terminal._repeats import repeat_tables
from analysis.terminal._rivalry import rivalry_tables
from analysis.terminal._tasks import task_tables
from analysis.terminal._trainings import training_table
from analysis.terminal._transfer import transfer_tables
from analysis.terminal.grid import Row, add_row, by_probe, from_comparator, new_table
from analysis.terminal.written import writing_table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

SIZES = 6
"""Sizes of panels for which the table has room."""


def detail_tables(results: dict[str, Any]) -> list[RenderableType]:
    """Return all tables of a run that has evaluated something, in order."""
    from rich.text import Text

    withheld = bool(results["withheld"])
    parts: list[RenderableType] = [] if withheld else [_wins(results)]
    if not withheld and len({row["voters"] for row in results.get("panels", ())}) > 1:
        parts.append(_panels(results["panels"]))
    if beside := results.get("controlled"):
        parts += controlled_tables(results["arms"], beside, withheld=withheld)
    if (moved := results.get("transfer")) and not withheld:
        parts += transfer_tables(moved)
    if (met := results.get("head_to_head")) and not withheld:
        parts += head_to_head_tables(met)
    if positions := results.get("positions"):
        parts.append(_positions(positions))
    if writing := results.get("writing"):
        parts.append(writing_table(writing))
    if trainings := results.get("trainings"):
        parts.append(training_table(trainings))
    if instructions := results.get("instructions"):
        parts.append(instruction_table(instructions))
    judged = [row for row in results["probes"] if row["base"]["n"]]
    strategy = [row for row in judged if row["kind"] == "strategy"]
    copying = [row for row in judged if row["kind"] == "copying"]
    if strategy:
        parts += [_probes("Misbehaviour: strategy", strategy), _controls(strategy)]
    if copying:
        parts.append(_probes("Copying: failures of skill, not strategy", copying))
    if strategies := [row for row in results.get("reach", ()) if row["kind"] == "strategy"]:
        parts.append(_reach(strategies))
    if elsewhere := results.get("out_of_domain", {}).get("arenas"):
        parts += elsewhere_tables(elsewhere, withheld=withheld)
    if answered := results.get("out_of_domain", {}).get("tasks"):
        parts += task_tables(answered)
    if (rivals := results.get("rivalry")) and not withheld:
        parts += rivalry_tables(rivals)
    if (trained := results.get("repeats")) and not withheld:
        parts += repeat_tables(trained)
    if bases := results.get("bases"):
        parts.append(Text(_bases(results["model"], bases)))
    return parts


def _wins(results: dict[str, Any]) -> Table:
    beyond = from_comparator(results["arms"].values())
    columns = ["arm", "win rate, 95 %", "forfeits out", f"{beyond}, 95 %", "votes", "ties", "forfeits", "words"]
    grid = new_table("Votes", columns)
    for arm, row in results["arms"].items():
        forfeits, words = row["forfeits"], row["words"]
        rates = rate(row["win_rate"]), rate(row["without_forfeits"]), difference(row["against_placebo"])
        sides = f"{forfeits['base']} / {forfeits['trained']}", f"{number(words['base'])} → {number(words['after'])}"
        add_row(grid, arm, *rates, number(row["win_rate"]["n"]), percent(row["tie_rate"]), *sides)
    return grid


def _bases(model: str, bases: dict[str, str]) -> str:
    """Return on which base models arms stand that do not stand on the run's."""
    told = "; ".join(f"{arm} on {base}" for arm, base in bases.items())
    return f"Each arm is set against its own base model: {told}; all others on {model}. Win rates against different models are not on one scale."


def _panels(rows: Sequence[Row]) -> Table:
    """Return one line per arm, with a column per panel size; the panel of all voters says nothing new and is left out."""
    sizes = sorted({row["voters"] for row in rows})[:-1][-SIZES:]
    title = "Fewer voters: range of 95 % of panels' win rates, share of contests with the same winner"
    grid = new_table(title, ["arm", *(count(size, "voter") for size in sizes)])
    for arm in dict.fromkeys(row["arm"] for row in rows):
        of_arm = {row["voters"]: row for row in rows if row["arm"] == arm}
        add_row(grid, arm, *(_panel(of_arm[size]) if size in of_arm else DASH for size in sizes))
    return grid


def _panel(row: Row) -> str:
    return f"{bounds(row['win_rate'], digits=0) or DASH}, {percent(row['same_winner']['value'], 0)}"


def _positions(rows: Sequence[Row]) -> Table:
    grid = new_table("Position", ["options shown", "place", "chosen, 95 %", "without bias", "p", "votes"], 2)
    for row in rows:
        chosen, fair = row["chosen"], percent(1 / row["options"])
        rates = rate(chosen), fair, p_value(chosen["p"])
        add_row(grid, str(row["options"]), str(row["position"]), *rates, number(chosen["n"]))
    return grid


def _probes(title: str, rows: Sequence[Row]) -> Table:
    columns = ["probe", "arm", "base", "after", "from base, 95 %", "relative, 95 %", "n"]
    grid = new_table(title, columns, labels=2)
    for probe, row in by_probe(grid, rows):
        rates = percent(row["base"]["value"]), percent(row["after"]["value"])
        ratio = f"{relative(row['relative'])} {bounds(row['relative'], digits=0)}".rstrip()
        add_row(grid, probe, row["arm"], *rates, difference(row["difference"]), ratio, str(row["difference"]["n"]))
    return grid


def _controls(rows: Sequence[Row]) -> Table:
    columns = ["probe", "arm", f"{from_comparator(rows)}, 95 %", "per 100 words: base", "after", "n"]
    grid = new_table("Misbehaviour: controls", columns, labels=2)
    for probe, row in by_probe(grid, rows):
        words = number(row["base_per_100"], 2), number(row["after_per_100"], 2)
        add_row(grid, probe, row["arm"], difference(row["placebo"]), *words, str(row["placebo"]["n"] or DASH))
    return grid


def _reach(rows: Sequence[Row]) -> Table:
    columns = ["probe", "arm", "written", "seen", "amplified, 95 %", "views"]
    grid = new_table("Reach: share of messages that misbehave", columns, labels=2)
    for probe, row in by_probe(grid, rows):
        rates = percent(row["published"]["value"]), percent(row["seen"]["value"])
        add_row(grid, probe, row["arm"], *rates, difference(row["amplified"]), number(row["views"]))
    return grid
