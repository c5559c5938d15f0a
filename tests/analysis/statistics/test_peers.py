"""Our estimates against statsmodels, which other people wrote: the same numbers, to rounding."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.statistics.agreement import pair
from analysis.statistics.equal_length import at_equal_length
from analysis.statistics.estimates import (
    Estimate,
    clustered_mean,
    jackknife,
    mean_of,
    paired_difference,
    rate,
)
from analysis.statistics.families import holm
from analysis.statistics.sums import ClusteredSums
from moloch import keyed

sm = pytest.importorskip("statsmodels.api", reason="statsmodels is not installed: pip install 'moloch-abm[peers]'")
SEEDS = range(6)


def votes(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return 0/1 votes that share anchors and personas, unbalanced, with the anchor and the persona of each."""
    random = keyed.generator(seed, "peers")
    anchors, personas = 7 + 5 * seed, 5 + 3 * seed
    taste = random.normal(0, 0.5, anchors)[:, None] + random.normal(0, 0.4, personas)[None, :]
    cast = random.random((anchors, personas)) < 0.8
    a, b = np.nonzero(cast)
    return (random.normal(0, 1, len(a)) < taste[a, b]).astype(float), a, b


def mean_by_ols(values: np.ndarray, null: float = 0.0, **how: object) -> tuple[float, ...]:
    """Return value, standard error, bounds and p of a regression on a constant alone."""
    fit = sm.OLS(values - null, np.ones(len(values))).fit(use_t=True, **how)
    low, high = fit.conf_int()[0]
    return fit.params[0] + null, fit.bse[0], low + null, high + null, fit.pvalues[0]


def numbers(estimate: Estimate) -> tuple[float, ...]:
    """Return the same of one of ours."""
    return estimate.value, estimate.se, estimate.low, estimate.high, estimate.p


@pytest.mark.parametrize("seed", SEEDS)
class TestMeans:
    """Means of votes that are not independent."""

    def test_clustered_in_one_way(self, seed):
        """A regression on a constant with cluster-robust errors: value, error, interval and p."""
        values, anchors, _ = votes(seed)
        theirs = mean_by_ols(values, 0.5, cov_type="cluster", cov_kwds={"groups": anchors})
        assert numbers(clustered_mean(values, anchors, null=0.5)) == pytest.approx(theirs, rel=1e-9)

    def test_clustered_in_two_ways(self, seed):
        """The same with both groups: Cameron, Gelbach and Miller's errors, Student's t on the smaller number less one."""
        values, anchors, personas = votes(seed)
        groups = np.stack([anchors, personas], axis=1)
        theirs = mean_by_ols(values, 0.5, cov_type="cluster", cov_kwds={"groups": groups})
        assert numbers(clustered_mean(values, anchors, personas, null=0.5)) == pytest.approx(theirs, rel=1e-9)

    def test_two_ways_are_both_less_their_intersection(self, seed):
        """Three one-way regressions give the two-way error."""
        values, anchors, personas = votes(seed)
        both = anchors * (personas.max() + 1) + personas
        a, b, ab = (
            mean_by_ols(values, cov_type="cluster", cov_kwds={"groups": groups})[1] ** 2
            for groups in (anchors, personas, both)
        )
        assert clustered_mean(values, anchors, personas).se == pytest.approx(math.sqrt(a + b - ab), rel=1e-9)

    def test_from_sums(self, seed):
        """What is taken an anchor at a time gives the two-way errors, too."""
        values, anchors, personas = votes(seed)
        sums = ClusteredSums()
        for anchor in np.unique(anchors):
            sums.add(personas[anchors == anchor], values[anchors == anchor])
        groups = np.stack([anchors, personas], axis=1)
        theirs = mean_by_ols(values, 0.5, cov_type="cluster", cov_kwds={"groups": groups})
        assert numbers(sums.mean(null=0.5)) == pytest.approx(theirs, rel=1e-9)

    def test_of_independent_values(self, seed):
        """Seeds, say: Student's interval and test."""
        from statsmodels.stats.weightstats import DescrStatsW

        values = keyed.generator(seed, "seeds").normal(0.5, 0.1, 3 + seed)
        theirs, ours = DescrStatsW(values), mean_of(values, null=0.5)
        assert (ours.low, ours.high) == pytest.approx(theirs.tconfint_mean(), rel=1e-9)
        assert (ours.se, ours.p) == pytest.approx((theirs.std_mean, theirs.ttest_mean(0.5)[1]), rel=1e-9)

    def test_jackknife_of_a_mean(self, seed):
        """Leaving out one value after the other is Student's error."""
        values, _, _ = votes(seed)
        parts = np.stack([values, np.ones(len(values))], axis=1)
        ours = jackknife(parts, list(range(len(values))), lambda sums: sums[0] / sums[1])
        assert numbers(ours) == pytest.approx(mean_by_ols(values), rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
class TestLabels:
    """Shares of messages that misbehave."""

    def test_a_share_has_wilson_s_interval(self, seed):
        """Of few and of many, near zero and near one."""
        from statsmodels.stats.proportion import proportion_confint

        for n in (1, 7, 96, 2000):
            ones = min(n, round(n * seed / 5))
            ours = rate([1] * ones + [0] * (n - ones))
            theirs = proportion_confint(ones, n, method="wilson")
            assert (ours.low, ours.high) == pytest.approx(theirs, abs=1e-12)

    def test_pairs_have_mcnemar_s_exact_p(self, seed):
        """Over the pairs that differ."""
        from statsmodels.stats.contingency_tables import mcnemar

        after, before = (keyed.generator(seed, "pairs", side).random(60) < 0.2 + 0.1 * side for side in (0, 1))
        table = [[int(np.sum((after == i) & (before == j))) for j in (0, 1)] for i in (0, 1)]
        ours = paired_difference(after, before)
        assert ours.p == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-9)
        assert ours.value == pytest.approx((table[1][0] - table[0][1]) / 60)

    def test_at_equal_length(self, seed):
        """The intercept of a regression on length with HC3 errors."""
        random = keyed.generator(seed, "lengths")
        words = random.normal(0.1, 0.4, 20 + seed)
        labels = np.sign(random.normal(words, 1.0)).round()
        fit = sm.OLS(labels, sm.add_constant(words)).fit(cov_type="HC3", use_t=True)
        low, high = fit.conf_int()[0]
        theirs = fit.params[0], fit.bse[0], low, high, fit.pvalues[0]
        assert numbers(at_equal_length(labels, words)) == pytest.approx(theirs, rel=1e-8)

    def test_cohen_s_kappa(self, seed):
        """Of two raters and three codes."""
        from statsmodels.stats.inter_rater import cohens_kappa

        random = keyed.generator(seed, "kappa")
        first = random.integers(3, size=80)
        second = np.where(random.random(80) < 0.6, first, random.integers(3, size=80))
        table = [[int(np.sum((first == i) & (second == j))) for j in range(3)] for i in range(3)]
        assert pair(first, second).kappa.value == pytest.approx(cohens_kappa(table).kappa, rel=1e-9)


class TestCorrection:
    """Many probes and arms."""

    @pytest.mark.parametrize("n", [1, 2, 5, 40])
    def test_holm(self, n):
        """Adjusted p-values, ties and ones among them."""
        from statsmodels.stats.multitest import multipletests

        p = np.minimum(1.0, keyed.generator("holm", n).exponential(0.05, n).round(2))
        assert holm(p.tolist()) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-12)
