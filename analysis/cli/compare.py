"""``moloch compare``: two runs side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from analysis.cli import options
from analysis.cli.console import printer, stderr


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="A run's folder.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another run's folder.")],
    as_json: options.Json = False,
) -> None:
    """Compare two runs: their settings, the first decision that differs, and their outcomes."""
    with stderr().status("comparing"):
        from analysis.tables.compare import compare as compare_runs

        comparison = compare_runs(a, b)
    if as_json:
        print(json.dumps(comparison.as_dict()))
        return
    from analysis.terminal.compare import render_comparison

    console = printer()
    for part in render_comparison(comparison):
        if isinstance(part, str):
            console.print(part, markup=False, highlight=False, soft_wrap=True)
        else:
            console.print(part)
