"""A run in the terminal: the answer first, then few tables that fit 80 columns; all tables where they are asked for.

Knows the mapping that :func:`analysis.tables.results.results` returns; knows nothing of events or statistics.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from abm.probe import Kind
from analysis.answers import answer
from analysis.formats import comparator_name, comparisons, difference, known, number, percent, rate, relative
from analysis.statistics.estimates import of_plain
from analysis.terminal._answer import answer_lines
from analysis.terminal._run_details import detail_tables
from analysis.terminal.grid import Row, add_row, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


FOUND: dict[Kind, str] = {"strategy": "Misbehaviour", "copying": "Miscopying"}
"""What a probe of a kind finds."""


def render(results: dict[str, Any], *, full: bool = False) -> list[RenderableType]:
    """Return what to print of ``results(events)``, or of ``table(events)``, in order.

    Args:
        full: with all tables.
    """
    from rich.text import Text

    alarms = [
        Text(f"Alarm: {alarm['text']}.", style="bold red" if alarm["stopped"] else "bold yellow")
        for alarm in results.get("alarms", ())
    ]
    if not results["arms"]:
        return [Text("Nothing has been evaluated yet.", style="yellow"), *alarms]
    answered = [withheld_line(results)] if results["withheld"] else answer_lines(answer(results))
    parts: list[RenderableType] = [_head(results), *answered, *flag_lines(results), *alarms]
    if results["validity"] and not results["withheld"]:
        parts.append(Text(results["validity"], style="dim"))
    parts += [Text(""), *(detail_tables(results) if full else _decisive(results))]
    if compared := comparisons({arm: row["compared_with"] for arm, row in results["arms"].items()}):
        parts.append(Text(compared))
    parts += [Text(line, style="dim") for line in _caveats(results)]
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


def _decisive(results: dict[str, Any]) -> Iterator[RenderableType]:
    """Yield the tables that decide: votes and misbehaviour, each beyond the comparator first."""
    if not results["withheld"]:
        yield _votes(results)
    yield from probe_tables(results["probes"], "strategy")


def probe_tables(probes: Sequence[Row], kind: Kind) -> Iterator[Table]:
    """Yield a table per probe of a kind that judged something, by name."""
    judged = [row for row in probes if row["base"]["n"] and row["kind"] == kind]
    for probe in dict.fromkeys(sorted(row["probe"] for row in judged)):
        yield _probe_table(FOUND[kind], probe, [row for row in judged if row["probe"] == probe])


def _votes(results: dict[str, Any]) -> Table:
    columns = ["arm", _beyond(results["arms"].values()), "win rate over base", "forfeits left out", "votes"]
    grid = new_table("Votes", columns)
    for arm, row in results["arms"].items():
        won, without = row["win_rate"], row["without_forfeits"]
        rates = difference(row["against_placebo"]), rate(won), percent(without["value"]), number(won["n"])
        add_row(grid, arm, *rates)
    return grid


def _probe_table(found: str, probe: str, rows: Sequence[Row]) -> Table:
    columns = ["arm", _beyond(rows), "base", "after", "from base", "relative"]
    grid = new_table(f"{found}: {probe.replace('_', ' ')}, share of messages", columns)
    for row in rows:
        rates = percent(row["base"]["value"]), percent(row["after"]["value"])
        changes = difference(row["difference"]), relative(row["relative"])
        add_row(grid, row["arm"], difference(row["placebo"]), *rates, *changes)
    return grid


def _adds_up(row: Row) -> bool:
    """Whether a change from base is the difference of the two rates: not where some anchors have no message on one side."""
    base, after, change = (row[name]["value"] for name in ("base", "after", "difference"))
    return not all(map(known, (base, after, change))) or abs(after - base - change) < 5e-4


def _beyond(rows: Any) -> str:
    """Return the heading of the decisive column."""
    return f"beyond {comparator_name(row['compared_with'] for row in rows)}"


def _caveats(results: dict[str, Any]) -> Iterator[str]:
    """Yield what numbers mean, how small a difference could be seen, and what they do not show."""
    invalid = f"Invalid reactions: {percent(results['invalid_rate'])}. A rejected message loses its contest."
    if results["withheld"]:
        yield invalid
        return
    paired = "" if all(map(_adds_up, results["probes"])) else (
        " Changes are over the anchors with a message on both sides, so they need not be the difference of the rates beside them."
    )  # fmt: skip
    if results["one_society"]:
        yield f"Differences are in percentage points.{paired} {invalid}"
        return
    yield f"Differences are in percentage points; intervals hold 95 %.{paired}"
    least = max(row["win_rate"]["detectable"] or 0 for row in results["arms"].values())
    said = [f"{number(100 * least, 1)} points of a win rate from 50 %"]
    for probe in dict.fromkeys(row["probe"] for row in results["probes"] if row["kind"] == "strategy"):
        differences = (of_plain(row["placebo"]).detectable for row in results["probes"] if row["probe"] == probe)
        if found := [each for each in differences if known(each)]:
            said.append(f"{number(100 * max(found), 1)} of {probe.replace('_', ' ')} beyond the comparator")
    yield f"Minimum detectable difference (80 % power): {', '.join(said)}. {invalid}"
