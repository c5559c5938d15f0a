"""How personas agree with people, for the terminal. Knows rows of :mod:`analysis.calibration`; nothing of events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.formats import measured, number
from analysis.statistics.estimates import plain
from analysis.terminal.grid import add_row, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from analysis.calibration import CalibrationRow


def render_calibration(rows: Sequence[CalibrationRow]) -> list[RenderableType]:
    """Return what to print, in order: answers, then votes, and what the measures mean."""
    from rich.text import Text

    from analysis.calibration import MEASURES

    parts: list[RenderableType] = []
    tables: dict[str, list[CalibrationRow]] = {}
    for row in rows:
        when = f"{row.moment}, {row.arm}, {row.phase} epoch {row.epoch}" if row.arm else row.moment
        title = f"{row.question}, {when}; {row.model} answers" if row.of == "answers" else f"votes; {row.model} votes"
        tables.setdefault(title, []).append(row)
    parts += [_table(some, title, answers=some[0].of == "answers") for title, some in tables.items()]
    used = [name for name in MEASURES if any(row.measure == name for row in rows)]
    parts += [Text(f"{name}: {MEASURES[name]}", style="dim") for name in used]
    if any(row.measure == "agreement" for row in rows):
        said = (
            "ceiling: what two samples of these sizes of such people would reach; chance: what personas that answer "
            "at random would reach"
        )
        parts.append(Text(said, style="dim"))
    return parts


def _table(rows: Sequence[CalibrationRow], title: str, *, answers: bool) -> RenderableType:
    tail = ["ceiling", "chance"] if answers else []
    invalid = ["invalid"] if answers else []
    columns = ["group", "measure", "value, 95 % CI", *tail, "people", "personas", *invalid]
    grid = new_table(title, columns)
    for row in rows:
        group = f"{row.by} {row.group}".strip()
        bounds = (number(plain(row.ceiling), 2), number(plain(row.chance), 2)) if answers else ()
        sizes = (f"{row.people:,}", f"{row.personas:,}", *((f"{row.invalid:,}",) if answers else ()))
        add_row(grid, group, row.measure, measured(plain(row.estimate)), *bounds, *sizes)
    return grid
