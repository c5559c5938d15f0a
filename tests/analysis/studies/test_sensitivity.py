"""What sensitivity indices promise: those of a function whose indices are known, with intervals that hold them."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.studies.pages.page import SampleDesign
from analysis.studies.pages.samples import points
from analysis.studies.values.sensitivity import indices

A, B = 7.0, 0.1
NAMES = ("x1", "x2", "x3")
WHOLE = A**2 / 8 + B * np.pi**4 / 5 + B**2 * np.pi**8 / 18 + 0.5
FIRST = {"x1": 0.5 * (1 + B * np.pi**4 / 5) ** 2 / WHOLE, "x2": A**2 / 8 / WHOLE, "x3": 0.0}
TOTAL = {"x1": 0.5 * (1 + B * np.pi**4 / 5) ** 2 / WHOLE + 8 * B**2 * np.pi**8 / 225 / WHOLE, "x2": FIRST["x2"]}
TOTAL["x3"] = 8 * B**2 * np.pi**8 / 225 / WHOLE


def design(method: str, n: int, **more) -> SampleDesign:
    """Return a design of Ishigami's three factors."""
    return SampleDesign.model_validate({"method": method, "n": n, **more, **{x: [-np.pi, np.pi] for x in NAMES}})


def ishigami(point) -> float:
    """Return Ishigami and Homma's function (1990)."""
    x1, x2, x3 = point
    return float(np.sin(x1) + A * np.sin(x2) ** 2 + B * x3**4 * np.sin(x1))


def outcome(sample: SampleDesign) -> dict:
    """Return the function at the points of a design."""
    return {tuple(p.values()): ishigami(p.values()) for p in points(sample)}


@pytest.mark.parametrize(("method", "n"), [("saltelli", 1024), ("sobol", 2048), ("lhs", 2048)])
def test_first_order_is_within_005(method, n):
    """Of what is known, by each design; and within its interval, which is narrow."""
    sample = design(method, n)
    for each in indices(sample, outcome(sample)):
        if each.index == "first_order":
            assert each.estimate.value == pytest.approx(FIRST[each.factor], abs=0.05)
            assert each.estimate.low - 0.02 < FIRST[each.factor] < each.estimate.high + 0.02
            assert each.estimate.high - each.estimate.low < 0.2


def test_total_order_is_within_005():
    """Which only the design of Sobol's indices has."""
    sample = design("saltelli", 1024)
    total = {each.factor: each.estimate for each in indices(sample, outcome(sample)) if each.index == "total_order"}
    for name, estimate in total.items():
        assert estimate.value == pytest.approx(TOTAL[name], abs=0.05) and estimate.low < TOTAL[name] < estimate.high


def test_morris_finds_what_acts_and_what_interacts():
    """Mean absolute effects of a function whose effects are plain, and a spread where an effect depends on another factor."""
    sample = design("morris", 40)
    made = {
        (each.factor, each.index): each.estimate
        for each in indices(sample, {tuple(p.values()): _plain(*p.values()) for p in points(sample)})
    }
    width = 2 * np.pi
    assert made["x1", "mu_star"].value == pytest.approx(2 * width)
    assert made["x1", "sigma"].value == pytest.approx(0, abs=1e-9) and made["x3", "mu_star"].value > 0
    assert made["x2", "sigma"].value > 1 and made["x2", "mu_star"].low < made["x2", "mu_star"].value


def _plain(x1: float, x2: float, x3: float) -> float:
    return 2 * x1 + x2 * x3


class TestHoles:
    """Points without an outcome."""

    def test_a_base_point_that_is_not_whole_is_left_out(self):
        """With all that belong to it; the others still tell."""
        sample = design("saltelli", 1024)
        values = outcome(sample)
        for point in list(values)[5:40]:
            del values[point]
        first = {e.factor: e.estimate for e in indices(sample, values) if e.index == "first_order"}
        assert all(first[name].value == pytest.approx(FIRST[name], abs=0.05) for name in NAMES)
        assert first["x1"].n == 1024 - 35

    def test_an_outcome_that_does_not_vary_has_no_indices(self):
        """Nor one that hardly any point has."""
        for method in ("saltelli", "morris", "sobol"):
            sample = design(method, 8)
            assert indices(sample, dict.fromkeys(outcome(sample), 1.0)) == []
            assert indices(sample, dict(list(outcome(sample).items())[:2])) == []


class TestDesigns:
    """Points."""

    def test_a_walk_moves_each_factor_once(self):
        """On the grid, and never outside the range."""
        sample = design("morris", 10)
        walks = np.array([list(p.values()) for p in points(sample)]).reshape(10, 4, 3)
        assert (np.abs(np.diff(walks, axis=1)).astype(bool).sum(axis=1) == 1).all()
        assert np.abs(walks).max() <= np.pi + 1e-12 and len(np.unique(walks.round(6))) == 4

    def test_whole_numbers_that_meet_are_one_point(self, tmp_path):
        """And one cell, not two runs of equal settings."""
        from analysis.studies.pages.cells import cells_of
        from analysis.studies.pages.page import page_of

        sample = {"epochs": {"low": 1, "high": 3, "integer": True}, "method": "saltelli", "n": 8}
        cells = cells_of(page_of({"name": "x", "sample": sample, "seeds": 1})).cells
        assert sorted(cell.factors["epochs"] for cell in cells) == [1, 2, 3]


@pytest.mark.parametrize("method", ["saltelli", "morris"])
def test_salib_says_the_same(method):
    """On the same points and outcomes."""
    pytest.importorskip("SALib")
    from SALib.analyze import morris, sobol

    from analysis.studies.pages.samples import positions

    sample = design(method, 256)
    values = [ishigami(p.values()) for p in points(sample)]
    problem = {"num_vars": 3, "names": list(NAMES), "bounds": [[0, 1]] * 3}
    ours = {(e.factor, e.index): e.estimate.value for e in indices(sample, outcome(sample))}
    if method == "morris":
        theirs = morris.analyze(problem, positions(sample), np.array(values), scaled=False, seed=1)
        assert [ours[name, "mu_star"] for name in NAMES] == pytest.approx(list(theirs["mu_star"]), rel=1e-6)
        return
    by_base = np.array(values).reshape(5, -1)[[0, 2, 3, 4, 1]].T.ravel()  # A, its mixtures, B
    theirs = sobol.analyze(problem, by_base, calc_second_order=False, seed=1)
    for index, name in (("first_order", "S1"), ("total_order", "ST")):
        assert [ours[factor, index] for factor in NAMES] == pytest.approx(list(theirs[name]), abs=0.02)
