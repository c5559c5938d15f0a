"""``moloch arena``: look at an arena before a study uses it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli import options
from analysis.cli.console import printer, stderr

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(name="arena", help="Look at an arena before a study uses it.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Look at an arena before a study uses it."""


@app.command()
def check(
    arena: Annotated[str, typer.Argument(metavar="FILE", help="An arena's YAML; or sales, elections, social.")],
    anchors: Annotated[
        str | None, typer.Option(help="Folder with train and test, or one table: csv, jsonl, parquet, xlsx, ...")
    ] = None,
    personas: options.Personas = None,
    mapping: Annotated[Path | None, typer.Option(help="YAML that says what a survey's columns mean.")] = None,
    extensions: options.Extensions = None,
    as_json: options.Json = False,
) -> None:
    """Show what is wrong with an arena, how each prompt reads with a real anchor, and which models can write in it.

    Exit code 1: it has mistakes.
    """
    with stderr().status("reading"):
        from analysis.checks.arenas import check_arena

        _load(extensions or ())
        found = check_arena(arena, anchors, personas, mapping)
    if as_json:
        print(json.dumps(found))
    else:
        _print(found)
    if found["mistakes"]:
        raise typer.Exit(1)


def _load(modules: Sequence[str]) -> None:
    """Import modules of the user's own, so that their probes are known."""
    from moloch import extensions

    extensions.load(modules)


def _print(found: dict[str, Any]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    from analysis.terminal.arena import arena_lines, prompt_lines

    console = printer()
    for line in arena_lines(found):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for heading, text in prompt_lines(found):
        console.print(f"\n{heading}", markup=False, highlight=False, style="bold")
        console.print(Padding(Text(text), (0, 0, 0, 2), expand=False))
