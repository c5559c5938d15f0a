"""``moloch compare``: two runs side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli import options
from analysis.cli.console import printer, stderr

if TYPE_CHECKING:
    from rich.table import Table

    from analysis.tables.compare import Comparison, Parting


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="A run's folder.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another's.")],
    as_json: options.Json = False,
) -> None:
    """Compare two runs: their settings, the first decision that differs, and what came out."""
    with stderr().status("comparing"):
        from analysis.tables.compare import compare as compare_runs

        found = compare_runs(a, b)
    if as_json:
        print(json.dumps(found.as_dict()))
        return
    console = printer()
    if found.same:
        _say(f"{a} and {b} are one run.")
        return
    if found.identical:
        digest = f"digest {found.digest}" if found.digest else f"{found.equal:,} decisions, all equal"
        _say(f"{a} and {b} decided alike: {digest}")
        return
    _say(f"A       {a}", f"B       {b}", *_past(found), *_decisions(found))
    if (parting := found.parting) is not None:
        where = f"in step {parting.step}" if parting.step >= 0 else "before the first step"
        _say(f"\nThe first decision that differs, {where}:")
        console.print(_parting(parting))
    if found.settings:
        _say("\nSettings that differ:")
        console.print(_settings(found))
    else:
        _say("\nThe settings are the same.")
    if found.outcomes:
        _say("\nOutcomes:")
        console.print(_outcomes(found))
        _say("The runs are not paired; each interval is its own run's.", *_epochs(found), *found.notes)
    else:
        _say("\nNeither was evaluated yet.")


def _say(*lines: str) -> None:
    console = printer()
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _past(found: Comparison) -> list[str]:
    return [] if found.shared is None else [f"shared  the first {found.shared.events:,} events of {found.shared.run}"]


def _decisions(found: Comparison) -> list[str]:
    equal = f"{found.equal:,} decision{'' if found.equal == 1 else 's'} from the start"
    steps = f"{found.steps} step{'' if found.steps == 1 else 's'} begun alike"
    if found.ends:
        return [f"equal   {equal}, {steps}; there {found.ends.upper()} ends and the other goes on"]
    return [f"equal   {equal}, {steps}" + ("" if found.parting else ": all there are")]


def _parting(parting: Parting) -> Table:
    from analysis.terminal.run import safe

    grid = _sides("")
    grid.add_row("event", f"{parting.seq_a:,}", f"{parting.seq_b:,}")
    grid.add_row("type", parting.type_a, parting.type_b)
    if parting.place_a or parting.place_b:
        grid.add_row("of", safe(parting.place_a), safe(parting.place_b))
    for field in parting.fields:
        grid.add_row(safe(field.field), safe(field.left), safe(field.right))
    return grid


def _settings(found: Comparison) -> Table:
    from analysis.terminal.run import safe

    grid = _sides("setting")
    for difference in found.settings:
        grid.add_row(*map(safe, (difference.field, difference.left, difference.right)))
    return grid


def _sides(first: str) -> Table:
    """Return a grid of texts of A and B, which are wrapped where they are long."""
    from analysis.terminal.run import new_table

    grid = new_table("", [first, "A", "B"])
    for column in grid.columns:
        column.justify, column.no_wrap, column.overflow = "left", False, "fold"
    return grid


def _outcomes(found: Comparison) -> Table:
    from analysis.terminal.run import DASH, interval, new_table, percent, safe

    def shown(estimate: dict[str, Any] | None) -> list[str]:
        return (
            [DASH] * 3 if estimate is None else [percent(estimate["value"]), interval(estimate), f"{estimate['n']:,}"]
        )

    grid = new_table("", ["measure", "arm", "A", "95 % CI", "n", "B", "95 % CI", "n", "B - A"])
    before = ""
    for outcome in found.outcomes:
        if before and outcome.measure != before:
            grid.add_section()
        was, now = (estimate["value"] if estimate else None for estimate in (outcome.a, outcome.b))
        change = DASH if was is None or now is None else f"{100 * (now - was):+.1f}"
        measure = "" if outcome.measure == before else outcome.measure
        if measure and outcome.kind == "copying":
            measure += " (copying)"
        grid.add_row(safe(measure), safe(outcome.arm), *shown(outcome.a), *shown(outcome.b), change)
        before = outcome.measure
    return grid


def _epochs(found: Comparison) -> list[str]:
    if len(set(found.epochs)) == 1:
        return []
    said = [f"was evaluated after epoch {epoch}" if epoch else "was not evaluated yet" for epoch in found.epochs]
    return [f"A {said[0]}, B {said[1]}."]
