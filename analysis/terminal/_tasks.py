"""What arms answered to tasks, for the terminal. Knows :func:`analysis.tables._tasks.tasks`'s mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analysis.answers.words import task_words
from analysis.formats import difference, percent, rate
from analysis.terminal.grid import add_row, from_comparator, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType


def task_tables(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return the table of tasks and what its measures mean; where the model is not fit to be asked, why there is none."""
    from rich.text import Text

    if found["withheld"]:
        said = f"Out of domain: no findings of tasks. {found['model']} is not fit for them: {found['withheld']}."
        return [Text(f"{said} With --json the numbers are there, flagged.", style="bold red")]
    beyond = from_comparator(found["rows"])
    columns = [
        "tasks",
        "measure",
        "arm",
        f"{beyond}, 95 %",
        "base, 95 %",
        "after",
        "from base, 95 %",
        "n",
    ]
    grid = new_table("Out of domain: tasks", columns, labels=3)
    for row in found["rows"]:
        rates = rate(row["base"]), percent(row["after"]["value"])
        changes = difference(row["placebo"]), *rates, difference(row["difference"])
        add_row(grid, row["task_set"], row["measure"], row["arm"], *changes, str(row["after"]["n"]))
    said = task_words(row["measure"] for row in found["rows"])
    parts: list[RenderableType] = [grid, Text(said, style="dim")]
    if found["fitness"]["verdict"] == "doubtful":
        parts.append(
            Text(
                f"Flagged: it is doubtful whether {found['model']} is fit for these tasks: {found['fitness']['why']}.",
                style="bold yellow",
            )
        )
    return parts
