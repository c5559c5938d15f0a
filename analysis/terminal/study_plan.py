"""The plan of a study in the terminal. Knows mappings; knows nothing of pages and logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.formats import DASH, count, number
from analysis.terminal.grid import add_row, new_table
from analysis.terminal.plan import NOTE
from analysis.terminal.power import detectable_lines
from analysis.terminal.study import absent_lines

if TYPE_CHECKING:
    from rich.console import RenderableType

    from learning.runs.costs import RolePlan

REUSED = 3
"""Reused runs that are named."""


def render_study_plan(
    plan: Mapping[str, Any], roles: Sequence[RolePlan], pools: Sequence[str]
) -> Iterator[RenderableType]:
    """Yield what to print of a plan, in order.

    Args:
        plan: as ``analysis.studies.designs.plan.PlannedStudy.as_dict`` makes it.
        pools: sentences about anchors and people, and about which people intervals can speak.
    """
    from rich.text import Text

    states = ", ".join(f"{n:,} {state}" for state, n in plan["states"].items())
    yield Text(f"{plan['name']}: {count(len(plan['cells']), 'cell')} ({states})", style="bold")
    yield from (Text(line, style="yellow") for line in absent_lines({"missing": [], "impossible": plan["impossible"]}))
    reused = [cell for cell in plan["cells"] if cell["run"]]
    yield from (Text(f"Reused: {cell['run']} is {cell['cell']}") for cell in reused[:REUSED])
    if len(reused) > REUSED:
        yield Text(f"and {len(reused) - REUSED:,} more; --json lists them")
    if plan["not_looked_up"]:
        said = f"{count(plan['not_looked_up'], 'new cell')} {'was' if plan['not_looked_up'] == 1 else 'were'} not compared with finished runs."
        yield Text(said, style="yellow")
    if roles:
        grid = new_table("Calls to come", ["role", "model", "calls", "tokens in", "tokens out", "USD", "most USD"])
        for role in roles:
            calls = number(role.calls), number(role.tokens_in), number(role.tokens_out)
            add_row(grid, role.role, role.model, *calls, number(role.usd, 2), number(role.most_usd, 2))
        yield grid
    yield Text("\n".join(_lines(plan)))
    yield Text("\n" + "\n".join(pools))
    if (left := plan["combinations"] - plan["combinations_read"]) > 0:
        said = f"Calls: {plan['combinations_read']:,} of {plan['combinations']:,} combinations were counted"
        yield Text(f"{said}; the other {left:,} are assumed to be like their mean.", style="yellow")
    yield Text(f"\n{NOTE}", style="dim")


def _lines(plan: Mapping[str, Any]) -> Iterator[str]:
    hours, jobs = plan["hours"], plan["jobs"]
    if hours is None:
        yield f"hours       {DASH} (no cell has ended yet; the first one tells how long they take)"
    else:
        yield f"hours       {number(hours, 2)} on this machine, {number(plan['hours_with_jobs'], 2)} with --jobs {jobs}"
    for name, limit in plan["stop"].items():
        yield f"stops at    {name} {limit:g}"
    for line in detectable_lines(plan["detectable"]):
        yield f"power       {line}"
    yield f"folder      {plan['study']}"
