"""Samples for labelling, and what labels say, for the terminal. Knows the mappings; knows nothing of events or statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analysis.formats import bounds, count, difference, measured, number, percent, points_bounds, rate, short
from analysis.terminal.grid import Row, add_row, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

FOUND = {1: "found something", 0: "found nothing"}
WIDEST = 24
"""Characters of a writer's name."""
HOW = (
    "Common correction: the probe errs alike in all arms (Rogan-Gladen; arms share the error of what was labelled). Own correction: "
    "each arm's errors are its own. Prediction-powered: nothing is assumed of the probe. Intervals are 95 %, for {scope}, clustered on "
    "{over}; those of the bootstrap for these adapters, over anchors."
)


def render_strata(told: dict[str, Any]) -> list[RenderableType]:
    """Return what was drawn."""
    from rich.text import Text

    head = f"\n{told['probe']}: {count(told['messages'], 'message')} of {count(told['runs'], 'run')} to label"
    grid = new_table("Strata", ["writer", "the probe", "there", "drawn", "chance"])
    for row in sorted(told["strata"], key=lambda row: (row["writer"], -row["found"])):
        chance = percent(row["drawn"] / row["there"] if row["there"] else None)
        add_row(
            grid, short(row["writer"], WIDEST), FOUND[row["found"]], number(row["there"]), number(row["drawn"]), chance
        )
    again = (
        [Text("Drawn before: the same messages again; sheets with labels stay as they are.")] if told["again"] else []
    )
    return [Text(head, style="bold"), grid, *again]


def render_score(told: dict[str, Any]) -> list[RenderableType]:
    """Return what labels say: raw numbers and corrected ones, the probe's errors, tipping points, agreement."""
    from rich.text import Text

    counts = told["counts"]
    head = (
        f"\n{told['probe']}, found by {told['rater']}: {number(counts['labelled'])} of {number(counts['messages'])} messages are "
        f"labelled"
    )
    parts: list[RenderableType] = [Text(head, style="bold"), _rates(told["rows"]), _differences(told["rows"])]
    parts += [_errors(told["errors"])]
    refused = dict.fromkeys(f"{row['method']}: {row['refused']}" for row in told["rows"] if row["refused"])
    parts += [Text(f"No {each}.") for each in refused]
    parts += [Text(tipping_words(row)) for row in told["tipping"] if round(row["effect"], 4)]
    if told["agreement"]:
        parts.append(_agreement(told["agreement"]))
    parts.append(Text(correction_words(told), style="dim"))
    parts += [Text(each, style="dim") for each in left_out_words(counts)]
    return parts + [Text(note, style="bold yellow") for note in told["notes"]]


def _rates(rows: list[Row]) -> Table:
    grid = new_table("Share of messages", ["writer", "method", "share, 95 % CI", "bootstrap"])
    for row in rows:
        if row["measure"] == "rate":
            shown = rate(row["estimate"]), bounds(row["bootstrap"])
            add_row(grid, _first(row, short(row["writer"], WIDEST)), row["method"], *shown)
    return grid


def _differences(rows: list[Row]) -> Table:
    grid = new_table("Differences, in points", ["writer", "method", "difference, 95 % CI", "bootstrap"])
    for row in rows:
        if row["measure"] != "rate":
            name = f"{short(row['writer'], WIDEST)} less {short(row['compared_with'], WIDEST)}"
            add_row(
                grid, _first(row, name), row["method"], difference(row["estimate"]), points_bounds(row["bootstrap"])
            )
    return grid


def _first(row: Row, name: str) -> str:
    return name if row["method"] == "raw" else ""


def _errors(rows: list[Row]) -> Table:
    columns = ["labelled yes", "no", "sensitivity, 95 % CI", "specificity, 95 % CI"]
    grid = new_table("How the probe errs, by labels", ["messages of", *columns])
    for row in rows:
        shares = rate(row["sensitivity"]), rate(row["specificity"])
        add_row(grid, short(row["writer"], WIDEST), number(row["positives"]), number(row["negatives"]), *shares)
    return grid


def correction_words(told: Mapping[str, Any]) -> str:
    """Return what each correction assumes, and what its intervals speak of."""
    return HOW.format(scope=told["scope"], over=" and ".join(told["over"]))


def tipping_words(row: Row) -> str:
    """Return the sentence that a tipping point amounts to."""
    ways = [
        f"its {name} were {percent(row[name])} ({100 * row[f'{name}_shift']:+.1f} points)".replace("-", "−")
        for name in ("sensitivity", "specificity")
        if row[name] is not None
    ]
    arms = f"{short(row['writer'], WIDEST)} less {short(row['compared_with'], WIDEST)}"
    if not ways:
        return f"{arms}: errors of the probe on one arm's messages alone cannot cancel the difference."
    return f"{arms}: the difference is 0 if on {short(row['writer'], WIDEST)}'s messages {', or '.join(ways)}, and otherwise as in all arms."


def _agreement(rows: list[Row]) -> Table:
    grid = new_table("Labellers", ["two", "n", "agree", "yes", "kappa, 95 % CI"])
    for row in rows:
        yes = f"{percent(row['first']['value'])}, {percent(row['second']['value'])}"
        shown = number(row["raw"]["n"]), percent(row["raw"]["value"]), yes, measured(row["kappa"])
        add_row(grid, f"{short(row['first_name'], 16)}, {short(row['second_name'], 16)}", *shown)
    return grid


def left_out_words(counts: Mapping[str, int]) -> list[str]:
    """Return which messages are in no rate, and why."""
    said = {
        "unknown": "messages in which the probe could not tell are in no rate",
        "unsure": "messages that people were unsure about are left out, as if they had not been drawn",
        "waiting": "drawn messages have no label yet",
        "left_out": "runs are left out because nothing was drawn from them",
    }
    return [f"{number(counts[name])} {text}." for name, text in said.items() if counts[name]]
