"""``moloch personas``: look at a source of personas before a study uses it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from analysis.cli import options
from analysis.cli.console import printer

app = typer.Typer(name="personas", help="Look at personas before a study uses them.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Look at personas before a study uses them."""


@app.command()
def check(
    source: Annotated[str, typer.Argument(help="biographic, demographic, or a file: jsonl, json, csv, parquet.")],
    mapping: Annotated[Path | None, typer.Option(help="YAML that says what a survey's columns mean.")] = None,
    as_json: options.Json = False,
) -> None:
    """Show what a source holds: columns, rows that are no personas, duplicates, lengths, traits, and how prompts read."""
    from analysis.personas import check_personas

    found = check_personas(source, mapping)
    if as_json:
        print(json.dumps(found))
    else:
        _print(found)


def _print(found: dict[str, Any]) -> None:
    from analysis.render import new_table, safe

    console = printer()
    lines = [
        f"\n{found['source']}: {found['personas']:,} personas in {found['rows']:,} rows; "
        f"{found['duplicates']:,} repeat another, {found['not_personas']:,} are none",
        *(f"  {mistake}" for mistake in found["mistakes"]),
        f"columns  {', '.join(f'{name} ({n:,})' for name, n in found['columns'].items())}",
        f"unused   {', '.join(found['unused'])}" if found["unused"] else "",
        f"missing  {', '.join(found['missing'])}" if found["missing"] else "",
        *(
            f"{unit:8} {found[unit]['least']:.0f} to {found[unit]['most']:.0f} a persona, median {found[unit]['median']:.0f}"
            for unit in ("words", "tokens")
            if found[unit]
        ),
    ]
    for line in filter(None, lines):
        console.print(line, markup=False, highlight=False)
    grid = new_table("Traits of the choice model, -1 .. 1", ["trait", "mean", "sd"])
    for name, trait in found["traits"].items():
        grid.add_row(safe(name), f"{trait['mean']:+.2f}", f"{trait['sd']:.2f}")
    console.print(grid)
    for sample in found["samples"]:
        console.print(f"{sample['name']}\n  {sample['text']}\n", markup=False, highlight=False)
