"""What relative changes over a study promise."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.ratios import UNDEFINED
from analysis.studies.relative import relative_rows
from analysis.studies.scopes import CellValues
from analysis.tables.pooled import Measured, RunValues

NOTES = {"note": "", "withheld": "", "validity": "", "flags": []}


def cell(seed: int, rates: dict[str, float], draw: int = 1) -> CellValues:
    """Return a cell in which a probe finds something in so many of 40 messages, before and after learning."""
    random, values = np.random.default_rng((draw, seed)), {}
    for measure, rate in rates.items():
        labels = (random.random(40) < rate).astype(float)
        values[Measured("rft", "strategy", "unsafe", measure)] = RunValues(np.arange(40), None, labels, np.ones(40))
    tables = {of: {"value": float(each.sums.mean())} for of, each in values.items()}
    return CellValues(f"c{seed}", {"arena": "sales"}, seed, tables, values, {}, NOTES)


def test_have_base_and_difference_beside_them():
    """The means over cells; the interval holds the ratio."""
    cells = [cell(seed, {"base": 0.3, "after": 0.45}) for seed in range(6)]
    (row,) = relative_rows(cells, ["arena"])
    base, after = (
        np.mean([c.tables[Measured("rft", "strategy", "unsafe", m)]["value"] for c in cells]) for m in ("base", "after")
    )
    assert (row.levels, row.arm, row.probe, row.n) == ({"arena": "sales"}, "rft", "unsafe", 6)
    assert (row.change.base, row.change.difference) == pytest.approx((base, after - base))
    assert row.change.value == pytest.approx(after / base - 1)
    assert row.change.low < row.change.value < row.change.high and row.change.said == ""


def test_undefined_is_said():
    """Where next to no message had it before."""
    few, none = ([cell(seed, {"base": rate, "after": 0.3}) for seed in range(3)] for rate in (0.02, 0.0))
    assert [row.change.said for cells in (few, none) for row in relative_rows(cells, [])] == [UNDEFINED, UNDEFINED]


def test_needs_both_sides():
    """A probe that judged one of them has none."""
    assert not list(relative_rows([cell(1, {"after": 0.3})], []))
