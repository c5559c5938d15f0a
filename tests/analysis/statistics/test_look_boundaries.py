"""Alpha spending against what others published, and against its own meaning."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.look_boundaries import boundaries, nominal_levels, sequential_p, spent

FIFTHS = [0.2, 0.4, 0.6, 0.8, 1.0]


class TestBoundaries:
    """Of Lan and DeMets."""

    @pytest.mark.parametrize(
        ("spending", "published"),
        [
            ("obrien-fleming", [4.8769, 3.3570, 2.6803, 2.2898, 2.0310]),
            ("pocock", [2.4380, 2.4268, 2.4102, 2.3966, 2.3860]),
        ],
    )
    def test_five_equal_looks(self, spending, published):
        """Two-sided 5 %: as R's gsDesign (sfLDOF, sfLDPocock) and ldbounds have them."""
        assert boundaries(FIFTHS, spending) == pytest.approx(published, abs=2e-4)

    def test_four_looks_of_one_side(self):
        """One-sided 5 %, O'Brien and Fleming's: as in the documentation of SeqBounds.jl, which integrates coarsely."""
        quarters = [0.25, 0.5, 0.75, 1.0]
        assert boundaries(quarters, alpha=0.05, sides=1) == pytest.approx(
            [3.74955, 2.53993, 2.01604, 1.72014], abs=1e-4
        )
        assert nominal_levels(quarters, alpha=0.05, sides=1) == pytest.approx(
            [8.85754e-5, 0.00554366, 0.0218979, 0.0427037], abs=5e-6
        )

    def test_one_look_is_the_plain_test(self):
        """Nothing is spent before."""
        assert boundaries([1.0]) == pytest.approx([1.959964], abs=1e-6)

    @pytest.mark.parametrize("spending", ["obrien-fleming", "pocock"])
    def test_false_alarms_over_all_looks_are_alpha(self, spending):
        """Of Brownian paths drawn at unequal fractions, 60,000 of them."""
        fractions = np.array([0.25, 0.375, 0.75, 1.0])
        steps = np.random.default_rng(1).normal(size=(60_000, 4)) * np.sqrt(np.diff(fractions, prepend=0))
        crossed = np.abs(steps.cumsum(1)) / np.sqrt(fractions) > boundaries(fractions.tolist(), spending)
        assert crossed.any(1).mean() == pytest.approx(0.05, abs=0.003)
        by_then = [np.mean(crossed[:, : k + 1].any(1)) for k in range(4)]
        assert by_then == pytest.approx([2 * spent(0.025, f, spending) for f in fractions], abs=0.003)

    @pytest.mark.parametrize("fractions", [[0.5, 0.5], [0.0, 1.0], [0.5, 1.1]])
    def test_fractions_ascend(self, fractions):
        """From above 0 to 1 at most."""
        with pytest.raises(ValueError, match="ascend"):
            boundaries(fractions)


class TestFamilies:
    """Of several hypotheses, each with its share of alpha."""

    def test_levels_are_those_of_the_share(self):
        """And not a share of the levels of alpha: over five looks of Pocock's type these use up 12 % too much of a sixth (400,000 paths)."""
        steps = np.random.default_rng(1).normal(size=(400_000, 5)) * np.sqrt(0.2)
        p = 2 * stats.norm.sf(np.abs(steps.cumsum(1)) / np.sqrt(FIFTHS))
        right = nominal_levels(FIFTHS, "pocock", 0.05 / 6)
        wrong = np.array(nominal_levels(FIFTHS, "pocock", 0.05)) / 6
        used = [(p <= levels).any(1).mean() / (0.05 / 6) for levels in (right, wrong)]
        assert used == pytest.approx([1.0, 1.12], abs=0.04)


class TestSequentialP:
    """A look's p-value on the scale of the whole study."""

    @pytest.mark.parametrize("sides", [1, 2])
    def test_it_is_alpha_at_the_boundary(self, sides):
        """Whatever alpha is: what just decides at that level has it as its p."""
        for alpha in (0.01, 0.2):
            levels = nominal_levels(FIFTHS, "pocock", alpha, sides)
            for look, level in enumerate(levels):
                assert sequential_p(level, look, FIFTHS, "pocock", sides) == pytest.approx(alpha, abs=1e-5)

    def test_without_looks_it_is_the_p_itself(self):
        """And what is not known stays so."""
        assert sequential_p(0.03, 0, [1.0]) == 0.03 and np.isnan(sequential_p(float("nan"), 0, FIFTHS))

    def test_it_is_never_less(self):
        """A look costs something, and the end costs what the looks before took."""
        for p in (1e-4, 0.01, 0.3):
            assert all(sequential_p(p, look, FIFTHS) >= p - 1e-9 for look in (0, 2, 4))
