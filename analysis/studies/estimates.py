"""What a study's cells came to, and the estimates over them: one tidy frame, a row per factor levels, arm, outcome and measure.

Cells count alike. Intervals cluster on who is who: seeds, anchors, and the people who voted, whatever was drawn anew for each seed; of a
single cell they are its run's own. Knows tables, values and factors; knows nothing of terminals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any, NamedTuple

import numpy as np

from analysis.statistics.estimates import Estimate, clustered_mean
from analysis.statistics.families import holm
from analysis.statistics.multiway import multiway_difference
from analysis.studies.cells import Factors
from analysis.tables.pooled import Measured, RunValues, pooled

SHARES = ("rate", "base", "after")
"""Measures that are shares, and not differences of them."""
MOST_VALUES = 20_000_000
"""Values of all cells that are kept apart by anchor and person; of more, cells are their means, and intervals are over seeds alone."""
OVER = ("seeds", "anchors", "people")
"""What intervals are over, in the order of an estimate's clusters."""


@dataclass(frozen=True)
class CellValues:
    """One cell's values.

    Attributes:
        tables: measure -> the run's own estimate, as its tables have it; without those that do not exist.
        values: measure -> its values by anchor and person; empty where there are too many to keep.
        compared_with: arm -> the arm that differences are from.
        notes: what stands beside the tables: ``note``, ``withheld``, ``validity``, and ``flags`` (a list).
    """

    cell: str
    factors: Factors
    seed: int
    tables: dict[Measured, dict[str, Any]]
    values: dict[Measured, RunValues]
    compared_with: dict[str, str]
    notes: dict[str, Any]

    @property
    def size(self) -> int:
        """How many values are kept."""
        return sum(len(each.sums) for each in self.values.values())


class EstimateRow(NamedTuple):
    """One row of the frame.

    Attributes:
        n: seeds; ``cells``: runs behind it; ``missing``: those that lack.
        over: what the interval is over, empty where there is none.
        withheld: why it is evidence of nothing, if it is.
    """

    levels: Factors
    measured: Measured
    compared_with: str
    estimate: Estimate
    p_holm: float
    n: int
    cells: int
    missing: int
    over: str
    withheld: str


def tables_of(table: Mapping[str, Any]) -> dict[Measured, dict[str, Any]]:
    """Return the estimates in a run's table, as :func:`analysis.tables.evaluation.table` makes it."""
    rows: dict[Measured, dict[str, Any]] = {}
    for arm, row in table["arms"].items():
        rows[Measured(arm, "votes", "win_rate", "rate")] = row["win_rate"]
        rows[Measured(arm, "votes", "win_rate", "from_comparator")] = row["against_placebo"]
    measures = {"base": "base", "after": "after", "difference": "from_base", "placebo": "from_comparator"}
    for row in table["probes"]:
        for name, measure in measures.items():
            rows[Measured(row["arm"], row["kind"], row["probe"], measure)] = row[name]
    return {measured: estimate for measured, estimate in rows.items() if estimate["value"] is not None}


def notes_of(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run's tables say of themselves."""
    return {name: table[name] for name in ("note", "withheld", "validity", "flags")}


def estimates(cells: Iterable[CellValues], by: Sequence[str], missing: Iterable[Factors] = ()) -> list[EstimateRow]:
    """Return an estimate per combination of the factors in ``by``, arm, outcome and measure; other factors are averaged over.

    Args:
        missing: factors of each cell that was planned and has no values.
    """
    groups = _grouped(cells, by)
    lacking: dict[tuple[Any, ...], int] = defaultdict(int)
    for factors in missing:
        lacking[tuple(factors[factor] for factor in by)] += 1
    rows = [
        _row(dict(zip(by, levels, strict=True)), measured, group, lacking[levels])
        for (levels, measured), group in groups.items()
    ]
    return _corrected(rows)


_Group = list[CellValues]


def _grouped(cells: Iterable[CellValues], by: Sequence[str]) -> dict[tuple[tuple[Any, ...], Measured], _Group]:
    groups: dict[tuple[tuple[Any, ...], Measured], _Group] = defaultdict(list)
    for cell in cells:
        levels = tuple(cell.factors[factor] for factor in by)
        for measured in cell.tables:
            groups[levels, measured].append(cell)
    return groups


def _row(levels: Factors, measured: Measured, cells: _Group, missing: int) -> EstimateRow:
    share = measured.measure in SHARES
    null = 0.0 if not share else 0.5 if measured.kind == "votes" else nan
    estimate = _estimate(measured, cells, null).within(0.0 if share else -1.0, 1.0)
    withheld = dict.fromkeys(c.notes["withheld"] for c in cells if c.notes["withheld"] and measured.kind == "votes")
    return EstimateRow(
        levels=levels,
        measured=measured,
        compared_with=cells[0].compared_with.get(measured.arm, ""),
        estimate=estimate,
        p_holm=nan,
        n=len({cell.seed for cell in cells}),
        cells=len(cells),
        missing=missing,
        over=_over(measured, cells, estimate),
        withheld="; ".join(withheld),
    )


def _estimate(measured: Measured, cells: _Group, null: float) -> Estimate:
    if len(cells) == 1:
        return _own(cells[0].tables[measured])
    seeds, means = [cell.seed for cell in cells], [cell.tables[measured]["value"] for cell in cells]
    if len(set(seeds)) == 1:
        return Estimate(sum(means) / len(means), nan, nan, len(means))
    if any(measured not in cell.values for cell in cells):
        return clustered_mean(means, seeds, null=null)
    return pooled([(cell.seed, cell.values[measured]) for cell in cells], null=null)


def _over(measured: Measured, cells: _Group, estimate: Estimate) -> str:
    if estimate.low != estimate.low:
        return ""
    if len(cells) == 1:
        return "anchors, people" if measured.kind == "votes" else "anchors"
    return ", ".join(OVER[: len(estimate.clusters)])


def _own(value: Mapping[str, Any]) -> Estimate:
    """Return a run's own estimate of a table, where JSON has None for NaN."""
    mean, low, high, se, p = (nan if value.get(n) is None else value[n] for n in ("value", "low", "high", "se", "p"))
    return Estimate(mean, low, high, value.get("n") or 0, (), se, p)


def _corrected(rows: list[EstimateRow]) -> list[EstimateRow]:
    """Return the rows with Holm's correction over all of a kind and measure."""
    families: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        families[row.measured.kind, row.measured.measure].append(i)
    for family in families.values():
        for i, p in zip(family, holm([rows[i].estimate.p for i in family]), strict=True):
            rows[i] = rows[i]._replace(p_holm=p)
    return rows


def differences(a: Sequence[CellValues], b: Sequence[CellValues], by: Sequence[str]) -> list[EstimateRow]:
    """Return B less A for each combination of levels, arm, outcome and measure that both have.

    What both have in common, the same seeds, anchors and people, drops out of the interval: values of one cluster on either side hang
    together. Cells of a side count alike.
    """
    of_a, of_b = _grouped(a, by), _grouped(b, by)
    rows = []
    for (levels, measured), ours in of_a.items():
        if not (theirs := of_b.get((levels, measured), [])):
            continue
        seeds = {cell.seed for cell in ours} | {cell.seed for cell in theirs}
        estimate = _difference(measured, ours, theirs).within(-1, 1)
        over = ", ".join(OVER[: len(estimate.clusters)]) if estimate.low == estimate.low else ""
        factors, other = dict(zip(by, levels, strict=True)), ours[0].compared_with.get(measured.arm, "")
        cells = len(ours) + len(theirs)
        rows.append(EstimateRow(factors, measured, other, estimate, nan, len(seeds), cells, 0, over, ""))
    return _corrected(rows)


def _difference(measured: Measured, ours: _Group, theirs: _Group) -> Estimate:
    parts = [(cell, side) for side, cells in enumerate((ours, theirs)) for cell in cells]
    if any(measured not in cell.values for cell, _ in parts):
        means = [cell.tables[measured]["value"] for cell, _ in parts]
        ways, sums, counts = [np.array([cell.seed for cell, _ in parts])], np.array(means), np.ones(len(means))
        lengths = [1] * len(parts)
    else:
        values = [cell.values[measured] for cell, _ in parts]
        lengths = [len(each.sums) for each in values]
        weight = np.repeat([1 / each.counts.sum() for each in values], lengths)
        sums, counts = (
            weight * np.concatenate(each) for each in ([v.sums for v in values], [v.counts for v in values])
        )
        ways = [np.repeat([cell.seed for cell, _ in parts], lengths), np.concatenate([v.anchors for v in values])]
        if all(each.people is not None for each in values):
            ways.append(np.concatenate([each.people for each in values if each.people is not None]))
    return multiway_difference(sums, np.repeat([side for _, side in parts], lengths), ways, counts=counts)


def frame_rows(rows: Iterable[EstimateRow]) -> Iterator[dict[str, Any]]:
    """Yield the rows of the tidy frame: factors, arm, what is measured, the estimate, and what stands behind it; None for no number."""
    for row in rows:
        estimate, clusters = row.estimate, row.estimate.clusters if row.cells > 1 else ()
        yield {
            **row.levels,
            "arm": row.measured.arm,
            "compared_with": row.compared_with,
            "kind": row.measured.kind,
            "outcome": row.measured.name,
            "measure": row.measured.measure,
            "estimate": plain_number(estimate.value),
            "low": plain_number(estimate.low),
            "high": plain_number(estimate.high),
            "se": plain_number(estimate.se),
            "p": plain_number(estimate.p),
            "p_holm": plain_number(row.p_holm),
            "n": row.n,
            "anchors": clusters[1] if len(clusters) > 1 else None,
            "people": clusters[2] if len(clusters) > 2 else None,
            "cells": row.cells,
            "missing": row.missing,
            "over": row.over,
            "withheld": row.withheld,
        }


def plain_number(value: float) -> float | None:
    """Return a number as JSON can hold it."""
    return None if value != value else round(value, 6)
