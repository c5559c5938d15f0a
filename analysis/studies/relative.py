"""Relative changes of probe rates over a study's cells, with base and absolute difference beside them. Knows cells and values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import nan

import msgspec

from analysis.statistics.ratios import UNDEFINED, RelativeChange, fieller
from analysis.studies.cells import Factors
from analysis.studies.estimates import grouped
from analysis.studies.scopes import CellValues, scopes_of, scopes_of_both
from analysis.tables.pooled import Measured


class RelativeRow(msgspec.Struct, frozen=True):
    """One probe of one arm.

    Attributes:
        change: after learning, relative to base; for new trainings and anchors, like the headline of a study's rows.
        n: seeds.
    """

    levels: Factors
    arm: str
    kind: str
    probe: str
    change: RelativeChange
    n: int


def relative_rows(cells: Sequence[CellValues], by: Sequence[str]) -> Iterator[RelativeRow]:
    """Yield a row per combination of levels, arm and probe that has rates before and after.

    Args:
        by: factors that split the rows; others are averaged over.
    """
    groups = grouped(cells, by)
    for (levels, of), group in groups.items():
        before = of._replace(measure="base")
        if of.measure == "after" and (levels, before) in groups:
            both = [cell for cell in group if before in cell.tables]
            seeds = len({cell.seed for cell in both})
            named = dict(zip(by, levels, strict=True))
            yield RelativeRow(named, of.arm, of.kind, of.name, _change(of, before, both), seeds)


def _change(of: Measured, before: Measured, cells: Sequence[CellValues]) -> RelativeChange:
    after, base = (scopes_of(each, cells, nan).new for each in (of, before))
    less = scopes_of_both(of, before, cells).new
    change = fieller(after.value, base.value, after.se**2, base.se**2, less.se**2, less.dof)
    if base.value == 0:
        return msgspec.structs.replace(change, said=UNDEFINED)
    return change
