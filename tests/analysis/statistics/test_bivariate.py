"""Two estimates at once: how they vary together, and a region that holds both as often as it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.bivariate import covariance_by_cluster, region


class TestCovariance:
    """Over clusters."""

    def test_of_means_of_pairs_is_numpys(self):
        """Where each cluster has one observation of each."""
        x, y = np.random.default_rng(1).normal(size=(2, 40))
        names = [f"a{i}" for i in range(40)]
        found = covariance_by_cluster(names, (x - x.mean()) / 40, names, (y - y.mean()) / 40)
        assert found == pytest.approx(np.cov(x, y)[0, 1] / 40)

    def test_observations_of_a_cluster_count_together(self):
        """Votes about one anchor, and its verdict."""
        found = covariance_by_cluster(["a", "a", "b"], [0.1, 0.2, -0.3], ["a", "b"], [0.5, -0.5])
        assert found == pytest.approx(2 * (0.3 * 0.5 + 0.3 * 0.5))

    def test_one_cluster_says_nothing(self):
        """Of others."""
        assert np.isnan(covariance_by_cluster(["a"], [0.0], ["a"], [0.0]))


class TestRegion:
    """Hotelling's."""

    @pytest.mark.system
    def test_it_holds_the_truth_in_95_of_100(self):
        """Over 2,000 samples of 12 correlated pairs; a region of two single intervals would hold about 0.91."""
        draw = np.random.default_rng(7)
        n, held = 12, 0
        for _ in range(2_000):
            x, y = draw.multivariate_normal((1.0, -2.0), [[1.0, 0.6], [0.6, 2.0]], size=n).T
            cov = np.cov(x, y) / n
            found = region(x.mean(), cov[0, 0] ** 0.5, y.mean(), cov[1, 1] ** 0.5, cov[0, 1], n - 1)
            held += found is not None and found.holds(1.0, -2.0)
        assert stats.binomtest(held, 2_000, 0.95).pvalue > 0.001

    def test_the_outline_is_its_edge(self):
        """Each point just inside, and outside when moved away from the centre; closed."""
        found = region(1.0, 0.5, 2.0, 0.25, 0.06, 11)
        outline = found.outline()
        assert outline[0] == outline[-1]
        for x, y in outline:
            inside = (1 + (x - 1) * 0.999, 2 + (y - 2) * 0.999)
            outside = (1 + (x - 1) * 1.001, 2 + (y - 2) * 1.001)
            assert found.holds(*inside) and not found.holds(*outside)

    @pytest.mark.parametrize(
        ("se", "cov", "dof"), [(0.0, 0.0, 9), (float("nan"), 0.0, 9), (1.0, float("nan"), 9), (1.0, 0.0, 1)]
    )
    def test_none_where_there_is_none(self, se, cov, dof):
        """No error, no covariance, or too few clusters."""
        assert region(0.0, se, 0.0, 1.0, cov, dof) is None
