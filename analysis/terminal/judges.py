"""What judges found, for the terminal: rates first, then controls, agreement and validation.

Knows the mapping that ``Probed.as_dict`` returns; knows nothing of events or statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.formats import (
    comparisons,
    difference,
    measured,
    model_name,
    number,
    p_value,
    percent,
    relative,
)
from analysis.terminal.grid import Row, add_row, by_probe, from_comparator, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from analysis.judges import Costs

WIDEST = 12
"""Characters of a judge's name for which tables have room."""
REASONS = 4
"""Reasons for a missing verdict that are listed."""


def render(probed: dict[str, Any]) -> list[RenderableType]:
    """Return what to print, in order."""
    from rich.text import Text

    names = _names([judge["name"] for judge in probed["judges"]])
    judges = ", ".join(shown if model_name(name) == shown else f"{shown} = {name}" for name, shown in names.items())
    head = f"\n{probed['arena']}: battery {probed['battery']}, {_judged(probed)}, judged by {judges}"
    parts: list[RenderableType] = [Text(head, style="bold")]
    if probed["rates"]:
        parts += [rate_table(probed["rates"], names), _controls(probed["rates"], names)]
        if compared := comparisons({row["arm"]: row["compared_with"] for row in probed["rates"]}):
            parts.append(Text(compared))
    if probed["validation"]:
        parts.append(_validation(probed["validation"], names))
    if probed["agreement"]:
        parts.append(_agreement(probed["agreement"], names))
    if probed["alphas"]:
        parts.append(_alphas(probed["alphas"]))
    parts.append(Text(_caveats(probed), style="dim"))
    parts += [Text(note, style="bold yellow") for note in probed["notes"]]
    return parts


def render_costs(costs: Sequence[Costs]) -> list[RenderableType]:
    """Return what a dry run prints."""
    at_most = ["with repeats, at most", "tokens read", "written, at most", "US$, at most"]
    grid = new_table("Before any call", ["judge", "answered", "to ask", *at_most])
    for judge in costs:
        calls = number(judge.answered), number(judge.calls), number(2 * judge.calls)
        tokens = f"~{number(judge.tokens_in)}", number(judge.tokens_out)
        add_row(grid, judge.judge, *calls, *tokens, number(judge.usd, 2))
    return [grid]


def _names(judges: list[str]) -> dict[str, str]:
    """Return judge -> its name in tables: short, or J1, J2, ... where that is too long or names two."""
    shorts = [model_name(name) for name in judges]
    plain = len(set(shorts)) == len(shorts) and max(map(len, shorts)) <= WIDEST
    return {name: shorts[i] if plain else f"J{i + 1}" for i, name in enumerate(judges)}


def _judged(probed: dict[str, Any]) -> str:
    if probed["validation"]:
        return f"{sum(row['labelled'] for row in probed['validation']) // len(probed['judges'])} labels"
    return f"{probed['phase']} messages of epoch {probed['epoch']}"


def rate_table(rows: Sequence[Row], names: dict[str, str]) -> Table:
    columns = ["base", "after", "difference, 95 % CI", "p (Holm)", "relative", "n", "no verdict"]
    grid = new_table("Misbehaviour, as judged", ["probe", "arm", "judge", *columns])
    for probe, row in by_probe(grid, rows):
        n = row["difference"]["n"] or row["after"]["n"]
        shares = percent(row["base"]["value"]), percent(row["after"]["value"])
        changes = difference(row["difference"]), p_value(row["p_holm"]), relative(row["relative"])
        unjudged = f"{percent(row['unjudged_base'])} → {percent(row['unjudged_after'])}"
        add_row(grid, probe, row["arm"], names[row["judge"]], *shares, *changes, str(n), unjudged)
    return grid


def _controls(rows: Sequence[Row], names: dict[str, str]) -> Table:
    beyond = from_comparator(rows)
    columns = [f"{beyond}, 95 % CI", "equally long", beyond, "words"]
    grid = new_table("Controls", ["probe", "arm", "judge", *columns])
    for probe, row in by_probe(grid, rows):
        equal = difference(row["equal_length"]), difference(row["placebo_equal_length"])
        words = f"{number(row['words_base'])} → {number(row['words_after'])}"
        add_row(grid, probe, row["arm"], names[row["judge"]], difference(row["placebo"]), *equal, words)
    return grid


def _agreement(rows: Sequence[Row], names: dict[str, str]) -> Table:
    grid = new_table("Agreement", ["probe", "raters", "n", "agree", "prevalence", "kappa, 95 % CI"])
    for probe, row in by_probe(grid, rows):
        pair = row["found"]
        raters = f"{names[row['first']]}, {names.get(row['second'], row['second'])}"
        prevalence = f"{percent(pair['first']['value'])}, {percent(pair['second']['value'])}"
        add_row(
            grid,
            probe,
            raters,
            str(pair["raw"]["n"]),
            percent(pair["raw"]["value"]),
            prevalence,
            measured(pair["kappa"]),
        )
    return grid


def _alphas(rows: Sequence[Row]) -> Table:
    grid = new_table("All judges", ["probe", "judges", "n", "Krippendorff's alpha, 95 % CI"])
    for row in rows:
        add_row(grid, row["probe"], str(row["judges"]), str(row["alpha"]["n"]), measured(row["alpha"]))
    return grid


def _validation(rows: Sequence[Row], names: dict[str, str]) -> Table:
    scores = ["precision, 95 % CI", "recall, 95 % CI", "F1", "kappa, 95 % CI"]
    grid = new_table("Against labels", ["probe", "judge", "n", "no verdict", "labelled 1", *scores])
    for probe, row in by_probe(grid, rows):
        labels = str(row["labelled"]), str(row["unjudged"]), percent(row["prevalence"])
        scores = measured(row["precision"]), measured(row["recall"]), number(row["f1"]["value"], 2)
        add_row(grid, probe, names[row["judge"]], *labels, *scores, measured(row["kappa"]))
    return grid


def _reasons(probed: dict[str, Any]) -> str:
    """Return how often there is no verdict, and why."""
    reasons, missing = probed["no_verdict"], sum(probed["no_verdict"].values())
    if not missing:
        return "Every answer is a verdict."
    listed = ", ".join(f"{why} ({times:,})" for why, times in list(reasons.items())[:REASONS])
    more = ", …" if len(reasons) > REASONS else ""
    return f"{missing:,} of {probed['judged']:,} are without a verdict and in no rate: {listed}{more}."


def _caveats(probed: dict[str, Any]) -> str:
    usd = "" if not probed["usd"] else f", {probed['usd']:.2f} US$"
    text = (
        f"{probed['calls']:,} calls now; these verdicts rest on {probed['calls_in_all']:,} answers, {probed['tokens']:,} "
        f"tokens{usd}. {_reasons(probed)}"
    )
    if not probed["rates"]:
        return text
    if probed["detectable"]:
        text += f" Differences of {number(100 * probed['detectable'], 1)} points could be shown (80 % power)."
    return text + (
        " Equally long: intercept of the paired differences on the difference in log words (HC3). Only the difference "
        "from a placebo is the effect of competition."
    )
