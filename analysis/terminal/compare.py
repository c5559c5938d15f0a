"""Two runs side by side for the terminal: their past, the decision where they part, settings and outcomes that differ.

Knows the comparison that :func:`analysis.tables.compare.compare` returns; computes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from analysis.formats import DASH, count, difference, number, rate, signed
from analysis.tables.compare import Comparison, MeasuredPair, Parting
from analysis.tables.retrained import Retrained
from analysis.terminal.grid import add_row, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

COLUMNS = ("measure", "arm", "A", "B", "B − A", "A: n", "B: n")


def render_comparison(compared: Comparison) -> Iterator[RenderableType]:
    """Yield what to print of a comparison, in order; lines that are not to be wrapped are strings."""
    from rich.text import Text

    if compared.same:
        yield f"{compared.a} and {compared.b} are one run."
        return
    if compared.identical:
        alike = f"digest {compared.digest}" if compared.digest else f"{compared.equal:,} decisions, all equal"
        yield f"{compared.a} and {compared.b} decided alike: {alike}"
        return
    yield from (f"A       {compared.a}", f"B       {compared.b}", *_past(compared), _decisions(compared))
    if compared.parting is not None:
        step = compared.parting.step
        yield f"\nThe first decision that differs, {f'in step {step}' if step >= 0 else 'before the first step'}:"
        yield _parting(compared.parting)
    if compared.settings:
        yield "\nSettings that differ:"
        yield _settings(compared)
    else:
        yield "\nThe settings are the same."
    if compared.retrained:
        yield "\nTrainings that differ (rows, steps, tokens that carry loss):"
        yield _trainings(compared.retrained)
    if compared.outcomes:
        yield ""
        yield _outcomes(compared.outcomes)
        yield from map(Text, (_paired(compared.outcomes), *_epochs(compared), *compared.notes))
    else:
        yield "\nNeither has been evaluated yet."


def _past(compared: Comparison) -> list[str]:
    shared = compared.shared
    return [] if shared is None else [f"shared  the first {count(shared.events, 'event')} of {shared.run}"]


def _decisions(compared: Comparison) -> str:
    equal = f"equal   {count(compared.equal, 'decision')} from the start, {count(compared.steps, 'step')} begun alike"
    if compared.ends:
        return f"{equal}; there {compared.ends.upper()} ends and the other continues"
    return equal + ("" if compared.parting else ": all there are")


def _parting(parting: Parting) -> Table:
    grid = _sides("")
    add_row(grid, "event", f"{parting.seq_a:,}", f"{parting.seq_b:,}")
    add_row(grid, "type", parting.type_a, parting.type_b)
    if parting.place_a or parting.place_b:
        add_row(grid, "of", parting.place_a, parting.place_b)
    for field in parting.fields:
        add_row(grid, field.field, field.left, field.right)
    return grid


def _settings(compared: Comparison) -> Table:
    grid = _sides("setting")
    for setting in compared.settings:
        add_row(grid, setting.field, setting.left, setting.right)
    return grid


def _sides(first: str) -> Table:
    """Return a table of texts of A and B, which are wrapped where they are long."""
    grid = new_table("", [first, "A", "B"])
    for column in grid.columns:
        column.justify, column.no_wrap, column.overflow = "left", False, "fold"
    return grid


def _outcomes(outcomes: list[MeasuredPair]) -> Table:
    grid = new_table("Outcomes, differences in points", COLUMNS, labels=2)
    before = ""
    for outcome in outcomes:
        if before and outcome.measure != before:
            grid.add_section()
        measure = "" if outcome.measure == before else outcome.measure
        if measure and outcome.kind == "copying":
            measure += " (miscopied)"
        sides = (outcome.a, outcome.b)
        sizes = (number(each["n"]) if each else DASH for each in sides)
        add_row(grid, measure, outcome.arm, *map(rate, sides), _change(outcome), *sizes)
        before = outcome.measure
    return grid


def _trainings(trainings: list[Retrained]) -> Table:
    grid = _sides("training")
    for each in trainings:
        sides = (
            (each.method_a, each.rows_a, each.steps_a, each.tokens_a),
            (each.method_b, each.rows_b, each.steps_b, each.tokens_b),
        )
        add_row(grid, f"{each.arm}, epoch {each.epoch}", *(_training(*side) for side in sides))
    return grid


def _training(method: str, *counts: int) -> str:
    return f"{method}: {', '.join(map(number, counts))}" if method else DASH


def _paired(outcomes: list[MeasuredPair]) -> str:
    """Return what the intervals of the outcomes are of."""
    if any(outcome.change for outcome in outcomes):
        return "B − A is of the same people and anchors; intervals hold 95 %. Each side is one training: no interval holds for new ones."
    return "The runs are not paired; each interval (95 %) is its own run's."


def _change(outcome: MeasuredPair) -> str:
    if outcome.change is not None:
        return difference(outcome.change)
    a, b = (estimate["value"] if estimate else None for estimate in (outcome.a, outcome.b))
    return DASH if a is None or b is None else signed(100 * (b - a))


def _epochs(compared: Comparison) -> list[str]:
    if len(set(compared.epochs)) == 1:
        return []
    a, b = (
        f"was evaluated after epoch {epoch}" if epoch else "has not been evaluated yet" for epoch in compared.epochs
    )
    return [f"A {a}, B {b}."]
