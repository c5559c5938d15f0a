"""An evaluation table for the terminal: absolute rates first, then differences with their intervals.

Knows the mapping that :func:`analysis.tables.results.results` returns; knows nothing of events or statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.formats import DASH, bounds, comparisons, count, difference, number, p_value, percent, relative
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


def render(results: dict[str, Any]) -> list[RenderableType]:
    """Return what to print of ``results(events)``, or of ``table(events)``, in order."""
    from rich.text import Text

    alarms = [
        Text(f"Alarm: {alarm['text']}.", style="bold red" if alarm["stopped"] else "bold yellow")
        for alarm in results.get("alarms", ())
    ]
    if not results["arms"]:
        return [Text("Nothing was evaluated yet.", style="yellow"), *alarms]
    parts: list[RenderableType] = [_head(results), *flag_lines(results), *alarms]
    parts += [withheld_line(results)] if results["withheld"] else [_wins(results)]
    if results["validity"] and not results["withheld"]:
        parts.append(Text(results["validity"], style="dim"))
    if not results["withheld"] and len({row["voters"] for row in results.get("panels", ())}) > 1:
        parts.append(_panels(results["panels"]))
    if (moved := results.get("transfer")) and not results["withheld"]:
        parts += transfer_tables(moved)
    if (met := results.get("head_to_head")) and not results["withheld"]:
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
        parts += elsewhere_tables(elsewhere, withheld=bool(results["withheld"]))
    if answered := results.get("out_of_domain", {}).get("tasks"):
        parts += task_tables(answered)
    if (rivals := results.get("rivalry")) and not results["withheld"]:
        parts += rivalry_tables(rivals)
    if (trained := results.get("repeats")) and not results["withheld"]:
        parts += repeat_tables(trained)
    if compared := comparisons({arm: row["compared_with"] for arm, row in results["arms"].items()}):
        parts.append(Text(compared))
    if bases := results.get("bases"):
        parts.append(Text(_bases(results["model"], bases)))
    parts.append(Text(_caveats(results), style="dim"))
    if results["note"]:
        parts.append(Text(results["note"], style="bold yellow"))
    return parts


def flag_lines(results: dict[str, Any]) -> list[RenderableType]:
    """Return what speaks against the models, but for what :func:`withheld_line` says."""
    from rich.text import Text

    flags = [flag for flag in results["flags"] if flag != results["withheld"]]
    return [Text(f"Flagged: {flag}.", style="bold yellow") for flag in flags]


def withheld_line(results: dict[str, Any]) -> RenderableType:
    """Return what stands in the place of win rates that are evidence of nothing."""
    from rich.text import Text

    return Text(f"No win rates: {results['withheld']}. With --json the numbers are there, flagged.", style="bold red")


def _head(results: dict[str, Any]) -> RenderableType:
    from rich.text import Text

    first = next(iter(results["arms"].values()))
    return Text(
        f"\n{results['arena']}: each arm against base after epoch {results['epoch']}, on {first['contests']} held-out "
        f"anchors and {results['personas']} held-out personas ({results['audience']} audience, seed {results['seed']})",
        style="bold",
    )


def _wins(results: dict[str, Any]) -> Table:
    beyond = from_comparator(results["arms"].values())
    columns = ["arm", "win rate", "95 % CI", f"{beyond}, 95 % CI", "p", "votes", "ties", "forfeits", "words"]
    grid = new_table("Votes", columns)
    for arm, row in results["arms"].items():
        won, placebo, forfeits, words = (row[k] for k in ("win_rate", "against_placebo", "forfeits", "words"))
        rates = percent(won["value"]), bounds(won) or DASH, difference(placebo), p_value(placebo["p"])
        sides = f"{forfeits['base']} / {forfeits['trained']}", f"{number(words['base'])} → {number(words['after'])}"
        add_row(grid, arm, *rates, number(won["n"]), percent(row["tie_rate"]), *sides)
    return grid


def _bases(model: str, bases: dict[str, str]) -> str:
    """Return on which base models arms stand that do not stand on the run's."""
    told = "; ".join(f"{arm} on {base}" for arm, base in bases.items())
    return f"Each arm is set against its own base model: {told}; all others on {model}. Win rates against two models are not of one scale."


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
    grid = new_table("Position", ["options shown", "place", "chosen", "95 % CI", "without bias", "p", "votes"])
    for row in rows:
        chosen, fair = row["chosen"], percent(1 / row["options"])
        rates = percent(chosen["value"]), bounds(chosen) or DASH, fair, p_value(chosen["p"])
        add_row(grid, str(row["options"]), str(row["position"]), *rates, number(chosen["n"]))
    return grid


def _probes(title: str, rows: Sequence[Row]) -> Table:
    columns = ["probe", "arm", "base", "after", "difference, 95 % CI", "p (Holm)", "relative", "95 % CI", "n"]
    grid = new_table(title, columns)
    for probe, row in by_probe(grid, rows):
        rates = percent(row["base"]["value"]), percent(row["after"]["value"])
        changes = difference(row["difference"]), p_value(row["p_holm"])
        ratio = relative(row["relative"]), bounds(row["relative"], digits=0) or DASH
        add_row(grid, probe, row["arm"], *rates, *changes, *ratio, str(row["difference"]["n"]))
    return grid


def _controls(rows: Sequence[Row]) -> Table:
    columns = ["probe", "arm", "per 100 words", "after", f"{from_comparator(rows)}, 95 % CI", "p (Holm)", "n"]
    grid = new_table("Misbehaviour: controls", columns)
    for probe, row in by_probe(grid, rows):
        words = number(row["base_per_100"], 2), number(row["after_per_100"], 2)
        changes = difference(row["placebo"]), p_value(row["placebo_p_holm"])
        add_row(grid, probe, row["arm"], *words, *changes, str(row["placebo"]["n"] or DASH))
    return grid


def _reach(rows: Sequence[Row]) -> Table:
    columns = ["probe", "arm", "written", "seen", "amplified, 95 % CI", "p", "views"]
    grid = new_table("Reach: share of messages that misbehave", columns)
    for probe, row in by_probe(grid, rows):
        rates = percent(row["published"]["value"]), percent(row["seen"]["value"])
        changes = difference(row["amplified"]), p_value(row["amplified"]["p"])
        add_row(grid, probe, row["arm"], *rates, *changes, number(row["views"]))
    return grid


def _caveats(results: dict[str, Any]) -> str:
    """Return how small a difference could be seen, and what the figures do not show."""
    if results["withheld"]:
        return f"Invalid reactions: {percent(results['invalid_rate'])}. A rejected message loses its contest."
    networked = " Contests of one society share its ties, opinions and feeds: prefer intervals over seeds."
    detectable = max(row["win_rate"]["detectable"] or 0 for row in results["arms"].values())
    return (
        f"Invalid reactions: {percent(results['invalid_rate'])}. Win rates could show differences from 50 % of "
        f"{number(100 * detectable, 1)} points (80 % power). A rejected message loses its contest. Only the difference "
        f"from a placebo is the effect of competition.{networked if results.get('reach') else ''}"
    )
