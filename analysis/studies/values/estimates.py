"""What a study's cells came to, and the estimates over them: one tidy frame, a row per factor levels, arm, outcome and measure.

Each row has one value and an interval for each of three scopes (:mod:`analysis.studies.values.scopes`), a place in a family of tests, and what may
be concluded (:mod:`analysis.studies.values.corrections`). Knows tables, values and factors; knows nothing of terminals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from analysis.studies.pages.cells import Factors
from analysis.studies.values.corrections import EstimateRow, concluded
from analysis.studies.values.scopes import CellValues, Group, Scopes, scopes_of, scopes_of_difference
from analysis.tables.conventions import OF_VOTES, SHARES, WITHOUT_FORFEITS, bounds_of, null_of
from analysis.tables.pooled import Measured

MOST_VALUES = 20_000_000
"""Values of all cells that are kept apart by anchor and person; of more, cells are their means, and intervals are over seeds alone."""


def tables_of(table: Mapping[str, Any]) -> dict[Measured, dict[str, Any]]:
    """Return the estimates in a run's table, as :func:`analysis.tables.evaluation.table` makes it."""
    rows: dict[Measured, dict[str, Any]] = {}
    for arm, row in table["arms"].items():
        rows[Measured(arm, "votes", "win_rate", "rate")] = row["win_rate"]
        rows[Measured(arm, "votes", "win_rate", "from_comparator")] = row["against_placebo"]
        rows[Measured(arm, "votes", WITHOUT_FORFEITS, "rate")] = row["without_forfeits"]
        rows[Measured(arm, "votes", WITHOUT_FORFEITS, "from_comparator")] = row["against_placebo_without_forfeits"]
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

    All rows that have a p are one exploratory family.

    Args:
        missing: factors of each cell that was planned and has no values.
    """
    groups = grouped(cells, by)
    lacking: dict[tuple[Any, ...], int] = defaultdict(int)
    for factors in missing:
        lacking[tuple(factors[factor] for factor in by)] += 1
    return concluded([
        _row(dict(zip(by, levels, strict=True)), measured, group, lacking[levels])
        for (levels, measured), group in groups.items()
    ])  # fmt: skip


def grouped(cells: Iterable[CellValues], by: Sequence[str]) -> dict[tuple[tuple[Any, ...], Measured], list[CellValues]]:
    groups: dict[tuple[tuple[Any, ...], Measured], list[CellValues]] = defaultdict(list)
    for cell in cells:
        levels = tuple(cell.factors[factor] for factor in by)
        for measured in cell.tables:
            groups[levels, measured].append(cell)
    return groups


def _row(levels: Factors, measured: Measured, cells: Group, missing: int) -> EstimateRow:
    share = measured.measure in SHARES
    null, within = null_of(measured.name, share=share), bounds_of(measured.name, share=share)
    withheld = dict.fromkeys(c.notes["withheld"] for c in cells if c.notes["withheld"] and measured.name in OF_VOTES)
    row = _estimated(levels, measured, cells, scopes_of(measured, cells, null), within)
    return row._replace(missing=missing, withheld="; ".join(withheld))


def _estimated(
    levels: Factors, measured: Measured, cells: Group, scopes: Scopes, within: tuple[float, float]
) -> EstimateRow:
    rivalry = measured.measure == "rivalry"
    low, high = (-2.0, 2.0) if rivalry else within
    return EstimateRow(
        levels=levels,
        measured=measured,
        compared_with=(cells[0].solo if rivalry else cells[0].compared_with).get(measured.arm, ""),
        estimate=scopes.new.within(low, high),
        adapters=scopes.adapters.within(low, high),
        seeds=scopes.seeds.within(low, high),
        p_randomised=scopes.p_randomised,
        p_smallest=scopes.p_smallest,
        n=len({cell.seed for cell in cells}),
        cells=len(cells),
        over=scopes.over,
    )


def differences(a: Sequence[CellValues], b: Sequence[CellValues], by: Sequence[str]) -> list[EstimateRow]:
    """Return B less A for each combination of levels, arm, outcome and measure that both have.

    What both have in common, the same seeds, anchors and people, drops out of the interval: values of one cluster on either side hang
    together. Cells of a side count alike.
    """
    of_a, of_b = grouped(a, by), grouped(b, by)
    rows = []
    for (levels, measured), ours in of_a.items():
        if theirs := of_b.get((levels, measured), []):
            scopes = scopes_of_difference(measured, ours, theirs)
            factors = dict(zip(by, levels, strict=True))
            rows.append(_estimated(factors, measured, [*ours, *theirs], scopes, (-1.0, 1.0)))
    return concluded(rows)


def frame_rows(rows: Iterable[EstimateRow]) -> Iterator[dict[str, Any]]:
    """Yield the rows of the tidy frame: factors, arm, what is measured, the estimate, and what stands behind it; None for no number."""
    for row in rows:
        estimate, conclusion = row.estimate, row.conclusion
        counts = dict(zip(("seeds", "anchors", "people"), estimate.clusters, strict=False))
        yield {
            **row.levels,
            "arm": row.measured.arm,
            "compared_with": row.compared_with,
            "kind": row.measured.kind,
            "outcome": row.measured.name,
            "measure": row.measured.measure,
            "between": row.between,
            "estimate": plain_number(estimate.value),
            "low": plain_number(estimate.low),
            "high": plain_number(estimate.high),
            "se": plain_number(estimate.se),
            "dof": plain_number(estimate.dof),
            "skew": plain_number(estimate.skew),
            "p": plain_number(estimate.p),
            "low_90": plain_number(conclusion.low_90) if conclusion else None,
            "high_90": plain_number(conclusion.high_90) if conclusion else None,
            "low_adapters": plain_number(row.adapters.low),
            "high_adapters": plain_number(row.adapters.high),
            "low_seeds": plain_number(row.seeds.low),
            "high_seeds": plain_number(row.seeds.high),
            "p_randomised": plain_number(row.p_randomised),
            "p_smallest": plain_number(row.p_smallest),
            "family": row.family,
            "p_adjusted": plain_number(row.p_adjusted),
            "margin": row.margin,
            "p_equivalence": plain_number(conclusion.p_equivalence) if conclusion else None,
            "p_equivalence_adjusted": plain_number(row.p_equivalence_adjusted),
            "conclusion": conclusion.word if conclusion else None,
            "needs": conclusion.needs if conclusion else "",
            "detectable": plain_number(estimate.detectable),
            "n": row.n,
            "anchors": counts.get("anchors"),
            "people": counts.get("people"),
            "cells": row.cells,
            "missing": row.missing,
            "over": row.over,
            "withheld": row.withheld,
        }


def plain_number(value: float) -> float | None:
    """Return a number as JSON can hold it."""
    return None if value != value else round(value, 6)
