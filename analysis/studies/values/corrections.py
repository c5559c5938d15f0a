"""Rows of results as families of tests: p-values corrected for how many there are, and what may be concluded of each.

The confirmatory family is what the page declares as primary: Holm's correction over its tests of an effect, and over those of
equivalence. All other rows that have a p, win rates included, are the exploratory family: Benjamini and Hochberg's. Outcomes by other
conventions (:mod:`analysis.tables.conventions`) are in it only where the page declares them. Knows rows; knows nothing of how they were
estimated.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan
from typing import Literal, NamedTuple

import msgspec

from analysis.statistics.conclusions import Conclusion, conclude, tost
from analysis.statistics.estimates import Estimate
from analysis.statistics.families import benjamini_hochberg, holm
from analysis.studies.pages.cells import Factors
from analysis.tables.conventions import headline
from analysis.tables.pooled import Measured

Family = Literal["confirmatory", "exploratory", ""]
ALPHA = 0.05
EVEN = 0.5
"""The win rate of an arm that is no better than base."""


class EstimateRow(NamedTuple):
    """One row of the frame.

    Attributes:
        estimate: for new trainings, anchors and people; ``adapters``: for these adapters; ``seeds``: for these anchors and people.
        p_randomised: of flipped signs over seeds; ``p_smallest``: the smallest that so many can give.
        n: seeds; ``cells``: runs behind it; ``missing``: those that lack.
        over: what the headline's interval is over, empty where there is none.
        withheld: why it is evidence of nothing, if it is.
        hypothesis: the name of the page's one that it answers; empty for none.
        between: of a difference between two levels, which, as ``audience: default minus neutral``; it has no level of that factor. Else empty.
        margin: of it, in shares.
        conclusion: of rows that test for a difference.
    """

    levels: Factors
    measured: Measured
    compared_with: str
    estimate: Estimate
    adapters: Estimate
    seeds: Estimate
    p_randomised: float
    p_smallest: float
    n: int
    cells: int
    over: str
    missing: int = 0
    withheld: str = ""
    hypothesis: str = ""
    between: str = ""
    family: Family = ""
    p_adjusted: float = nan
    margin: float | None = None
    p_equivalence_adjusted: float = nan
    conclusion: Conclusion | None = None


def concluded(rows: Sequence[EstimateRow], alpha: float = ALPHA) -> list[EstimateRow]:
    """Return the rows with their families, corrected p-values and conclusions.

    Args:
        rows: those with a ``hypothesis`` are the confirmatory family.
        alpha: level of each family.
    """
    families = [_family(row) for row in rows]
    corrected = [nan] * len(rows)
    equal = [nan] * len(rows)
    for family, correct in (("confirmatory", holm), ("exploratory", benjamini_hochberg)):
        of = [i for i, each in enumerate(families) if each == family]
        for i, p, q in zip(
            of,
            correct([rows[i].estimate.p for i in of]),
            correct([tost(_from_null(rows[i]), rows[i].margin) for i in of]),
            strict=True,
        ):
            corrected[i], equal[i] = p, q
    return [
        row._replace(
            family=family,
            p_adjusted=p,
            p_equivalence_adjusted=q,
            conclusion=_conclusion(row, p, q, alpha) if family else None,
        )
        for row, family, p, q in zip(rows, families, corrected, equal, strict=True)
    ]


def _family(row: EstimateRow) -> Family:
    if row.hypothesis:
        return "confirmatory"
    if not headline(row.measured.name):  # it asks the headline's question again
        return ""
    return "exploratory" if not isnan(row.estimate.p) or _is_difference(row) else ""


def _is_difference(row: EstimateRow) -> bool:
    return row.measured.measure.startswith("from_") or row.measured.measure == "rivalry"


def _from_null(row: EstimateRow) -> Estimate:
    """Return the row's estimate as a difference from its null: a win rate from one half."""
    if _is_difference(row):
        return row.estimate
    return msgspec.structs.replace(row.estimate, value=row.estimate.value - EVEN)


def _conclusion(row: EstimateRow, p: float, p_equivalence: float, alpha: float) -> Conclusion:
    return conclude(_from_null(row), row.margin, p=p, p_equivalence=p_equivalence, alpha=alpha)
