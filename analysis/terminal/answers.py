"""Answers to a questionnaire, for the terminal. Knows rows of :mod:`analysis.tables.answers`; nothing of events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.formats import known, measured, percent, short
from analysis.statistics.estimates import plain
from analysis.terminal.grid import add_row, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from analysis.tables.answers import QuestionRow

TEXT, LABEL, WHEN = 72, 48, 22
"""Characters of an open answer, of an option's wording and of a column's head that a table shows."""


def render_answers(rows: Sequence[QuestionRow]) -> list[RenderableType]:
    """Return what to print, in order: a table per question, with a column for each moment and society."""
    from rich.text import Text

    parts: list[RenderableType] = []
    for question in dict.fromkeys((row.question, row.text) for row in rows):
        of_question = [row for row in rows if (row.question, row.text) == question]
        parts.append(Text(f"\n{question[0]}: {question[1]}", style="bold"))
        if of_question[0].kind == "open":
            parts += [Text(line) for row in of_question for line in _open(row)]
        else:
            parts.append(_closed(of_question))
    return parts


def _closed(rows: Sequence[QuestionRow]) -> RenderableType:
    grid = new_table("", ["", *(short(when(row), WHEN) for row in rows)])
    for i, option in enumerate(rows[0].options):
        add_row(grid, short(option.label, LABEL), *(percent(row.options[i].share.value) for row in rows))
    if rows[0].kind == "likert":
        add_row(grid, f"mean, 1 to {len(rows[0].options)}, 95 % CI", *(measured(plain(row.mean)) for row in rows))
    if any(known(row.first.value) for row in rows):
        add_row(grid, "the option shown first", *(percent(row.first.value) for row in rows))
        add_row(grid, "the same, if orders did not matter", *(percent(row.chance) for row in rows))
    add_row(grid, "asked", *(f"{row.asked:,}" for row in rows))
    add_row(grid, "invalid", *(f"{row.invalid:,}" for row in rows))
    return grid


def _open(row: QuestionRow) -> list[str]:
    head = f"{when(row)}: {row.asked:,} asked, {row.invalid:,} invalid"
    return [head, *(f"  {short(' '.join(each.split()), TEXT)}" for each in row.examples)]


def when(row: QuestionRow) -> str:
    """Return a moment and its society in a few words."""
    return f"{row.moment}, {row.arm}" if row.arm else row.moment
