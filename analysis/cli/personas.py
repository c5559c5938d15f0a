"""``moloch personas``: look at a source of personas before a study uses it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli import options
from analysis.cli.console import say_under, show
from moloch.extras import how_to_get

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

LABEL = 40
"""Characters of an attribute and of its value in the table."""
REASONS = 10
"""Reasons for which rows are refused that are printed."""

app = typer.Typer(name="personas", help="Look at personas before a study uses them.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Look at personas before a study uses them."""


@app.command()
def check(
    source: Annotated[
        str,
        typer.Argument(
            help="biographic, demographic, adults, or a file: jsonl, csv, parquet, xlsx, sav, dta, graphml, gexf, ..."
        ),
    ],
    mapping: Annotated[Path | None, typer.Option(help="YAML that says what a survey's columns mean.")] = None,
    as_json: options.Json = False,
) -> None:
    """Show what a source holds: columns, rows that are not personas, how attributes are distributed, and how prompts read."""
    from analysis.checks.personas import check_personas

    report = check_personas(source, mapping)
    if as_json:
        print(json.dumps(report))
    else:
        _print(report)


def _print(found: dict[str, Any]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    from analysis.formats import count, number, signed
    from analysis.terminal.grid import add_row, new_table

    def say(label: str, text: str) -> None:
        if text:
            say_under(f"{label:9} ", text)

    say("source", found["source"])
    say("personas", f"{found['personas']:,} in {found['rows']:,} rows; {count(found['duplicates'], 'duplicate row')}")
    say("refused", f"{found['not_personas']:,} of the rows" if found["not_personas"] else "")
    for line in _refused(found["reasons"], found["mistakes"]):
        say("", line)
    say("columns", ", ".join(f"{name} ({n:,})" for name, n in found["columns"].items()))
    say("unused", ", ".join(found["unused"]))
    say("missing", ", ".join(found["missing"]))
    say("split", ", ".join(f"{side} ({n:,})" for side, n in found["sides"].items()))
    say("weights", _weighting(found["weights"]))
    for unit in ("words", "tokens"):
        if (spread := found[unit]) is None:
            say(unit, f"not counted: {how_to_get('learn')}")
            continue
        say(unit, f"{spread['least']:.0f} to {spread['most']:.0f} a persona, median {spread['median']:.0f}")
    show([_attributes(found["attributes"])])
    grid = new_table("", ["trait", "mean", "sd"])
    for name, trait in found["traits"].items():
        add_row(grid, name, signed(trait["mean"], 2), number(trait["sd"], 2))
    show([grid])
    say("", _alike(found["traits"]))
    for sample in found["samples"]:
        show([Text(sample["name"]), Padding(Text(sample["text"]), (0, 0, 1, 2), expand=False)])


def _refused(reasons: dict[str, int], mistakes: list[str]) -> Iterator[str]:
    """Yield each reason with the number of its rows, the most frequent first; of one row alone, the row."""
    from analysis.formats import count

    listed = list(reasons.items())[:REASONS]
    for why, rows in listed:
        first = next((each for each in mistakes if each.endswith(why)), "")
        where = first.removesuffix(f": {why}") if first else ""
        yield f"{count(rows, 'row')}: {why}{f' (such as {where})' if where else ''}"
    if len(reasons) > len(listed):
        left = list(reasons.values())[REASONS:]
        yield f"{count(sum(left), 'row')} for {count(len(left), 'other reason')}; --json has them"
    if any("(for " in why and ("has no meaning" in why or " is missing" in why) for why in reasons):
        yield "In the mapping, values gives a code its meaning, other: TEXT all other codes, and missing: TEXT an empty cell."


def _alike(traits: dict[str, Any]) -> str:
    """Return that a choice model cannot part these people, where no trait differs between them."""
    if any(trait["sd"] for trait in traits.values()):
        return ""
    return (
        "No trait differs between these people: a choice model reacts to all of them alike. Traits come from the words of biography, "
        "and from attributes called age, education_level, urban_rural, income or mbti."
    )


def _attributes(attributes: dict[str, Any]) -> Table:
    """Return a table of values, how many people have each, their weighted share, and the population's where it is declared."""
    from analysis.formats import count, percent
    from analysis.terminal.grid import add_row, new_table

    margins = any(each["margin"] is not None for one in attributes.values() for each in one["values"])
    grid = new_table("", ["attribute", "value", "people", "share", *(["margin"] if margins else [])])
    for name, one in attributes.items():
        rows = [
            [str(each["value"]), f"{each['people']:,}", percent(each["share"]), percent(each["margin"])]
            for each in one["values"]
        ]
        more = one["different"] - sum(each["people"] > 0 for each in one["values"])
        if more and one["least"] is not None and one["values"][0]["margin"] is None:
            rows = [[f"{one['least']:,} to {one['most']:,}", f"{one['people']:,}", percent(1.0), ""]]
        elif more:
            rows.append([f"... {count(more, 'other value')}", "", "", ""])
        if one["lack"]:
            rows.append(["(none)", f"{one['lack']:,}", "", ""])
        for i, (value, *figures) in enumerate(rows):
            add_row(grid, "" if i else name[:LABEL], value[:LABEL], *figures[: 3 if margins else 2])
        grid.add_section()
    return grid


def _weighting(weights: dict[str, Any] | None) -> str:
    if weights is None or "error" in weights:
        return weights["error"] if weights else ""
    raked = f"raked on {', '.join(weights['raked_on'])}; " if weights["raked_on"] else ""
    return (
        f"{raked}{weights['smallest']:.2f} to {weights['largest']:.2f}, mean 1; "
        f"design effect {weights['design_effect']:.2f}, effective n {weights['effective_n']:.1f}"
    )
