"""Intervals over several runs: right by two other computations, and they cover what they say they cover."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.statistics.estimates import NOTHING, clustered_mean, mean_of
from analysis.statistics.multiway import multiway_difference, multiway_mean


def votes(seeds: int = 4, anchors: int = 6, people: int = 5, *, shared: bool = True, draw: int = 1):
    """Return value, seed, anchor and person of a study in which each of them matters."""
    random = np.random.default_rng(draw)
    seed, anchor, person = (axis.ravel() for axis in np.mgrid[:seeds, :anchors, :people])
    if not shared:
        anchor, person = anchor + anchors * seed, person + people * seed
    of = [random.normal(0, spread, 1 + int(axis.max()))[axis] for axis, spread in ((seed, 1), (anchor, 1), (person, 1))]
    return sum(of) + random.normal(0, 1, len(seed)), seed, anchor, person


def by_hand(influence, ways) -> tuple[float, float]:
    """Return the variance by its definition, over all pairs of values that share a cluster of a combination of ways; and its floor."""
    total, single = 0.0, []
    for k in range(1, len(ways) + 1):
        for chosen in combinations(ways, k):
            labels = list(zip(*chosen, strict=True))
            groups = len(set(labels))
            pairs = sum(
                influence[i] * influence[j]
                for i in range(len(labels))
                for j in range(len(labels))
                if labels[i] == labels[j]
            )
            part = groups / (groups - 1) * pairs
            total += part if k % 2 else -part
            single += [part] if k == 1 else []
    return total, max(single)


class TestRight:
    """The numbers."""

    @pytest.mark.parametrize("shared", [True, False])
    def test_three_ways_by_hand(self, shared):
        """Over all pairs of values, with anchors and people shared by seeds or not."""
        x, *ways = votes(shared=shared)
        got = multiway_mean(x, ways)
        assert got.value == pytest.approx(x.mean())
        total, floor = by_hand((x - x.mean()) / len(x), ways)
        assert got.se**2 == pytest.approx(total if shared else floor)
        assert total > floor if shared else total == pytest.approx(floor, rel=0.1), "a seed's own are nested in it"
        assert got.clusters == tuple(len(set(way)) for way in ways)

    def test_two_ways_as_statsmodels_has_them(self):
        """Of a regression on a constant."""
        linear = pytest.importorskip("statsmodels.regression.linear_model")
        sandwich = pytest.importorskip("statsmodels.stats.sandwich_covariance")
        x, _, anchor, person = votes(1, 30, 20)
        fitted = linear.OLS(x, np.ones(len(x))).fit()
        both = sandwich.cov_cluster_2groups(fitted, anchor, person)[0]
        assert multiway_mean(x, (anchor, person)).se ** 2 == pytest.approx(float(np.squeeze(both)))

    def test_one_and_two_ways_as_within_a_run(self):
        """The estimates that tables of a run have."""
        x, _, anchor, person = votes(1, 30, 20)
        for ways in ((anchor,), (anchor, person)):
            got, run = multiway_mean(x, ways, null=0.1), clustered_mean(x, *ways, null=0.1)
            assert [got.value, got.low, got.high, got.p] == pytest.approx([run.value, run.low, run.high, run.p])

    def test_a_difference_by_hand(self):
        """Also where one side lacks some of the clusters."""
        x, *ways = votes()
        treated = np.random.default_rng(2).random(len(x)) < 0.4
        x = x + treated * votes(draw=5)[0]  # each seed, anchor and person answers the treatment in its own way
        sides = [np.where(side, (x - x[side].mean()) / side.sum(), 0) for side in (treated, ~treated)]
        got = multiway_difference(x, treated, ways)
        assert got.value == pytest.approx(x[treated].mean() - x[~treated].mean())
        total, floor = by_hand(sides[0] - sides[1], ways)
        assert got.se**2 == pytest.approx(total) and total > floor

    def test_a_difference_of_pairs_is_the_mean_of_differences(self):
        """Each person votes for both about each anchor: what both votes have in common drops out."""
        x, *ways = votes()
        other = x + np.random.default_rng(2).normal(0.3, 0.2, len(x))
        treated = np.repeat([True, False], len(x))
        got = multiway_difference(np.concatenate([other, x]), treated, [np.tile(way, 2) for way in ways])
        paired = multiway_mean(other - x, ways)
        assert (got.value, got.low, got.high) == pytest.approx((paired.value, paired.low, paired.high))

    def test_sums_in_place_of_values(self):
        """A row may stand for several values of one cell."""
        x, *ways = votes()
        twice = [np.tile(way, 2) for way in ways]
        each = multiway_mean(np.concatenate([x, -x]), twice)
        assert multiway_mean(x - x, ways, counts=np.full(len(x), 2)).n == each.n == 2 * len(x)
        double = multiway_mean(np.concatenate([x, x + 1]), twice)
        summed = multiway_mean(2 * x + 1, ways, counts=np.full(len(x), 2))
        assert (summed.value, summed.se) == pytest.approx((double.value, double.se))

    @given(st.permutations(range(3)), st.integers(0, 2**31))
    def test_names_and_order_play_no_part(self, order, random):
        """Texts or numbers, rows and ways in any order."""
        x, *ways = votes()
        rows = np.random.default_rng(random).permutation(len(x))
        named = [np.array([f"{random}:{label}" for label in ways[way][rows]]) for way in order]
        got, plain = multiway_mean(x[rows], named), multiway_mean(x, ways)
        assert (got.low, got.high, got.p) == pytest.approx((plain.low, plain.high, plain.p))

    def test_sparse_numbers(self):
        """Identities that are far apart are sorted, not counted."""
        x, *ways = votes()
        far = [way * 10**12 - 7 for way in ways]
        assert multiway_mean(x, far) == multiway_mean(x, ways)


class TestFloors:
    """Where data cannot give an interval, or gives one that is too short."""

    def test_never_less_than_one_way_alone(self):
        """Values that repel each other within cells would give less, even less than nothing."""
        seed, anchor = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
        x = np.array([1.0, -1.0, -1.0, 1.0]) + np.array([0.1, 0.1, -0.1, -0.1])
        alone = [multiway_mean(x, (way,)) for way in (seed, anchor)]
        assert multiway_mean(x, (seed, anchor)).se == pytest.approx(alone[0].se) and alone[0].se > 0
        assert np.isnan(alone[1].se), "anchors are alike"

    def test_a_single_seed_says_nothing_of_others(self):
        """A value, and no interval."""
        x, seed, anchor, person = votes(1)
        got = multiway_mean(x, (seed, anchor, person))
        assert got.value == pytest.approx(x.mean()) and np.isnan([got.low, got.high, got.se]).all()

    def test_no_values(self):
        """No estimate."""
        assert multiway_mean([], ([], [])) == NOTHING
        assert multiway_difference([1.0, 2.0], [True, True], ([0, 1],)) == NOTHING

    def test_the_fewest_clusters_give_the_degrees_of_freedom(self):
        """Three seeds: Student's t with two."""
        x, *ways = votes(3, 40, 40)
        got = multiway_mean(x, ways)
        assert (got.high - got.low) / (2 * got.se) == pytest.approx(4.302653, rel=1e-6)


class TestCoverage:
    """Of the mean over all seeds, anchors and people, zero, in simulated studies of eight seeds."""

    @staticmethod
    def covered(shared: bool, spread: tuple[float, float, float], studies: int = 300) -> tuple[float, float]:
        """Return the shares of studies whose interval covers zero: three-way, and Student's over seeds."""
        random = np.random.default_rng(8)
        seed, anchor, person = (axis.ravel() for axis in np.mgrid[:8, :24, :12])
        if not shared:
            anchor, person = anchor + 24 * seed, person + 12 * seed
        hits = np.zeros(2)
        for _ in range(studies):
            effects = [
                random.normal(0, s, 1 + int(a.max()))[a] for a, s in zip((seed, anchor, person), spread, strict=True)
            ]
            x = sum(effects) + random.normal(0, 1, len(seed))
            over_seeds = mean_of(x.reshape(8, -1).mean(axis=1))
            hits += [each.low < 0 < each.high for each in (multiway_mean(x, (seed, anchor, person)), over_seeds)]
        return tuple(hits / studies)

    def test_anchors_and_people_of_all_seeds(self):
        """It covers where an interval over seeds, which share their anchors and people, does not."""
        three, over_seeds = self.covered(True, (0.1, 0.5, 0.3))
        assert three >= 0.93 and over_seeds <= 0.75

    def test_drawn_for_each_seed(self):
        """It covers as well."""
        three, over_seeds = self.covered(False, (0.1, 0.5, 0.3))
        assert three >= 0.93 and over_seeds >= 0.92

    def test_where_seeds_are_what_differs(self):
        """And it is not merely wide: more seldom than one in fifty it would be no 95 %."""
        three, _ = self.covered(True, (0.5, 0.1, 0.1))
        assert 0.92 <= three <= 0.985
