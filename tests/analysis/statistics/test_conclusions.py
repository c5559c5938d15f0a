"""What may be concluded, and what may not."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from scipy import stats

from analysis.statistics.conclusions import conclude, equivalence_interval, seeds_for, tost
from analysis.statistics.estimates import Estimate, mean_of, paired_difference
from analysis.statistics.multiway import multiway_mean


def estimate(value: float, se: float = 0.01, dof: float = 40.0) -> Estimate:
    """Return an estimate of a difference over 5 seeds, 96 anchors and 20 people."""
    made = Estimate(value, 0.0, 0.0, 9600, (5, 96, 20), se, dof=dof, parts=(se**2 / 2, se**2 / 4, se**2 / 4))
    low, high = made.interval(0.95)
    p = float(2 * stats.t.sf(abs(value) / se, dof))
    return Estimate(value, low, high, 9600, (5, 96, 20), se, p, dof, made.parts)


class TestWords:
    """Which of the four it is."""

    @pytest.mark.parametrize(
        ("value", "margin", "word"),
        [
            (0.05, 0.02, "effect"),
            (0.05, None, "effect"),
            (-0.05, 0.02, "effect"),
            (0.03, 0.06, "effect, smaller than the margin"),
            (0.002, 0.03, "equivalent to none"),
            (-0.002, 0.03, "equivalent to none"),
            (-0.018, 0.02, "cannot tell"),
            (0.002, 0.01, "cannot tell"),
            (0.0, None, "cannot tell"),
        ],
    )
    def test_by_both_tests(self, value, margin, word):
        """Of an effect at 95 %, of equivalence at 90 %."""
        assert conclude(estimate(value), margin).word == word

    def test_the_intervals_are_the_tests(self):
        """Equivalent where the 90 % interval lies within the margin, and nowhere else: 1.684 standard errors of 40 degrees of freedom."""
        inside, outside = (conclude(estimate(value), 0.02) for value in (0.02 - 0.016840, 0.02 - 0.016838))
        assert inside.word == "equivalent to none" and inside.high_90 < 0.02 and inside.p_equivalence < 0.05
        assert outside.word == "cannot tell" and outside.high_90 > 0.02 and outside.p_equivalence > 0.05
        assert inside.low_90 == pytest.approx(0.02 - 2 * 0.01684, abs=1e-5)

    def test_corrected_p_values_decide(self):
        """Where there is a family: what is significant alone may not be among many."""
        found, equal = estimate(0.025), estimate(0.0)
        assert conclude(found, None).word == "effect" and conclude(found, None, p=0.2).word == "cannot tell"
        assert conclude(equal, 0.02).word == "equivalent to none"
        assert conclude(equal, 0.02, p_equivalence=0.2).word == "cannot tell"
        assert conclude(equal, 0.02, p_equivalence=0.2).p_equivalence == pytest.approx(tost(equal, 0.02))

    def test_a_margin_is_above_zero(self):
        """Or it is none."""
        with pytest.raises(ValueError, match="above 0, not 0"):
            conclude(estimate(0.0), 0)


class TestEquivalence:
    """Two one-sided tests."""

    def test_as_statsmodels_has_them(self):
        """Of independent values."""
        weights = pytest.importorskip("statsmodels.stats.weightstats")
        x = np.random.default_rng(1).normal(0.01, 0.05, 12)
        theirs = weights.DescrStatsW(x).ttost_mean(-0.03, 0.03)[0]
        assert tost(mean_of(x), 0.03) == pytest.approx(float(theirs))

    def test_of_a_normal_interval(self):
        """Paired labels have one."""
        pairs = paired_difference([1, 0] * 100, [1, 0] * 100)
        assert tost(pairs, 0.05) == pytest.approx(1 - 0.5 * (1 + math.erf(0.05 / pairs.se / math.sqrt(2))), rel=1e-6)

    @pytest.mark.parametrize("skew", [-0.8, -0.1, 0.1, 0.8])
    def test_a_skewed_estimate_needs_more_on_its_side(self, skew):
        """Its interval is its test, longer where the tail is short of studies and as it was on the other side."""
        plain, skewed = estimate(0.0), msgspec.structs.replace(estimate(0.0), skew=skew)
        low, high = equivalence_interval(skewed)
        assert [-low, high][skew < 0] == pytest.approx(equivalence_interval(plain)[1])
        t = stats.t.ppf(0.95, 40)
        far = [-low, high][skew > 0]
        assert far == pytest.approx(0.01 * (t + abs(skew) * (2 * t * t + 1) / 6))
        assert tost(skewed, far * 1.0001) < 0.05 < tost(skewed, far * 0.9999)
        assert tost(msgspec.structs.replace(skewed, value=0.5), 0.02) == pytest.approx(1, abs=1e-3)

    def test_it_errs_less_where_trainings_move_their_variance(self):
        """Twelve trainings, exponential about the margin: "smaller than that" is wrong in well over 5 of 100 without the term."""
        drawn = np.random.default_rng(3).exponential(0.03, (1500, 12))
        studies = [multiway_mean(x, [np.arange(12)]) for x in drawn]
        with_term = np.mean([tost(each, 0.03) < 0.05 for each in studies])
        without = np.mean([tost(msgspec.structs.replace(each, skew=0.0), 0.03) < 0.05 for each in studies])
        assert without > 0.09 and with_term < without - 0.03

    def test_without_a_margin_there_is_none(self):
        """Nor without an interval."""
        assert math.isnan(tost(estimate(0.0), None)) and math.isnan(tost(mean_of([0.1]), 0.02))


class TestNeeds:
    """What it would take, where it cannot be told."""

    def test_more_seeds(self):
        """So many that the part which they give shrinks enough; what seeds share does not."""
        unclear = estimate(0.01)
        seeds = seeds_for(unclear, 0.026)
        assert (
            seeds is not None
            and conclude(unclear, 0.026).needs == f"about {seeds} seeds would tell 2.6 points from none"
        )
        variance = 0.01**2 * (0.5 * 5 / seeds + 0.5)
        assert 2.8 * variance**0.5 < 0.026 and seeds > 5
        assert seeds_for(unclear, 0.025) > seeds

    def test_no_number_of_seeds(self):
        """Where what they share is too uncertain by itself."""
        assert seeds_for(estimate(0.01), 0.012) is None
        assert conclude(estimate(0.01), 0.012).needs.startswith("more seeds alone would not suffice")

    def test_what_else_is_missing(self):
        """Seeds, a margin, variation; and nothing where it can be told."""
        assert conclude(mean_of([0.1]), 0.02).needs == "needs at least 2 seeds"
        assert conclude(mean_of([0.0, 0.0]), 0.02).needs == "no variation: all differences are equal"
        assert conclude(estimate(0.0), None).needs.startswith("no margin is declared; an effect of 2.9 points")
        assert conclude(estimate(0.05), 0.02).needs == ""
