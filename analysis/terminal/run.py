"""An evaluation table for the terminal: absolute rates first, then differences with their intervals.

Knows the mapping that :func:`analysis.tables.evaluation.table` returns; knows nothing of events or statistics.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from learning.runs.costs import RolePlan

DASH = "–"
SIZES = 6
"""Sizes of panels for which the table has room."""


def render(results: dict[str, Any]) -> list[RenderableType]:
    """Return what to print of ``table(events)``, in order."""
    from rich.text import Text

    if not results["arms"]:
        return [Text("Nothing was evaluated yet.", style="yellow")]
    parts: list[RenderableType] = [_head(results), _wins(results)]
    if len({row["voters"] for row in results.get("panels", ())}) > 1:
        parts.append(_panels(results["panels"]))
    if positions := results.get("positions"):
        parts.append(_positions(positions))
    judged = [row for row in results["probes"] if row["base"]["n"]]
    strategy = [row for row in judged if row["kind"] == "strategy"]
    copying = [row for row in judged if row["kind"] == "copying"]
    if strategy:
        parts += [_probes("Misbehaviour: strategy", strategy), _controls(strategy)]
    if copying:
        parts.append(_probes("Copying: failures of skill, not strategy", copying))
    if strategies := [row for row in results.get("reach", ()) if row["kind"] == "strategy"]:
        parts.append(_reach(strategies))
    parts.append(Text(_reading(results), style="dim"))
    if results["note"]:
        parts.append(Text(results["note"], style="bold yellow"))
    return parts


def _head(results: dict[str, Any]) -> RenderableType:
    from rich.text import Text

    first = next(iter(results["arms"].values()))
    return Text(
        f"\n{results['arena']}: each arm against base after epoch {results['epoch']}, on {first['contests']} held-out "
        f"anchors and {results['personas']} held-out personas ({results['audience']} audience, seed {results['seed']})",
        style="bold",
    )


def new_table(title: str, columns: Sequence[str]) -> Table:
    from rich import box
    from rich.table import Table

    grid = Table(
        title=title,
        title_justify="left",
        title_style="italic",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for i, column in enumerate(columns):
        grid.add_column(column, justify="left" if i == 0 else "right", no_wrap=True)
    return grid


def _wins(results: dict[str, Any]) -> Table:
    grid = new_table(
        "Votes",
        ["arm", "win rate", "95 % CI", "from placebo, 95 % CI", "p", "votes", "ties", "forfeits", "words"],
    )
    for arm, found in results["arms"].items():
        won, placebo, forfeits, words = (found[k] for k in ("win_rate", "against_placebo", "forfeits", "words"))
        grid.add_row(
            safe(arm), percent(won["value"]), interval(won), difference(placebo), p_value(placebo["p"]),
            f"{won['n']:,}",
            percent(found["tie_rate"]), f"{forfeits['base']} / {forfeits['trained']}",
            f"{_number(words['base'])} → {_number(words['after'])}",
        )  # fmt: skip
    return grid


def _panels(rows: list[dict[str, Any]]) -> Table:
    """Return an arm a line, and in the columns what panels of so many voters find; that of all voters tells nothing new."""
    sizes = sorted({row["voters"] for row in rows})[:-1][-SIZES:]
    grid = new_table(
        "Fewer voters: range of 95 % of panels' win rates, share of contests with the same winner",
        ["arm", *(f"{size:,} voter{'s' * (size > 1)}" for size in sizes)],
    )
    for arm in dict.fromkeys(row["arm"] for row in rows):
        mine = {row["voters"]: row for row in rows if row["arm"] == arm}
        grid.add_row(safe(arm), *(_panel(mine[size]) if size in mine else DASH for size in sizes))
    return grid


def _panel(row: dict[str, Any]) -> str:
    same = row["same_winner"]["value"]
    return f"{interval(row['win_rate'], digits=0)}, {DASH if same is None else f'{100 * same:.0f} %'}"


def _positions(rows: list[dict[str, Any]]) -> Table:
    grid = new_table("Position", ["options shown", "place", "chosen", "95 % CI", "without bias", "p", "votes"])
    for row in rows:
        chosen = row["chosen"]
        grid.add_row(
            str(row["options"]), str(row["position"]), percent(chosen["value"]), interval(chosen),
            percent(1 / row["options"]), p_value(chosen["p"]), f"{chosen['n']:,}",
        )  # fmt: skip
    return grid


def _probes(title: str, rows: list[dict[str, Any]]) -> Table:
    grid = new_table(
        title, ["probe", "arm", "base", "after", "difference, 95 % CI", "p (Holm)", "relative", "95 % CI", "n"]
    )
    for first, row in by_probe(grid, rows):
        change = row["relative"]
        grid.add_row(
            first, safe(row["arm"]), percent(row["base"]["value"]), percent(row["after"]["value"]),
            difference(row["difference"]), p_value(row["p_holm"]), relative(change), interval(change, digits=0),
            str(row["difference"]["n"]),
        )  # fmt: skip
    return grid


def _controls(rows: list[dict[str, Any]]) -> Table:
    grid = new_table(
        "Misbehaviour: controls",
        ["probe", "arm", "per 100 words", "after", "from placebo, 95 % CI", "p (Holm)", "n"],
    )
    for first, row in by_probe(grid, rows):
        grid.add_row(
            first, safe(row["arm"]), _number(row["base_per_100"], 2), _number(row["after_per_100"], 2),
            difference(row["placebo"]), p_value(row["placebo_p_holm"]), str(row["placebo"]["n"] or DASH),
        )  # fmt: skip
    return grid


def _reach(rows: list[dict[str, Any]]) -> Table:
    grid = new_table(
        "Reach: share of messages that misbehave",
        ["probe", "arm", "written", "seen", "amplified, 95 % CI", "p", "views"],
    )
    for first, row in by_probe(grid, rows):
        grid.add_row(
            first, safe(row["arm"]), percent(row["published"]["value"]), percent(row["seen"]["value"]),
            difference(row["amplified"]), p_value(row["amplified"]["p"]), f"{row['views']:,}",
        )  # fmt: skip
    return grid


def by_probe(grid: Table, rows: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each row with its probe's name, which stands in the probe's first row only; arms keep their order."""
    previous = ""
    for row in sorted(rows, key=lambda row: row["probe"]):
        if previous and row["probe"] != previous:
            grid.add_section()
        yield ("" if row["probe"] == previous else safe(row["probe"])), row
        previous = row["probe"]


def _reading(results: dict[str, Any]) -> str:
    world = (
        " Contests of one society share its ties, opinions and feeds: prefer intervals over seeds."
        if results.get("reach")
        else ""
    )
    seen = max(found["win_rate"]["detectable"] or 0 for found in results["arms"].values())
    return (
        f"Invalid reactions: {percent(results['invalid_rate'])}. Win rates could show differences from 50 % of {100 * seen:.1f} points "
        "(80 % power). A rejected message loses its contest. Only the difference from placebo is the effect of "
        f"competition.{world}"
    )


def render_plan(roles: Sequence[RolePlan]) -> list[RenderableType]:
    """Return what to print of a plan of calls."""
    from rich.text import Text

    grid = new_table(
        "Plan",
        ["role", "model", "to ask", "answered", "tokens in", "tokens out", "at most", "USD", "at most", "minutes"],
    )
    for role in roles:
        grid.add_row(
            role.role, safe(role.model.rsplit("#", 1)[-1].rstrip("/").rsplit("/", 1)[-1]), f"{role.calls - role.answered:,}",
            f"{role.answered:,}", f"{role.tokens_in:,}", f"{role.tokens_out:,}", f"{role.most_out:,}", f"{role.usd:,.2f}",
            f"{role.most_usd:,.2f}", DASH if role.minutes is None else f"{role.minutes:,.1f}",
        )  # fmt: skip
    places = "; ".join(f"{role.role}: {role.model}, {role.place}" for role in roles)
    why = (
        "Tokens, money and minutes are of the calls to come. Prompts are counted as one token for four bytes; completions as "
        "those that the run's log holds, else 250 tokens; invalid reactions are asked for once more on top."
    )
    missing = any(role.minutes is None for role in roles)
    how = " Minutes need a speed: `moloch llm check` measures it, serving.tokens_per_s or serving.server.tokens_per_s takes it."
    return [grid, Text(places), Text(why + how * missing, style="dim")]


def percent(value: float | None) -> str:
    """Return a share as per cent, or a dash."""
    return DASH if value is None else f"{100 * value:.1f} %"


def interval(estimate: dict[str, Any], digits: int = 1) -> str:
    """Return an interval of shares in per cent, or a dash."""
    low, high = estimate["low"], estimate["high"]
    return DASH if low is None or high is None else f"{100 * low:.{digits}f} .. {100 * high:.{digits}f}"


def difference(estimate: dict[str, Any]) -> str:
    """Return a difference of shares in percentage points with its interval, or a dash."""
    if estimate["value"] is None:
        return DASH
    low, high = estimate["low"], estimate["high"]
    bounds = "" if low is None or high is None else f" [{100 * low:+.1f}, {100 * high:+.1f}]"
    return safe(f"{100 * estimate['value']:+.1f}{bounds}")


def relative(estimate: dict[str, Any]) -> str:
    """Return a relative change in per cent, or a dash where the base rate is zero."""
    return DASH if estimate["value"] is None else f"{100 * estimate['value']:+.0f} %"


def p_value(p: float | None) -> str:
    """Return a p-value to three decimals, or a dash."""
    return DASH if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"


def _number(value: float | None, digits: int = 0) -> str:
    return DASH if value is None else f"{value:.{digits}f}"


def safe(text: str) -> str:
    from rich.markup import escape

    return escape(text)
