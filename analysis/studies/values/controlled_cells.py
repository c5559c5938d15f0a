"""Cells by other conventions: forfeits left out, ties, equal length and format, as :mod:`analysis.tables.controlled` has them.

Their rows go through the same estimates as the headline's, with the same clusters of seeds, anchors and people, and are in no family unless a
page declares them: they ask the headline's questions again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from analysis.readings.contests import Evaluation
from analysis.statistics.estimates import plain
from analysis.studies.pages.cells import Factors
from analysis.studies.values.corrections import EstimateRow
from analysis.studies.values.estimates import estimates
from analysis.studies.values.scopes import CellValues
from analysis.tables.controlled import controlled_estimates, controlled_values, forfeit_values
from analysis.tables.pooled import Measured, RunValues, run_values

Numbered = Callable[[dict[Measured, RunValues]], dict[Measured, RunValues]]
"""Gives numbers for content ids, the same over all cells."""


def headline_values(found: Evaluation, run: str) -> dict[Measured, RunValues]:
    """Return a run's values of the headline outcomes, forfeits lost and left out."""
    lost = run_values(found, run)
    return lost | forfeit_values(found, run, lost)


def with_controls(cell: CellValues, found: Evaluation, numbered: Numbered) -> CellValues:
    """Return a cell that has its outcomes by other conventions beside the headline ones."""
    values = controlled_values(found, cell.cell)
    tables = {of: plain(each) for of, each in controlled_estimates(values).items()}
    return replace(cell, beside=replace(cell, tables=tables, values=numbered(values)))


def without_values(cell: CellValues) -> CellValues:
    """Return a cell that keeps its tables alone."""
    return replace(cell, values={}, beside=None if cell.beside is None else replace(cell.beside, values={}))


def controlled_rows(
    cells: Iterable[CellValues], by: Sequence[str], missing: Iterable[Factors] = ()
) -> list[EstimateRow]:
    """Return an estimate per combination of the factors in ``by``, arm, outcome and measure, by other conventions.

    Args:
        missing: as of :func:`analysis.studies.values.estimates.estimates`.
    """
    return estimates([cell.beside for cell in cells if cell.beside is not None], by, missing)
