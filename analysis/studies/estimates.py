"""What a study's cells came to, and the estimates over them: one tidy frame, a row per factor levels, arm and outcome.

A cell's values are those of its run's tables. Estimates are means over cells, clustered on seeds: the interval is over what each seed
drew. Knows tables and factors; knows nothing of terminals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, nan
from typing import Any, NamedTuple

from analysis.statistics.estimates import Estimate, clustered_mean, holm
from analysis.studies.cells import Factors

SHARES = ("rate", "base", "after")
"""Measures that are shares, and not differences of them."""
OVER_SEEDS, WITHIN_RUN = "seeds", "anchors and people"
"""What an interval is over: what seeds draw; or, of a single run, its anchors and people."""


class MeasuredOutcome(NamedTuple):
    """What is measured.

    Attributes:
        arm: whose; ``compared_with``: the arm that differences are from, empty for none.
        kind: ``votes``, ``strategy`` or ``copying``.
        name: ``win_rate``, or a probe's.
        measure: ``rate``, ``base``, ``after``, ``from_base``, or ``from_comparator``.
    """

    arm: str
    compared_with: str
    kind: str
    name: str
    measure: str


@dataclass(frozen=True)
class CellValues:
    """One cell's values.

    Attributes:
        values: outcome -> the run's estimate, as its tables have it; without those that do not exist.
        notes: what stands beside the tables: ``note``, ``withheld``, ``validity``, and ``flags`` (a list).
    """

    cell: str
    factors: Factors
    seed: int
    values: dict[MeasuredOutcome, dict[str, Any]]
    notes: dict[str, Any]


class EstimateRow(NamedTuple):
    """One row of the frame, before its factors.

    Attributes:
        n: seeds, or where the interval is one run's own its observations; ``cells``: runs behind it; ``missing``: those that lack.
        over: what the interval is over, empty where there is none.
        withheld: why it is evidence of nothing, if it is.
    """

    levels: Factors
    outcome: MeasuredOutcome
    estimate: Estimate
    p_holm: float
    n: int
    cells: int
    missing: int
    over: str
    withheld: str


def values_of(table: Mapping[str, Any]) -> dict[MeasuredOutcome, dict[str, Any]]:
    """Return the outcomes in a run's tables, as :func:`analysis.tables.evaluation.table` makes them."""
    rows: dict[MeasuredOutcome, dict[str, Any]] = {}
    for arm, row in table["arms"].items():
        other = row["compared_with"]
        rows[MeasuredOutcome(arm, other, "votes", "win_rate", "rate")] = row["win_rate"]
        rows[MeasuredOutcome(arm, other, "votes", "win_rate", "from_comparator")] = row["against_placebo"]
    measures = {"base": "base", "after": "after", "difference": "from_base", "placebo": "from_comparator"}
    for row in table["probes"]:
        for name, measure in measures.items():
            rows[MeasuredOutcome(row["arm"], row["compared_with"], row["kind"], row["probe"], measure)] = row[name]
    return {outcome: estimate for outcome, estimate in rows.items() if estimate["value"] is not None}


def notes_of(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run's tables say of themselves."""
    return {name: table[name] for name in ("note", "withheld", "validity", "flags")}


def estimates(cells: Iterable[CellValues], by: Sequence[str], missing: Iterable[Factors] = ()) -> list[EstimateRow]:
    """Return an estimate per combination of the factors in ``by``, arm, outcome and measure; other factors are averaged over.

    Args:
        missing: factors of each cell that was planned and has no values.
    """
    groups: dict[tuple[tuple[Any, ...], MeasuredOutcome], list[tuple[int, dict[str, Any], str]]] = defaultdict(list)
    for cell in cells:
        levels = tuple(cell.factors[factor] for factor in by)
        for outcome, value in cell.values.items():
            withheld = cell.notes["withheld"] if outcome.kind == "votes" else ""
            groups[levels, outcome].append((cell.seed, value, withheld))
    lacking: dict[tuple[Any, ...], int] = defaultdict(int)
    for factors in missing:
        lacking[tuple(factors[factor] for factor in by)] += 1
    rows = [
        _row(dict(zip(by, levels, strict=True)), outcome, group, lacking[levels])
        for (levels, outcome), group in groups.items()
    ]
    return _corrected(rows)


def _row(
    levels: Factors, outcome: MeasuredOutcome, group: list[tuple[int, dict[str, Any], str]], missing: int
) -> EstimateRow:
    seeds = [seed for seed, _, _ in group]
    null, within = (0.5 if outcome.name == "win_rate" else nan, (0.0, 1.0))
    if outcome.measure not in SHARES:
        null, within = 0.0, (-1.0, 1.0)
    distinct, over = len(set(seeds)), OVER_SEEDS
    if distinct > 1:
        estimate = clustered_mean([value["value"] for _, value, _ in group], seeds, null=null).within(*within)
    elif len(group) == 1:
        estimate, over = _own(group[0][1]), WITHIN_RUN
    else:
        mean = sum(value["value"] for _, value, _ in group) / len(group)
        estimate = Estimate(mean, nan, nan, len(group))
    n = estimate.n if over == WITHIN_RUN else distinct
    over = over if estimate.low == estimate.low else ""
    withheld = "; ".join(dict.fromkeys(each for _, _, each in group if each))
    return EstimateRow(levels, outcome, estimate, nan, n, len(group), missing, over, withheld)


def _own(value: Mapping[str, Any]) -> Estimate:
    """Return a run's own estimate of a table, where JSON has None for NaN."""
    numbers = {name: nan if value.get(name) is None else value[name] for name in ("value", "low", "high", "se", "p")}
    return Estimate(n=value.get("n") or 0, **numbers)


def _corrected(rows: list[EstimateRow]) -> list[EstimateRow]:
    """Return the rows with Holm's correction over all of a kind and measure."""
    families: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        families[row.outcome.kind, row.outcome.measure].append(i)
    for family in families.values():
        for i, p in zip(family, holm([rows[i].estimate.p for i in family]), strict=True):
            rows[i] = rows[i]._replace(p_holm=p)
    return rows


def differences(a: Sequence[CellValues], b: Sequence[CellValues], by: Sequence[str]) -> list[EstimateRow]:
    """Return B less A for each combination of levels, arm, outcome and measure that both have.

    Where both have the same seeds, it is the mean of differences within seeds; else the difference of means with both errors
    (Welch), and ``over`` says so.
    """
    of_a, of_b = (_grouped(cells, by) for cells in (a, b))
    rows = []
    for (levels, outcome), ours in of_a.items():
        if (theirs := of_b.get((levels, outcome))) is None:
            continue
        shared = sorted(ours.keys() & theirs.keys())
        if len(shared) > 1:
            paired = [theirs[seed] - ours[seed] for seed in shared]
            estimate, over, n = clustered_mean(paired, shared), "seeds, paired", len(shared)
        else:
            estimate, over, n = (
                _welch(list(ours.values()), list(theirs.values())),
                "seeds of each",
                min(len(ours), len(theirs)),
            )
        over = over if estimate.low == estimate.low else ""
        factors = dict(zip(by, levels, strict=True))
        rows.append(EstimateRow(factors, outcome, estimate.within(-1, 1), nan, n, len(ours) + len(theirs), 0, over, ""))
    return _corrected(rows)


def _grouped(
    cells: Iterable[CellValues], by: Sequence[str]
) -> dict[tuple[tuple[Any, ...], MeasuredOutcome], dict[int, float]]:
    """Return levels and outcome -> seed -> mean over the other factors."""
    groups: dict[tuple[tuple[Any, ...], MeasuredOutcome], dict[int, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for cell in cells:
        for outcome, value in cell.values.items():
            groups[tuple(cell.factors[factor] for factor in by), outcome][cell.seed].append(value["value"])
    return {key: {seed: sum(v) / len(v) for seed, v in seeds.items()} for key, seeds in groups.items()}


def _welch(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    from scipy import stats

    difference = sum(theirs) / len(theirs) - sum(ours) / len(ours)
    if min(len(ours), len(theirs)) < 2 or len({*ours}) + len({*theirs}) == 2:
        return Estimate(difference, nan, nan, len(ours) + len(theirs))
    tested = stats.ttest_ind(theirs, ours, equal_var=False)
    low, high = tested.confidence_interval()
    se = difference / tested.statistic if tested.statistic else inf
    return Estimate(difference, float(low), float(high), len(ours) + len(theirs), (), float(se), float(tested.pvalue))


def frame_rows(rows: Iterable[EstimateRow]) -> Iterator[dict[str, Any]]:
    """Yield the rows of the tidy frame: factors, arm, what is measured, the estimate, and what stands behind it; None for no number."""
    for row in rows:
        estimate = row.estimate
        yield {
            **row.levels,
            "arm": row.outcome.arm,
            "compared_with": row.outcome.compared_with,
            "kind": row.outcome.kind,
            "outcome": row.outcome.name,
            "measure": row.outcome.measure,
            "estimate": _plain(estimate.value),
            "low": _plain(estimate.low),
            "high": _plain(estimate.high),
            "se": _plain(estimate.se),
            "p": _plain(estimate.p),
            "p_holm": _plain(row.p_holm),
            "n": row.n,
            "cells": row.cells,
            "missing": row.missing,
            "over": row.over,
            "withheld": row.withheld,
        }


def _plain(value: float) -> float | None:
    return None if value != value else round(value, 6)
