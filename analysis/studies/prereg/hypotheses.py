"""The hypotheses of a preregistered study against its cells: an estimate, a p-value and a conclusion for each. Reads no logs.

They are tested on the cells that were declared, and at a declared look on those of its seeds; cells that were added afterwards count in the
other rows alone. The p of a look becomes one on the scale of the whole study (:func:`analysis.statistics.look_boundaries.sequential_p`) before Holm's
correction over the family, so that both looks and hypotheses are paid for. Equivalence is a family of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan, nan
from typing import Any, Literal, NamedTuple

import msgspec

from abm.probe import kind_of
from analysis.statistics.conclusions import Conclusion, conclude, tost
from analysis.statistics.estimates import Estimate
from analysis.statistics.families import holm
from analysis.statistics.look_boundaries import Sides
from analysis.studies.pages.cells import Factors
from analysis.studies.pages.declarations import LateHypothesis
from analysis.studies.pages.page import label_of
from analysis.studies.pages.preregistration import Hypothesis
from analysis.studies.prereg.interim import InterimLook
from analysis.studies.values.corrections import EstimateRow
from analysis.studies.values.estimates import differences, estimates, plain_number
from analysis.studies.values.scopes import CellValues
from analysis.tables.conventions import BESIDE, OF_VOTES, WITHOUT_FORFEITS, headline
from analysis.tables.pooled import Measured

Family = Literal["confirmatory", "exploratory"]
BEFORE = "its end, or a declared look"
"""What it takes to decide where a study is looked at at another time."""


class PlannedFactors(NamedTuple):
    """A cell that was planned and has no values, as far as hypotheses are about it."""

    cell: str
    factors: Factors


@dataclass(frozen=True)
class TestedHypothesis:
    """A hypothesis and what the study says about it.

    Attributes:
        family: ``exploratory`` where it was declared too late; ``why`` says so.
        row: its row of estimates; None where no cell has one.
        estimate: the difference whose null is 0; of a win rate, its distance from a half.
        level: of the interval ``low`` .. ``high``, 0 .. 1: narrower at looks before the end; NaN bounds where nothing may be decided.
        p: of the test at this look, on the side of the direction; ``p_adjusted``: over looks and family.
        p_equivalence, p_equivalence_adjusted: the same of "at least the margin away from none".
    """

    __test__ = False  # the name is a promise to readers, not to pytest

    hypothesis: Hypothesis
    family: Family
    why: str
    row: EstimateRow | None
    estimate: Estimate
    level: float
    low: float
    high: float
    p: float
    p_adjusted: float
    p_equivalence: float
    p_equivalence_adjusted: float
    conclusion: Conclusion

    @property
    def margin(self) -> float | None:
        """As a share."""
        return None if self.hypothesis.margin is None else self.hypothesis.margin / 100

    def concluded_row(self) -> EstimateRow | None:
        """Return its row with what was made of it here, as the frame has it; None for none."""
        return (
            None
            if self.row is None
            else self.row._replace(
                estimate=msgspec.structs.replace(self.row.estimate, p=self.p),
                hypothesis=self.hypothesis.name,
                family="confirmatory",
                p_adjusted=self.p_adjusted,
                margin=self.margin,
                p_equivalence_adjusted=self.p_equivalence_adjusted,
                conclusion=self.conclusion,
            )
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able mapping; estimate and bounds are shares, margins points."""
        row, hypothesis = self.row, self.hypothesis
        numbers = ("level", "low", "high", "p", "p_adjusted", "p_equivalence", "p_equivalence_adjusted")
        return {
            **hypothesis.model_dump(mode="json"),
            "compared_with": row.compared_with if row else hypothesis.compared_with,
            "family": self.family,
            "why": self.why,
            "estimate": plain_number(self.estimate.value),
            "se": plain_number(self.estimate.se),
            **{name: plain_number(getattr(self, name)) for name in numbers},
            "low_90": plain_number(self.conclusion.low_90),
            "high_90": plain_number(self.conclusion.high_90),
            "conclusion": self.conclusion.word,
            "needs": self.conclusion.needs,
            "n": row.n if row else 0,
            "cells": row.cells if row else 0,
            "missing": row.missing if row else 0,
        }


class _Case(NamedTuple):
    """A hypothesis with its estimate, before anything is corrected."""

    hypothesis: Hypothesis
    family: Family
    why: str
    row: EstimateRow | None
    estimate: Estimate
    """The difference whose null is 0."""

    @property
    def sides(self) -> Sides:
        return 2 if self.hypothesis.direction == "two-sided" else 1

    @property
    def margin(self) -> float | None:
        """As a share."""
        return None if self.hypothesis.margin is None else self.hypothesis.margin / 100

    @property
    def p(self) -> float:
        return one_sided(self.estimate, self.hypothesis.direction)


def decided(
    look: InterimLook,
    declared: Sequence[str],
    late: Sequence[LateHypothesis],
    cells: Sequence[CellValues],
    missing: Sequence[PlannedFactors] = (),
) -> list[TestedHypothesis]:
    """Return the hypotheses of a study, confirmatory ones first.

    Args:
        look: where the study stands.
        declared: cells that were planned when the hypotheses were declared.
        late: hypotheses that were declared afterwards; they are estimated on all cells, and are a family of their own.
        cells: that have ended; ``missing``: those that have no values.
    """
    planned = set(declared)
    ours = [cell for cell in cells if cell.cell in planned and cell.seed in look.seeds]
    lacking = [each for each in missing if each.cell in planned] if look.is_end else []
    counted = look.preregistration.counted
    first = [
        _case(each, counted(each.outcome), "confirmatory", "", ours, lacking)
        for each in look.preregistration.hypotheses
    ]
    then = [
        _case(each.hypothesis, counted(each.hypothesis.outcome), "exploratory", _late(each), cells, missing)
        for each in late
    ]
    return [*_with_conclusions(first, look), *_with_conclusions(then, look)]


def one_sided(estimate: Estimate, direction: str) -> float:
    """Return the p of an estimate on the side of a direction; the two-sided one where it has none."""
    if direction == "two-sided" or isnan(estimate.p):
        return estimate.p
    agrees = (estimate.value > 0) == (direction == "greater")
    return estimate.p / 2 if agrees else 1 - estimate.p / 2


def _late(each: LateHypothesis) -> str:
    looks = f" and {each.looks} look{'s' if each.looks > 1 else ''}" if each.looks else ""
    return f"declared after {each.ended:,} cell{'s' if each.ended != 1 else ''} had ended{looks}"


def _case(
    hypothesis: Hypothesis,
    outcome: str,
    family: Family,
    why: str,
    cells: Sequence[CellValues],
    missing: Sequence[PlannedFactors],
) -> _Case:
    sides = [[cell for cell in cells if _is_about(cell.factors, levels)] for levels in hypothesis.sides]
    lacking = [each.factors for each in missing if any(_is_about(each.factors, levels) for levels in hypothesis.sides)]
    if hypothesis.minus:
        row = _between_levels(hypothesis, outcome, sides[0], sides[1], len(lacking))
    else:
        row = _row(hypothesis, outcome, sides[0], lacking)
    estimate = row.estimate if row else Estimate(nan, nan, nan, 0)
    if hypothesis.measure == "rate":
        value, low, high = (each - 0.5 for each in (estimate.value, estimate.low, estimate.high))
        estimate = msgspec.structs.replace(estimate, value=value, low=low, high=high)
    return _Case(hypothesis, family, why, row, estimate)


def _is_about(factors: Factors, levels: Mapping[str, Any]) -> bool:
    return all(name in factors and label_of(factors[name]) == label_of(level) for name, level in levels.items())


def _between_levels(
    hypothesis: Hypothesis, outcome: str, ours: Sequence[CellValues], theirs: Sequence[CellValues], missing: int
) -> EstimateRow | None:
    """Return what the cells of ``where`` have more than those of ``minus``; what both share, such as anchors, drops out of the interval."""
    by = tuple(name for name in hypothesis.where if name not in hypothesis.minus)
    theirs, ours = (
        [each for cell in of if (each := _only(cell, hypothesis.arm, outcome, hypothesis.measure))]
        for of in (theirs, ours)
    )
    rows = differences(theirs, ours, by)
    between = ", ".join(
        f"{name}: {label_of(hypothesis.where[name])} minus {label_of(level)}"
        for name, level in hypothesis.minus.items()
    )
    return rows[0]._replace(missing=missing, between=between) if rows else None


def _row(
    hypothesis: Hypothesis, outcome: str, cells: Sequence[CellValues], missing: Sequence[Factors]
) -> EstimateRow | None:
    """Return the estimate over cells of what a hypothesis is about; None where none has it."""
    by, arm, other = tuple(hypothesis.where), hypothesis.arm, hypothesis.compared_with
    declared = {cell.compared_with.get(arm, "") for cell in cells}
    if other and hypothesis.measure == "from_comparator" and declared != {other}:
        level = "rate" if outcome in OF_VOTES else "after"
        called = Measured(arm, kind_of_outcome(outcome), outcome, hypothesis.measure)
        theirs, ours = ([_only(cell, name, outcome, level, called) for cell in cells] for name in (other, arm))
        both = [(a, b) for a, b in zip(theirs, ours, strict=True) if a is not None and b is not None]
        rows = differences([a for a, _ in both], [b for _, b in both], by) if both else []
        return rows[0]._replace(compared_with=other, cells=len(both), missing=len(missing)) if rows else None
    found = [_only(cell, arm, outcome, hypothesis.measure) for cell in cells]
    rows = estimates([cell for cell in found if cell is not None], by, missing)
    return rows[0] if rows else None


def kind_of_outcome(outcome: str) -> str:
    """Return the kind of an outcome, as rows have it."""
    if headline(outcome) or outcome == WITHOUT_FORFEITS:
        return "votes" if outcome in OF_VOTES else kind_of(outcome)
    return BESIDE


def _only(cell: CellValues, arm: str, outcome: str, measure: str, called: Measured | None = None) -> CellValues | None:
    """Return a cell with one of its values alone; None where it has none.

    Args:
        called: the name of the value; by default its own.
    """
    measured = Measured(arm, kind_of_outcome(outcome), outcome, measure)
    for each in filter(None, (cell, cell.beside)):
        if (table := each.tables.get(measured)) is not None:
            values = each.values.get(measured)
            name = called or measured
            return replace(each, tables={name: table}, values={} if values is None else {name: values}, beside=None)
    return None


def _with_conclusions(cases: Sequence[_Case], look: InterimLook) -> Iterator[TestedHypothesis]:
    """Yield hypotheses of one family with what may be concluded; one without an estimate counts in it as one that failed."""
    own = [tost(case.estimate, case.margin) for case in cases]
    p = _corrected([look.p(case.p, case.sides) for case in cases])
    p_equivalence = _corrected(
        [look.p(each, 1) if case.margin else nan for each, case in zip(own, cases, strict=True)], nan
    )
    level = 1 - look.level(2)
    for case, equivalence, adjusted, equivalent in zip(cases, own, p, p_equivalence, strict=True):
        withheld = case.row.withheld if case.row else "there is no estimate"
        allowed = look.at is not None and not withheld
        made = conclude(
            case.estimate, case.margin, p=adjusted if allowed else 1.0, p_equivalence=equivalent if allowed else 1.0,
            alpha=look.preregistration.alpha,
        )  # fmt: skip
        if not allowed:
            made = msgspec.structs.replace(made, needs=withheld or f"needs {BEFORE}")
        low, high = case.estimate.interval(level) if look.at is not None and case.row else (nan, nan)
        yield TestedHypothesis(
            case.hypothesis,
            case.family,
            case.why,
            case.row,
            case.estimate,
            level,
            low,
            high,
            case.p,
            adjusted,
            equivalence,
            equivalent,
            made,
        )


def _corrected(p_values: Sequence[float], absent: float = 1.0) -> list[float]:
    """Return p-values corrected over the family, NaN where there was none."""
    adjusted = holm([absent if isnan(p) else p for p in p_values])
    return [nan if isnan(p) else each for p, each in zip(p_values, adjusted, strict=True)]
