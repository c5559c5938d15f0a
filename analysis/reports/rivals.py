"""The effect of rivalry in markets, in a report. Knows the rows of :mod:`analysis.tables.rivalry` and of a study's tidy frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analysis.answers import RowKey, levels_of
from analysis.answers.words import RIVALRY
from analysis.formats import DASH, difference, known, p_value, points
from analysis.reports.document import Block, Board, BoardLine, Datum
from analysis.reports.sources import contests_anchor

Row = Mapping[str, Any]
SIDES = {
    "learner": "rows",
    "market_twin": "market twin",
    "own_twin": "own twin",
    "solo": "alone",
    "solo_twin": "its twin",
}
"""Side of a learner -> the heading of what it learnt from."""


def rivalry_blocks(rows: Sequence[Row]) -> Iterator[Block]:
    """Yield a run's differences of every learner, and the rows that each side learnt from, by epoch; nothing without a market."""
    if not rows:
        return
    columns = ("learner", "outcome", "rivalry", "less market twin", "alone less its twin", "less own twin")
    yield Board("Rivalry, in points", columns, tuple(map(_effects, rows)), 2, RIVALRY, decisive=True)
    learners = {row["learner"]: row for row in rows}
    columns = ("learner", *SIDES.values(), "equal")
    note = "Rows by epoch; equal: as many rows in as many steps on all sides."
    yield Board("Rows learnt from", columns, tuple(map(_learnt, learners.values())), note=note)


def _effects(row: Row) -> BoardLine:
    learner, solo = (f"#{contests_anchor(arm)}" if arm else "" for arm in (row["learner"], row["between"]["solo"]))
    behind = {"rivalry": learner, "among_rivals": learner, "alone": solo, "own_picks": learner}
    said = {name: points({"value": row[name]}) for name in behind}
    cells = (Datum(text, behind[name] if text != DASH else "") for name, text in said.items())
    return BoardLine((Datum(row["learner"]), Datum(row["outcome"].replace("_", " ")), *cells))


def _learnt(row: Row) -> BoardLine:
    sides = (" + ".join(map(str, row["rows"].get(row["between"][side], ()))) or DASH for side in SIDES)
    return BoardLine(tuple(map(Datum, (row["learner"], *sides, "yes" if row["equal"] else "no"))))


def rivalry_boards(rows: Sequence[Row], by: Sequence[str]) -> Iterator[Board]:
    """Yield a study's effects of rivalry; nothing where no cell has a market with the same alone.

    Args:
        rows: of the tidy frame; ``by``: factors that split them.
    """
    effects = [row for row in rows if row["measure"] == "rivalry" and not row["withheld"]]
    if effects:
        note = (
            "Rivalry: (learner less market twin) less (the same alone), taken within each cell."
            f"{' Intervals hold 95 %.' if any(known(row['low']) for row in effects) else ''}"
        )
        columns = (*by, "learner", "outcome", "rivalry, points", "p", "p, corrected", "cells")
        lines = tuple(_effect_line(row, by) for row in effects)
        yield Board("Effect of rivalry", columns, lines, len(by) + 2, note, decisive=True)


def _effect_line(row: Row, by: Sequence[str]) -> BoardLine:
    levels, behind = dict(levels_of(row, by)), f"#{RowKey(row['arm'], row['outcome'], 'cells').anchor}"
    shown = {"value": row["estimate"], "low": row["low"], "high": row["high"], "se": row["se"]}
    said = difference(shown), p_value(row["p"]), p_value(row["p_adjusted"]), f"{row['cells']:,}"
    anchor = RowKey(row["arm"], row["outcome"], "rivalry", tuple(levels.items())).anchor
    labels = (*(levels.get(name, DASH) for name in by), row["arm"], row["outcome"].replace("_", " "))
    effect, *rest = (Datum(text, behind if text != DASH else "") for text in said)
    return BoardLine((*map(Datum, labels), Datum(effect.text, effect.href, anchor), *rest))
