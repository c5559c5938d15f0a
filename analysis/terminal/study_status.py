"""How a study stands, in the terminal, in 80 columns. Knows mappings; knows nothing of logs. Shows no effects."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from analysis.formats import count, duration, short
from analysis.terminal.failures import what_to_do
from analysis.terminal.grid import add_row, new_table
from moloch.plain_text import near_paths

if TYPE_CHECKING:
    from rich.console import RenderableType

LISTED = 40
"""Cells that are all listed; of more, only those that are running or failed, unless all are asked for."""
NAME, DOING, MESSAGE = 30, 26, 400
"""Characters of a cell's name, of what it does, and of why it failed."""
STYLES = {
    "ended": "green",
    "reused": "green",
    "running": "bold",
    "failed": "bold red",
    "waiting": "dim",
    "stopped": "yellow",
    "missing": "bold red",
    "damaged": "bold red",
}
LOST = ("missing", "damaged")
"""States of cells that have ended, and cannot be read."""


def render_status(status: Mapping[str, Any], everything: bool = False) -> Iterator[RenderableType]:
    """Yield what to print of a study's status, in order.

    Args:
        status: as ``analysis.studies.record.status.StudyStatus.as_dict`` makes it.
        everything: list every cell.
    """
    from rich.text import Text

    yield Text(headline(status), style="bold")
    cells = status["cells"]
    shown = (
        cells
        if everything or len(cells) <= LISTED
        else [c for c in cells if c["state"] in ("running", "stopped", "failed", *LOST)]
    )
    if shown:
        grid = new_table("", ["cell", "state", "step", "doing", "left"])
        grid.columns[1].justify = grid.columns[3].justify = "left"
        for cell in shown:
            add_row(grid, *_cell(cell))
        yield grid
    if len(shown) < len(cells):
        yield Text(f"{count(len(cells) - len(shown), 'more cell')} not listed; --all lists them.", style="dim")
    for cell in cells:
        if cell["message"]:
            yield Text(_failure(cell), style=STYLES["failed"] if cell["state"] in ("failed", *LOST) else "yellow")
    yield from (Text(line) for line in _lost(status))
    failed = [cell["origin"] for cell in cells if cell["state"] == "failed"]
    yield from (Text(line) for line in what_to_do(failed, status["study"]))
    yield from (Text(line) for line in _lines(status))


def headline(status: Mapping[str, Any]) -> str:
    """Return how many cells are in which state, on one line."""
    states = ", ".join(f"{n:,} {state}" for state, n in status["states"].items())
    left = f"; {duration(status['eta_s'])} left of those running" if status["eta_s"] else ""
    return f"{status['name']}: {count(len(status['cells']), 'cell')}: {states}{left}"


def plain_lines(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> Iterator[str]:
    """Yield what changed between two looks, a line each, for where there is no terminal."""
    known = {cell["cell"]: (cell["state"], cell["attempts"]) for cell in before["cells"]} if before else {}
    for cell in now["cells"]:
        if before and (cell["state"], cell["attempts"]) != known.get(cell["cell"]):
            yield _failure(cell) if cell["message"] else f"{cell['cell']} {cell['state']}"
    if before is None or before["states"] != now["states"]:
        yield headline(now)


def _cell(cell: Mapping[str, Any]) -> list[str]:
    progress = cell["progress"]
    if cell["state"] == "ended":
        return [_name(cell), "ended", "", f"took {duration(cell['seconds'])}" if cell["seconds"] else "", ""]
    if not progress or not progress["total"]:
        return [_name(cell), cell["state"], "", short(_waiting(cell), DOING), ""]
    step = f"{progress['done']:,} of {progress['total']:,}"
    left = duration(cell["left_s"]) if cell["state"] == "running" else ""
    return [_name(cell), cell["state"], step, short(_waiting(cell) or progress["doing"], DOING), left]


def _waiting(cell: Mapping[str, Any]) -> str:
    """Return for what its calls wait, which comes before what it does; empty where they do not."""
    waiting = (cell["traffic"] or {}).get("waiting") or {}
    return f"waiting: {', '.join(f'{why} x{calls:,}' for why, calls in waiting.items())}" if waiting else ""


def _name(cell: Mapping[str, Any]) -> str:
    name = cell["cell"]
    return name if len(name) <= NAME else f"{name[: NAME - 10]}…{name[-9:]}"


def _failure(cell: Mapping[str, Any]) -> str:
    if cell["state"] in LOST:
        return f"{cell['cell']} is {cell['state']}: {short(near_paths(cell['message']), MESSAGE)}"
    if cell["origin"] == "interrupted" and cell["state"] == "stopped":
        return f"{cell['cell']} was stopped before its end; it resumes with the study."
    again = f", tried {cell['attempts']} times" if cell["attempts"] > 1 else ""
    trace = f" (traceback: {cell['traceback']})" if cell["traceback"] and cell["origin"] == "bug" else ""
    will = ". It will be tried again." if cell["state"] == "waiting" else ""
    return (
        f"{cell['cell']} failed{again} ({cell['origin']}): {short(near_paths(cell['message']), MESSAGE)}{trace}{will}"
    )


def _lost(status: Mapping[str, Any]) -> Iterator[str]:
    """Yield what cells that have ended and cannot be read mean, and how many logs nobody looked at."""
    verify = f"moloch log verify {shlex.quote(near_paths(status['study']))}"
    if lost := sum(status["states"].get(state, 0) for state in LOST):
        are = "is" if lost == 1 else "are"
        yield f"{count(lost, 'cell')} that ended cannot be read, and {are} left out of all numbers."
    if unseen := status["unseen"]:
        yield f"The logs of {count(unseen, 'cell')} were not looked at, for lack of time. All bytes: {verify}"


def _lines(status: Mapping[str, Any]) -> Iterator[str]:
    spent = status["spent"]
    if any(spent.values()):
        paid = f"${spent['usd']:,.2f}" if spent["usd"] else "price unknown"
        yield f"spent    {count(spent['calls'], 'call')}, {spent['tokens']:,} tokens, {paid}"
    if status["traffic_said"]:
        yield f"running  {status['traffic_said']}"
    slowest = next((cell for cell in status["cells"] if cell["cell"] == status["slowest"]), None)
    if slowest is not None:
        yield f"slowest  {slowest['cell']}: {duration(slowest['seconds'])}"
    if status["stopped"]:
        yield f"stopped  {status['stopped']}"
    if status["extensions"]:
        yield f"extended {count(status['extensions'], 'time')}"
    if status["looks"]:
        yield f"looks    {status['looks']} at effects before the end"
    if status["changed_said"]:
        yield f"changed  {status['changed_said']}; those that are left are not carried out with other data"
    yield f"folder   {status['study']}"
