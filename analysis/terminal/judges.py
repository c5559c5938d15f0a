"""What judges found, for the terminal: rates first, then controls, agreement and validation.

Knows the mapping that ``Probed.as_dict`` returns; knows nothing of events or statistics.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from analysis.judges.plan import Costs
from analysis.terminal.run import DASH, difference, new_table, p_value, percent, relative, safe

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

Row = dict[str, Any]

WIDEST = 12
"""Characters of a judge's name for which tables have room."""
SHOWN = 4
"""Reasons for want of a verdict that are told."""
POWERED = 2.80
"""Standard errors of the smallest difference that is found with power 0.8 in a two-sided test at 5 %."""


def render(found: dict[str, Any]) -> list[RenderableType]:
    """Return what to print, in order."""
    from rich.text import Text

    names = _names([judge["name"] for judge in found["judges"]])
    judges = ", ".join(short(name) if short(name) == shown else f"{shown} = {name}" for name, shown in names.items())
    parts: list[RenderableType] = [
        Text(
            f"\n{found['arena']}: battery {found['battery']}, {_what(found)}, judged by {judges}",
            style="bold",
        )
    ]
    if found["rates"]:
        parts += [_rates(found["rates"], names), _controls(found["rates"], names)]
    if found["validation"]:
        parts.append(_validation(found["validation"], names))
    if found["agreement"]:
        parts.append(_agreement(found["agreement"], names))
    if found["alphas"]:
        parts.append(_alphas(found["alphas"]))
    parts.append(Text(_reading(found), style="dim"))
    parts += [Text(note, style="bold yellow") for note in found["notes"]]
    return parts


def render_costs(found: list[Costs]) -> list[RenderableType]:
    """Return what a dry run prints."""
    grid = new_table(
        "Before any call", ["judge", "answered", "to ask", "with repeats, at most", "tokens read", "written, at most", "US$, at most"]
    )  # fmt: skip
    for each in found:
        usd = DASH if each.usd is None else f"{each.usd:,.2f}"
        grid.add_row(
            safe(each.judge), f"{each.answered:,}", f"{each.calls:,}", f"{2 * each.calls:,}",
            f"~{each.tokens_in:,}", f"{each.tokens_out:,}", usd,
        )  # fmt: skip
    return [grid]


def _names(judges: list[str]) -> dict[str, str]:
    """Return judge -> its name in tables: short, or J1, J2, ... where that is too long or names two."""
    shorts = [short(name) for name in judges]
    plain = len(set(shorts)) == len(shorts) and max(map(len, shorts)) <= WIDEST
    return {name: shorts[i] if plain else f"J{i + 1}" for i, name in enumerate(judges)}


def short(name: str) -> str:
    """Return a judge's name without its server or folder."""
    return name.rsplit("#", 1)[-1].rstrip("/").rsplit("/", 1)[-1]


def _what(found: dict[str, Any]) -> str:
    if found["validation"]:
        return f"{sum(row['labelled'] for row in found['validation']) // len(found['judges'])} labels"
    return f"{found['phase']} messages of epoch {found['epoch']}"


def _rates(rows: list[Row], names: dict[str, str]) -> Table:
    grid = new_table(
        "Misbehaviour, as judged",
        ["probe", "arm", "judge", "base", "after", "difference, 95 % CI", "p (Holm)", "relative", "n", "no verdict"],
    )
    for first, row in _by_probe(grid, rows):
        n = row["difference"]["n"] or row["after"]["n"]
        grid.add_row(
            first, safe(row["arm"]), safe(names[row["judge"]]), percent(row["base"]["value"]),
            percent(row["after"]["value"]), difference(row["difference"]), p_value(row["p_holm"]),
            relative(row["relative"]), str(n), _missing(row),
        )  # fmt: skip
    return grid


def _controls(rows: list[Row], names: dict[str, str]) -> Table:
    grid = new_table(
        "Controls",
        ["probe", "arm", "judge", "from placebo, 95 % CI", "p (Holm)", "equally long", "from placebo", "words"],
    )
    for first, row in _by_probe(grid, rows):
        grid.add_row(
            first, safe(row["arm"]), safe(names[row["judge"]]), difference(row["placebo"]),
            p_value(row["placebo_p_holm"]), difference(row["equal_length"]), difference(row["placebo_equal_length"]),
            f"{_whole(row['words_base'])} → {_whole(row['words_after'])}",
        )  # fmt: skip
    return grid


def _agreement(rows: list[Row], names: dict[str, str]) -> Table:
    grid = new_table("Agreement", ["probe", "raters", "n", "agree", "prevalence", "kappa", "95 % CI"])
    for first, row in _by_probe(grid, rows):
        found = row["found"]
        grid.add_row(
            first, safe(f"{names[row['first']]}, {names.get(row['second'], row['second'])}"), str(found["raw"]["n"]),
            percent(found["raw"]["value"]),
            f"{percent(found['first']['value'])}, {percent(found['second']['value'])}",
            _number(found["kappa"]["value"]), _bounds(found["kappa"]),
        )  # fmt: skip
    return grid


def _alphas(rows: list[Row]) -> Table:
    grid = new_table("All judges", ["probe", "judges", "n", "Krippendorff's alpha", "95 % CI"])
    for row in rows:
        grid.add_row(
            safe(row["probe"]), str(row["judges"]), str(row["alpha"]["n"]), _number(row["alpha"]["value"]),
            _bounds(row["alpha"]),
        )  # fmt: skip
    return grid


def _validation(rows: list[Row], names: dict[str, str]) -> Table:
    grid = new_table(
        "Against labels",
        ["probe", "judge", "n", "no verdict", "labelled 1", "precision", "95 % CI", "recall", "95 % CI", "F1", "kappa", "95 % CI"],
    )  # fmt: skip
    for first, row in _by_probe(grid, rows):
        grid.add_row(
            first, safe(names[row["judge"]]), str(row["labelled"]), str(row["unjudged"]), percent(row["prevalence"]),
            _number(row["precision"]["value"]), _bounds(row["precision"]), _number(row["recall"]["value"]),
            _bounds(row["recall"]), _number(row["f1"]["value"]), _number(row["kappa"]["value"]), _bounds(row["kappa"]),
        )  # fmt: skip
    return grid


def _by_probe(grid: Table, rows: list[Row]) -> Iterator[tuple[str, Row]]:
    """Yield each row with its probe's name, which stands in the probe's first row only."""
    previous = ""
    for row in sorted(rows, key=lambda row: row["probe"]):
        if previous and row["probe"] != previous:
            grid.add_section()
        yield ("" if row["probe"] == previous else safe(row["probe"])), row
        previous = row["probe"]


def _missing(row: Row) -> str:
    """Return the shares without a verdict, of the base's messages and of the arm's."""
    return f"{percent(row['unjudged_base'])} → {percent(row['unjudged_after'])}"


def _reasons(found: dict[str, Any]) -> str:
    """Return how often there is no verdict, and why."""
    reasons, missing = found["no_verdict"], sum(found["no_verdict"].values())
    if not missing:
        return "Every answer is a verdict."
    said = ", ".join(f"{why} ({count:,})" for why, count in list(reasons.items())[:SHOWN])
    return f"{missing:,} of {found['judged']:,} are without a verdict and in no rate: {said}{', …' if len(reasons) > SHOWN else ''}."


def _reading(found: dict[str, Any]) -> str:
    usd = "" if not found["usd"] else f", {found['usd']:.2f} US$"
    said = (
        f"{found['calls']:,} calls now; these verdicts rest on {found['calls_in_all']:,} answers, {found['tokens']:,} "
        f"tokens{usd}. {_reasons(found)}"
    )
    if found["rates"]:
        seen = max((row["difference"]["se"] or 0 for row in found["rates"]), default=0)
        said += f" Differences of {100 * POWERED * seen:.1f} points could be shown (80 % power)." if seen else ""
        said += (
            " Equally long: intercept of the paired differences on the difference in log words (HC3). Only the difference "
            "from placebo is the effect of competition."
        )
    return said


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:.2f}"


def _bounds(estimate: Row) -> str:
    low, high = estimate["low"], estimate["high"]
    return DASH if low is None or high is None else f"{low:.2f} .. {high:.2f}"


def _whole(value: float | None) -> str:
    return DASH if value is None else f"{value:.0f}"
