"""Tables of a study's report: estimates by levels and arm, each number with a link to the cells behind it, and those cells.

Knows rows of the tidy frame and values of cells; knows nothing of logs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from analysis.answers import RowKey, levels_of
from analysis.formats import DASH, comparator_name, difference, known, number, p_value, percent, rate
from analysis.reports.document import Board, BoardLine, Datum
from analysis.reports.sources import cell_anchor
from analysis.studies.values.estimates import CellValues
from analysis.tables.conventions import WIN_RATE
from analysis.tables.pooled import Measured

Row = Mapping[str, Any]
MEASURES = {
    "rate": "win rate",
    "base": "base",
    "after": "after",
    "from_base": "from base",
    "from_comparator": "beyond comparator",
    "rivalry": "effect of rivalry",
}
"""Measures of a cell's own tables, as columns name them."""


def cells_anchor(arm: str, outcome: str) -> str:
    """Return the id of the table with an arm's values in each cell."""
    return RowKey(arm, outcome, "cells").anchor


def outcome_boards(rows: Sequence[Row], by: Sequence[str]) -> Iterator[Board]:
    """Yield a table for each outcome: votes, misbehaviour, failures of skill."""
    for kind, title in {"votes": "Votes", "strategy": "Misbehaviour", "copying": "Failure of skill"}.items():
        of_kind = [row for row in rows if row["kind"] == kind]
        for outcome in dict.fromkeys(row["outcome"] for row in of_kind):
            named = title if outcome == WIN_RATE else f"{title}: {outcome.replace('_', ' ')}"
            yield _outcome_board(named, [row for row in of_kind if row["outcome"] == outcome], by)


def _outcome_board(title: str, rows: Sequence[Row], by: Sequence[str]) -> Board:
    votes = rows[0]["kind"] == "votes"
    groups: dict[tuple[tuple[tuple[str, str], ...], str], dict[str, Row]] = {}
    for row in rows:
        groups.setdefault((levels_of(row, by), row["arm"]), {})[row["measure"]] = row
    shares = ("rate",) if votes else ("base", "after", "from_base")
    columns = (
        *by,
        "arm",
        f"beyond {comparator_name(row['compared_with'] for row in rows)}, points",
        *map(_column, shares),
    )
    more = _more(rows)
    lines = tuple(_line(dict(levels), arm, group, by, shares, more) for (levels, arm), group in groups.items())
    note = "Intervals hold 95 %." if any(known(row["low"]) for row in rows) else ""
    return Board(title, (*columns, *more, "cells"), lines, labels=len(by) + 1, note=note, decisive=True)


def _column(measure: str) -> str:
    return f"{MEASURES[measure]}, points" if measure.startswith("from") else MEASURES[measure]


MORE = {
    "conclusion": "conclusion",
    "family": "family",
    "p": "p",
    "p_adjusted": "p, corrected",
    "margin": "margin, points",
    "detectable": "can detect, points",
}
"""Columns of the frame that say what may be concluded of a difference from the comparator, where rows have them."""


def _more(rows: Sequence[Row]) -> list[str]:
    """Return the headings of what rows say of differences from the comparator."""
    told = [row for row in rows if row["measure"] == "from_comparator"]
    return [title for name, title in MORE.items() if any(row.get(name) not in (None, "") for row in told)]


def _line(
    levels: Mapping[str, str],
    arm: str,
    group: Mapping[str, Row],
    by: Sequence[str],
    shares: Iterable[str],
    more: Sequence[str],
) -> BoardLine:
    pairs, any_row = tuple(levels.items()), next(iter(group.values()))
    behind = f"#{cells_anchor(arm, any_row['outcome'])}"
    cells = [Datum(levels.get(name, DASH)) for name in by] + [Datum(arm)]
    for measure in ("from_comparator", *shares):
        text = _text(group.get(measure))
        anchor = RowKey(arm, any_row["outcome"], measure, pairs).anchor if measure in group else ""
        cells.append(Datum(text, behind if text != DASH else "", anchor))
    beyond = group.get("from_comparator", {})
    cells += [Datum(_said(name, beyond.get(name))) for name, title in MORE.items() if title in more]
    most = max(group.values(), key=lambda row: row["cells"])
    lacking = f" of {most['cells'] + most['missing']:,}" if most["missing"] else ""
    return BoardLine((*cells, Datum(f"{most['cells']:,}{lacking}", behind)))


def _said(name: str, value: Any) -> str:
    if value is None or value == "":
        return DASH
    if name.startswith("p"):
        return p_value(value)
    return number(100 * value, 1) if name in ("margin", "detectable") else str(value)


def _text(row: Row | None) -> str:
    """Return an estimate with its interval; a dash for none."""
    if row is None or row["withheld"]:
        return DASH
    shown = {"value": row["estimate"], "low": row["low"], "high": row["high"]}
    return difference(shown) if row["measure"].startswith("from") else rate(shown)


def value_boards(cells: Sequence[CellValues], factors: Sequence[str], runs: Mapping[str, str]) -> Iterator[Board]:
    """Yield, for each arm and outcome, its values in every cell: what averages are made of.

    Args:
        runs: cell -> the command that writes its own report, with rows and events.
    """
    measured = list(dict.fromkeys(each for cell in cells for each in cell.tables))
    for arm, kind, outcome in dict.fromkeys((each.arm, each.kind, each.name) for each in measured):
        there = [name for name in MEASURES if any(Measured(arm, kind, outcome, name) in cell.tables for cell in cells)]
        columns = ("cell", *factors, "seed", *(MEASURES[name] for name in there))
        lines = tuple(
            _value_line(cell, factors, [Measured(arm, kind, outcome, name) for name in there]) for cell in cells
        )
        title = f"{arm}, {outcome.replace('_', ' ')}: each cell's own values"
        yield Board(title, columns, lines, len(factors) + 2, anchor=cells_anchor(arm, outcome), folded=True)


def _value_line(cell: CellValues, factors: Sequence[str], measured: Sequence[Measured]) -> BoardLine:
    levels = (_level(cell.factors.get(name)) for name in factors)
    values = (_value(cell, each) for each in measured)
    link = f"#{cell_anchor(cell.cell)}"
    return BoardLine((Datum(cell.cell, link), *map(Datum, levels), Datum(str(cell.seed)), *map(Datum, values)))


def _value(cell: CellValues, measured: Measured) -> str:
    if measured not in cell.tables:
        return DASH
    value = cell.tables[measured]["value"]
    return (
        difference({"value": value, "low": None, "high": None})
        if measured.measure.startswith(("from", "rivalry"))
        else percent(value)
    )


def _level(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return DASH if value is None else f"{value:g}" if isinstance(value, float) else str(value)
