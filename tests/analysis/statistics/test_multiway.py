"""Intervals over several runs: right by two other computations, and they cover what they say they cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

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


def by_hand(residuals, weights, ways) -> float:
    """Return a variance by its definition: over all pairs of values that share any cluster, without inclusion and exclusion.

    Args:
        residuals, weights: of either side of a difference, or of one.
    """
    related = np.any([np.asarray(way)[:, None] == np.asarray(way)[None, :] for way in ways], axis=0)
    return sum(
        (e @ related @ f) / (1 - u @ related @ v)
        for e, u in zip(residuals, weights, strict=True)
        for f, v in zip(residuals, weights, strict=True)
    )


class TestRight:
    """The numbers."""

    @pytest.mark.parametrize("shared", [True, False])
    def test_three_ways_by_hand(self, shared):
        """Over all pairs of values, with anchors and people shared by seeds or not."""
        x, *ways = votes(shared=shared)
        got = multiway_mean(x, ways)
        assert got.value == pytest.approx(x.mean())
        residuals, weights = [(x - x.mean()) / len(x)], [np.full(len(x), 1 / len(x))]
        total = by_hand(residuals, weights, ways)
        parts = [by_hand(residuals, weights, [way]) for way in ways]
        assert got.parts == pytest.approx(tuple(parts))
        assert got.se**2 == pytest.approx(max(total, *parts))
        assert total > max(parts) if shared else total == pytest.approx(parts[0]), "a seed's own are nested in it"
        assert got.clusters == tuple(len(set(way)) for way in ways)

    def test_one_way_as_statsmodels_has_it(self):
        """With the factor of the number of clusters, in a regression on a constant."""
        sm = pytest.importorskip("statsmodels.api")
        x, seed, *_ = votes(9, 6, 5)
        fitted = sm.OLS(x, np.ones(len(x))).fit(use_t=True, cov_type="cluster", cov_kwds={"groups": seed})
        got = multiway_mean(x, (seed,))
        assert (got.low, got.high) == pytest.approx(tuple(fitted.conf_int(0.05)[0]), rel=1e-6)
        assert (got.se, got.p) == pytest.approx((fitted.bse[0], fitted.pvalues[0]))

    def test_skewness_is_that_of_a_mean(self):
        """Of 20 trainings that count alike: scipy's of the values, over the root of 20, with the variance that the interval has."""
        x = np.random.default_rng(2).exponential(1.0, 20)
        got = multiway_mean(x, [np.arange(20)])
        assert got.skew == pytest.approx(stats.skew(x) / 20**0.5 * (19 / 20) ** 1.5)
        assert multiway_mean(-x, [np.arange(20)]).skew == pytest.approx(-got.skew)

    def test_two_ways_as_statsmodels_has_them(self):
        """Of a regression on a constant; the correction for few clusters is ours, over all pairs at once."""
        linear = pytest.importorskip("statsmodels.regression.linear_model")
        sandwich = pytest.importorskip("statsmodels.stats.sandwich_covariance")
        x, _, anchor, person = votes(1, 30, 20)
        fitted = linear.OLS(x, np.ones(len(x))).fit()
        both = float(np.squeeze(sandwich.cov_cluster_2groups(fitted, anchor, person, use_correction=False)[0]))
        apart = (1 - 1 / 30) * (1 - 1 / 20)  # pairs of values that have neither in common
        assert multiway_mean(x, (anchor, person)).se ** 2 == pytest.approx(both / apart)

    def test_the_variance_is_right_on_average(self):
        """Of three seeds: without the correction the anchors' part, which seeds share, would come out a third too small."""
        random, x = np.random.default_rng(3), []
        seed, anchor, person = (axis.ravel() for axis in np.mgrid[:3, :12, :9])
        for _ in range(400):
            values = random.normal(0, 1, 12)[anchor] + random.normal(0, 0.1, len(anchor))
            x.append((values.mean(), multiway_mean(values, (seed, anchor, person)).se ** 2))
        means, variances = np.array(x).T
        assert np.mean(variances) == pytest.approx(1 / 12, rel=0.06) and np.var(means) == pytest.approx(1 / 12, rel=0.2)

    def test_one_and_two_ways_as_within_a_run(self):
        """The estimates that tables of a run have: the same for one way, and close to it for two."""
        x, _, anchor, person = votes(1, 30, 20)
        got, run = multiway_mean(x, (anchor,), null=0.1), clustered_mean(x, anchor, null=0.1)
        assert [got.value, got.low, got.high, got.p] == pytest.approx([run.value, run.low, run.high, run.p])
        got, run = multiway_mean(x, (anchor, person)), clustered_mean(x, anchor, person)
        assert got.se == pytest.approx(run.se, rel=0.03) and got.dof > run.dof == 19

    def test_a_difference_by_hand(self):
        """Also where one side lacks some of the clusters."""
        x, *ways = votes()
        treated = np.random.default_rng(2).random(len(x)) < 0.4
        x = x + treated * votes(draw=5)[0]  # each seed, anchor and person answers the treatment in its own way
        sides = [np.where(side, (x - x[side].mean()) / side.sum(), 0) for side in (treated, ~treated)]
        weights = [side / side.sum() for side in (treated, ~treated)]
        got = multiway_difference(x, treated, ways)
        assert got.value == pytest.approx(x[treated].mean() - x[~treated].mean())
        assert got.se**2 == pytest.approx(by_hand([sides[0], -sides[1]], weights, ways))

    def test_a_difference_of_seeds_apart_is_welch_s(self):
        """Where the sides have no seed in common, and seeds are all there is."""
        x, seeds = np.random.default_rng(4).normal(0, 1, 11), np.arange(11)
        got = multiway_difference(x, seeds < 5, (seeds,))
        from scipy import stats

        theirs = stats.ttest_ind(x[:5], x[5:], equal_var=False)
        assert got.value / got.se == pytest.approx(float(theirs.statistic))
        assert 4 < got.dof <= 9

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
        assert alone[1].no_variation, "anchors are alike"

    def test_a_single_seed_says_nothing_of_others(self):
        """A value, and no interval."""
        x, seed, anchor, person = votes(1)
        got = multiway_mean(x, (seed, anchor, person))
        assert got.value == pytest.approx(x.mean()) and np.isnan([got.low, got.high, got.se]).all()

    def test_no_values(self):
        """No estimate."""
        assert multiway_mean([], ([], [])) == NOTHING
        assert multiway_difference([1.0, 2.0], [True, True], ([0, 1],)) == NOTHING

    def test_identical_twins_do_not_vary(self):
        """Zero, with no interval: which is not the same as a single seed."""
        x, *ways = votes()
        got, alone = multiway_mean(0 * x, ways), multiway_mean(0 * x, (0 * ways[0], *ways[1:]))
        assert got.value == 0 and got.no_variation and np.isnan([got.low, got.dof, got.p, got.detectable]).all()
        assert not alone.no_variation and np.isnan(alone.se)


class TestDegreesOfFreedom:
    """Satterthwaite's, from the parts of single ways."""

    @staticmethod
    def of(spread: tuple[float, float, float], seeds: int = 3):
        """Return the estimate of a study in which seeds, anchors and people vary by so much."""
        random = np.random.default_rng(6)
        ways = [axis.ravel() for axis in np.mgrid[:seeds, :40, :30]]
        x = sum(random.normal(0, s, 1 + int(way.max()))[way] for way, s in zip(ways, spread, strict=True))
        return multiway_mean(x + random.normal(0, 0.1, len(x)), ways)

    def test_by_their_formula(self):
        """Of the estimate's own parts."""
        got = self.of((1, 2, 2))
        spread = sum(part**2 / (groups - 1) for part, groups in zip(got.parts, got.clusters, strict=True))
        assert got.dof == pytest.approx(got.se**4 / spread) and 2 < got.dof < 39
        assert (got.high - got.low) / 2 == pytest.approx(got.quantile(0.975) * got.se)

    def test_anchors_lend_none_to_seeds(self):
        """Three seeds that differ: two."""
        assert self.of((1, 0.1, 0.1)).dof == pytest.approx(2, abs=0.05)

    def test_seeds_take_none_from_anchors(self):
        """Three seeds that do not differ, on anchors and people that do."""
        assert self.of((0.01, 2, 0.1)).dof == pytest.approx(39, rel=0.15)

    def test_never_fewer_than_the_fewest_clusters_have(self):
        """Where nothing differs, parts are noise, and their sum is one part's."""
        assert self.of((0, 0, 0)).dof >= 2

    def test_clusters_of_unequal_size_are_fewer(self):
        """One seed with nearly all the values is hardly two."""
        x, seed = np.random.default_rng(1).normal(0, 1, 100), np.r_[np.zeros(98), 1, 2].astype(int)
        assert multiway_mean(x, (seed,)).dof == pytest.approx(2 / 3 / (0.98**2 + 2 * 0.01**2))


class TestFixed:
    """Trainings held fixed: what they come to is not one of the things that vary."""

    def test_the_luck_of_trainings_is_left_out(self):
        """Seeds that differ widely, and anchors and people that do little: these adapters are known well."""
        random = np.random.default_rng(9)
        ways = [axis.ravel() for axis in np.mgrid[:4, :30, :20]]
        x = random.normal(0, 5, 4)[ways[0]] + random.normal(0, 0.2, len(ways[0]))
        fixed, anew = multiway_mean(x, ways[1:], within=ways[0]), multiway_mean(x, ways)
        assert fixed.value == pytest.approx(anew.value) and fixed.se < 0.02 < 1 < anew.se

    @pytest.mark.parametrize("shared", [True, False])
    def test_by_hand(self, shared):
        """Residuals are from each training's own mean; each pair of trainings adds what they share."""
        x, seed, anchor, person = votes(shared=shared)
        of = [seed == each for each in range(4)]
        residuals = [np.where(side, (x - x[side].mean()) / len(x), 0) for side in of]
        got = multiway_mean(x, (anchor, person), within=seed)
        assert got.se**2 == pytest.approx(by_hand(residuals, [side / side.sum() for side in of], (anchor, person)))
        assert got.parts[0] == pytest.approx(by_hand(residuals, [side / side.sum() for side in of], (anchor,)))

    def test_each_training_with_anchors_of_its_own_costs_one(self):
        """As a stratified mean has them."""
        x, seed, anchor, _ = votes(shared=False)
        assert multiway_mean(x, (anchor,), within=seed).dof == pytest.approx(24 - 4)
        assert multiway_mean(x, (anchor % 6,), within=seed).dof == pytest.approx(6 - 1)

    def test_what_does_not_vary_within_a_training_plays_no_part(self):
        """A way with one cluster in each training has no degrees of freedom to give, and takes none."""
        x, seed, anchor, _ = votes()
        alone, beside = multiway_mean(x, (anchor,), within=seed), multiway_mean(x, (anchor, seed), within=seed)
        assert (beside.se, beside.dof) == pytest.approx((alone.se, alone.dof))

    def test_large_tables_are_sparse(self, monkeypatch):
        """And say the same."""
        x, seed, anchor, person = votes()
        dense = multiway_mean(x, (anchor, person), within=seed)
        for limit in ("_TABLE", "_EMPTY"):
            monkeypatch.setattr(f"analysis.statistics.multiway.{limit}", 0)
        sparse = multiway_mean(x, (anchor, person), within=seed)
        assert (sparse.se, sparse.dof) == pytest.approx((dense.se, dense.dof))


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

    @pytest.mark.system
    def test_anchors_and_people_of_all_seeds(self):
        """It covers where an interval over seeds, which share their anchors and people, does not."""
        three, over_seeds = self.covered(True, (0.1, 0.5, 0.3))
        assert three >= 0.93 and over_seeds <= 0.75

    @pytest.mark.system
    def test_drawn_for_each_seed(self):
        """It covers as well."""
        three, over_seeds = self.covered(False, (0.1, 0.5, 0.3))
        assert three >= 0.93 and over_seeds >= 0.92

    def test_where_seeds_are_what_differs(self):
        """And it is not merely wide: more seldom than one in fifty it would be no 95 %."""
        three, _ = self.covered(True, (0.5, 0.1, 0.1))
        assert 0.92 <= three <= 0.985
