"""What analysis.statistics.estimates promises."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.statistics.estimates import (
    NOTHING,
    Estimate,
    clustered_mean,
    mean_of,
    paired_difference,
    rate,
    relative_change,
)
from moloch import keyed


def crossed(random: np.random.Generator, anchors: int, personas: int, sd_a: float, sd_b: float):
    """Return values with a random effect of each anchor and each persona, and both labels; the true mean is 0."""
    effect = random.normal(0, sd_a, anchors)[:, None] + random.normal(0, sd_b, personas)[None, :]
    values = effect + random.normal(0, 1, (anchors, personas))
    a, b = np.indices(values.shape)
    return values.ravel(), a.ravel(), b.ravel()


class TestClusteredMean:
    """The mean of values that share anchors and personas."""

    def test_singletons_give_the_textbook_interval(self) -> None:
        """Clusters of one give Student's interval of the mean."""
        found = clustered_mean([1.0, 2.0, 3.0, 4.0], [0, 1, 2, 3])
        assert found.value == 2.5
        assert found.se == pytest.approx(math.sqrt(5 / 3 / 4))
        assert found.high - found.value == pytest.approx(3.182446 * found.se, rel=1e-6)

    def test_repeating_every_value_adds_no_information(self) -> None:
        """Ten copies of each anchor's value leave the interval as it was."""
        values = [0.1, 0.4, 0.7, 0.2, 0.9]
        once = clustered_mean(values, range(5))
        ten = clustered_mean(np.repeat(values, 10), np.repeat(range(5), 10))
        assert (ten.low, ten.high) == pytest.approx((once.low, once.high))
        assert (ten.n, ten.clusters) == (50, (5,))

    def test_two_way_variance_is_the_sum_of_both_less_the_intersection(self) -> None:
        """On a 2 x 2 table the formula of Cameron, Gelbach and Miller comes out by hand."""
        x = np.array([1.0, 0.0, 0.0, 1.0, 1.0, 0.0])  # anchors 0 0 1 1 2 2, personas 0 1 0 1 0 1
        u = x - 0.5
        by_anchor = 1.5 * sum(u[i : i + 2].sum() ** 2 for i in (0, 2, 4)) / 36
        by_persona = 2.0 * (u[::2].sum() ** 2 + u[1::2].sum() ** 2) / 36
        each = 6 / 5 * (u**2).sum() / 36
        expected = by_anchor + by_persona - each
        found = clustered_mean(x, [0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 1])
        assert found.se == pytest.approx(math.sqrt(expected if expected > 0 else max(by_anchor, by_persona)))

    def test_covers_the_truth_under_crossed_random_effects(self) -> None:
        """The two-way interval covers about 95 %; one that ignores personas does not."""
        two_way, one_way = coverage(runs=300)
        assert 0.91 <= two_way <= 0.99
        assert one_way < two_way - 0.1

    @pytest.mark.slow
    def test_covers_the_truth_in_a_long_simulation(self) -> None:
        """Over 4,000 simulated studies of 96 anchors and 20 personas coverage is 93 to 97 %."""
        two_way, _ = coverage(runs=4000)
        assert 0.93 <= two_way <= 0.97

    def test_nothing_gives_nothing(self) -> None:
        """No values give NaN and n = 0; one cluster gives a value without an interval."""
        assert clustered_mean([], []).n == 0
        alone = clustered_mean([1.0, 0.0], ["a", "a"])
        assert alone.value == 0.5 and math.isnan(alone.low)

    def test_states_the_difference_it_could_have_detected(self) -> None:
        """2.80 standard errors where an interval is normal, and more where Student's t has few degrees of freedom."""
        found = clustered_mean([1.0, 2.0, 3.0, 4.0], range(4))
        assert found.detectable == pytest.approx((3.182446 + 0.978472) * found.se, rel=1e-5)
        normal = paired_difference([1, 0, 1], [0, 0, 1])
        assert normal.detectable == pytest.approx(2.801585 * normal.se, rel=1e-6)

    def test_gives_an_interval_of_any_coverage(self) -> None:
        """From value, standard error and degrees of freedom; none where there is none."""
        found = clustered_mean([1.0, 2.0, 3.0, 4.0], range(4))
        assert found.interval(0.95) == pytest.approx((found.low, found.high))
        assert found.interval(0.9)[1] - found.value == pytest.approx(2.353363 * found.se, rel=1e-6)
        assert all(math.isnan(bound) for bound in clustered_mean([1.0, 1.0], range(2)).interval(0.9))


def coverage(runs: int) -> tuple[float, float]:
    """Return the share of intervals that hold the true mean: two-way, and clustered on anchors only."""
    random = keyed.generator(1, "coverage")
    two, one = 0, 0
    for _ in range(runs):
        values, a, b = crossed(random, 96, 20, 0.5, 0.3)
        found = clustered_mean(values, a, b)
        two += found.low <= 0 <= found.high
        found = clustered_mean(values, a)
        one += found.low <= 0 <= found.high
    return two / runs, one / runs


class TestWithin:
    """An interval ends where the quantity does."""

    def test_only_bounds_are_moved(self) -> None:
        """Value, n and p stay; a bound that is inside stays too."""
        found = Estimate(0.9, 0.7, 1.3, 8, (2,), 0.1, 0.02)
        assert found.within(0, 1) == Estimate(0.9, 0.7, 1, 8, (2,), 0.1, 0.02)
        assert Estimate(0.1, -0.3, 0.4, 8).within(0, 1).low == 0

    def test_no_interval_stays_none(self) -> None:
        """What the data cannot give is not the whole axis."""
        found = Estimate(0.5, math.nan, math.nan, 1).within(0, 1)
        assert math.isnan(found.low) and math.isnan(found.high)


class TestPrinted:
    """An estimate in a line."""

    def test_what_is_not_known_is_a_dash(self):
        """Readers of a script's output meet no nan."""
        assert str(Estimate(0.5, 0.25, 0.75, 8)) == "0.500 [0.250, 0.750] n=8"
        assert str(Estimate(0.0, math.nan, math.nan, 8)) == "0.000 [–, –] n=8"
        assert str(NOTHING) == "–"


class TestRates:
    """Shares, their paired differences and relative changes."""

    def test_wilson_interval_of_a_known_case(self) -> None:
        """8 of 10 give 0.490 .. 0.943 (Newcombe 1998)."""
        found = rate([1] * 8 + [0] * 2)
        assert (found.low, found.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)

    def test_a_rate_of_zero_still_has_a_width(self) -> None:
        """No hit in 96 does not mean that there are none: the interval ends at 3.8 %."""
        assert rate([0] * 96).high == pytest.approx(0.0385, abs=1e-3)

    def test_paired_difference_and_mcnemar_of_a_known_case(self) -> None:
        """With 12 up and 2 down in 50 pairs: +0.20, exact p = 0.01294."""
        before = [0] * 12 + [1] * 2 + [0] * 30 + [1] * 6
        after = [1] * 12 + [0] * 2 + [0] * 30 + [1] * 6
        found = paired_difference(after, before)
        assert found.value == pytest.approx(0.2)
        assert found.p == pytest.approx(0.012939, abs=1e-6)
        assert 0.04 < found.low < found.value < found.high < 0.34

    def test_pairs_that_never_differ_have_a_width_and_p_one(self) -> None:
        """Nothing changed in 96 pairs: the interval is around zero, not zero."""
        found = paired_difference([0] * 96, [0] * 96)
        assert found.p == 1.0 and found.low < 0 < found.high

    def test_unpaired_shapes_are_refused(self) -> None:
        """Values that cannot be pairs are an error, not a guess."""
        with pytest.raises(ValueError, match="equal shapes"):
            paired_difference([1, 0], [1])

    def test_paired_interval_covers(self) -> None:
        """Over simulated paired studies the interval covers the true difference in about 95 %."""
        random = keyed.generator(2, "paired")
        hits = 0
        for _ in range(600):
            u = random.random(96)
            before, after = u < 0.12, np.where(random.random(96) < 0.5, u, random.random(96)) < 0.2
            found = paired_difference(after, before)
            hits += found.low <= 0.08 <= found.high
        assert 0.92 <= hits / 600 <= 0.98

    def test_relative_change_is_the_ratio_less_one(self) -> None:
        """From 10 % to 15 % is +50 %, with an interval on the ratio's scale."""
        before, after = np.zeros(200), np.zeros(200)
        before[:20], after[10:40] = 1, 1
        found = relative_change(after, before)
        assert found.value == pytest.approx(0.5)
        assert -1 < found.low < 0.5 < found.high

    def test_the_error_of_a_relative_change_is_that_of_a_sample(self) -> None:
        """The ratio's influences vary about a mean that was estimated: n - 1, not n."""
        after, before = np.array([3.0, 1.0, 4.0]), np.array([1.0, 1.0, 2.0])
        influence = after / after.mean() - before / before.mean()  # of the log ratio
        wanted = 2.0 * math.sqrt(sum((influence - influence.mean()) ** 2) / 2 / 3)
        assert relative_change(after, before).se == pytest.approx(wanted, rel=1e-12)

    def test_the_share_of_nothing_begins_at_zero(self) -> None:
        """Exactly, however many were asked, and that of all ends at one: no interval has a negative share."""
        for n in range(1, 400):
            assert rate([0] * n).low == 0.0 and rate([1] * n).high == 1.0

    def test_relative_change_of_nothing_is_not_a_number(self) -> None:
        """A base rate of zero has no relative change."""
        assert math.isnan(relative_change([1, 0], [0, 0]).value)

    def test_relative_change_of_next_to_nothing_has_no_interval(self) -> None:
        """Two messages of 96 before: the true rate may be as good as 0, and the ratio anything."""
        few, some = (
            relative_change([1] * 8 + [0] * 88, [1] * 2 + [0] * 94),
            relative_change([1] * 8 + [0] * 88, [1] * 9 + [0] * 87),
        )
        assert few.value == pytest.approx(3.0) and math.isnan(few.low)
        assert some.low < some.value < some.high

    def test_relative_interval_covers(self) -> None:
        """The interval covers the true ratio in about 95 % of simulated studies."""
        random = keyed.generator(3, "ratio")
        hits = sum(
            (found := relative_change(random.random(300) < 0.3, random.random(300) < 0.2)).low <= 0.5 <= found.high
            for _ in range(600)
        )
        assert 0.92 <= hits / 600 <= 0.98

    def test_mean_of_seeds_is_students(self) -> None:
        """Five seeds give Student's interval with four degrees of freedom."""
        found = mean_of([0.51, 0.53, 0.55, 0.52, 0.54], null=0.5)
        assert found.high - found.value == pytest.approx(2.776445 * math.sqrt(0.00025 / 5), rel=1e-5)
        assert found.p == pytest.approx(0.01324, abs=1e-4)

    def test_equal_values_have_no_interval(self) -> None:
        """Two seeds that happen to agree are no certainty: their spread is not known."""
        for values in ([0.25, 0.25], [0.1 + 0.2, 0.3], [0.0, 0.0, 0.0]):
            found = mean_of(values)
            assert found.value == pytest.approx(values[0]) and math.isnan(found.low) and math.isnan(found.p)
            assert found.no_variation
