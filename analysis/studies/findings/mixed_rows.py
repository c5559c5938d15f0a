"""A study's differences by a mixed model: crossed random effects of seeds, anchors and people, beside the clustered interval.

A check, not the headline: see :mod:`analysis.statistics.mixed` for what it assumes. Besides the three there are effects of what one training
wrote about one anchor, and of how one person takes to one training; all that is one person's about one anchor is the residual.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np

from analysis.statistics.estimates import Estimate
from analysis.statistics.mixed import RESIDUAL, MixedMean, mixed_mean
from analysis.studies.findings.results import StudyResults
from analysis.studies.pages.cells import Factors
from analysis.studies.values.corrections import EstimateRow
from analysis.studies.values.estimates import plain_number
from analysis.studies.values.scopes import CellValues
from analysis.tables.conventions import headline
from analysis.tables.pooled import Measured, RunValues

EFFECTS = ("seed", "anchor", "person", "seed x anchor", "seed x person", RESIDUAL)
"""Names of what values vary by."""


class MixedRow(msgspec.Struct, frozen=True):
    """One difference of a study.

    Attributes:
        clustered: the headline's estimate.
        mixed: the model's mean, with what it varies by.
    """

    levels: Factors
    measured: Measured
    compared_with: str
    clustered: Estimate
    mixed: MixedMean


def mixed_rows(results: StudyResults) -> list[MixedRow]:
    """Return a row for each difference of a headline outcome from the comparator that two seeds have, and whose values are kept."""
    return list(_rows(results))


def _rows(results: StudyResults) -> Iterator[MixedRow]:
    for row in results.rows:
        if row.measured.measure != "from_comparator" or not headline(row.measured.name):
            continue
        cells = _cells(results.cells, row)
        if cells and len({cell.seed for cell in cells}) > 1:
            mixed = _mixed(cells, row.measured)
            yield MixedRow(row.levels, row.measured, row.compared_with, row.estimate, mixed)


def _cells(cells: Sequence[CellValues], row: EstimateRow) -> list[CellValues]:
    """Return the cells of a row; none where not all values are kept."""
    of = [c for c in cells if row.levels.items() <= c.factors.items() and row.measured in c.tables]
    return of if all(row.measured in cell.values for cell in of) else []


def _mixed(cells: Sequence[CellValues], measured: Measured) -> MixedMean:
    parts = [cell.values[measured] for cell in cells]
    lengths = [len(part.sums) for part in parts]
    seed = np.repeat([cell.seed for cell in cells], lengths)
    trained = np.repeat(np.arange(len(cells)), lengths)
    anchor = _codes(np.concatenate([part.anchors for part in parts]))
    factors: dict[str, Any] = {"seed": seed, "anchor": anchor, "seed x anchor": _pairs(trained, anchor)}
    if all(part.people is not None for part in parts):
        person = _codes(np.concatenate([part.people for part in parts if part.people is not None]))
        factors |= {"person": person, "seed x person": _pairs(trained, person)}
    sums, counts = (np.concatenate(each) for each in _columns(parts))
    return mixed_mean(sums, factors, counts=counts)


def _columns(parts: Sequence[RunValues]) -> tuple[list[Any], list[Any]]:
    return [part.sums for part in parts], [part.counts for part in parts]


def _codes(labels: Any) -> Any:
    return np.unique(labels, return_inverse=True)[1]


def _pairs(one: Any, other: Any) -> Any:
    return one * (int(other.max()) + 1) + other


def mixed_dicts(rows: Sequence[MixedRow]) -> list[dict[str, Any]]:
    """Return rows as JSON can hold them: shares, and standard deviations (``sd_...``) of each effect; None for one that is not in the model."""
    return [
        {
            **row.levels,
            "arm": row.measured.arm,
            "compared_with": row.compared_with,
            "kind": row.measured.kind,
            "outcome": row.measured.name,
            **{f"clustered_{name}": plain_number(getattr(row.clustered, field)) for name, field in _NUMBERS.items()},
            **{name: plain_number(getattr(row.mixed.estimate, field)) for name, field in _NUMBERS.items()},
            **{f"sd_{effect.replace(' ', '_')}": _sd(row.mixed, effect) for effect in EFFECTS},
        }
        for row in rows
    ]


_NUMBERS = {"estimate": "value", "low": "low", "high": "high", "se": "se", "dof": "dof", "p": "p"}


def _sd(mixed: MixedMean, effect: str) -> float | None:
    return plain_number(mixed.sd[effect]) if effect in mixed.sd else None
