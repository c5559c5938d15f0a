"""Relative changes over several trainings, against the formula for one and against a bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.estimates import relative_change
from analysis.tables.pooled import RunValues
from analysis.tables.relative_changes import relative_change_over


def values(anchors, labels):
    labels = np.asarray(labels, dtype=np.float64)
    return RunValues(np.array(anchors, dtype=object), None, labels, np.ones(len(labels)))


def runs(seeds, anchors, draw, rate=0.3, lift=0.15):
    return [
        (
            seed,
            values(range(anchors), draw.random(anchors) < rate),
            values(range(anchors), draw.random(anchors) < rate + lift),
        )
        for seed in range(seeds)
    ]


class TestOverTrainings:
    """Clustered on seeds and anchors."""

    def test_the_value_is_that_of_the_means(self):
        """Runs count alike, however many anchors each has."""
        one = (1, values("ab", [1, 0]), values("ab", [1, 1]))
        two = (2, values("abcd", [1, 0, 0, 0]), values("abcd", [0, 0, 0, 1]))
        assert relative_change_over([one, two]).value == pytest.approx((1 + 0.25) / (0.5 + 0.25) - 1)

    def test_with_an_anchor_for_each_seed_it_is_the_formula_of_one_run(self):
        """Same standard error: then pairs are independent."""
        draw = np.random.default_rng(2)
        y, x = (draw.random(200) < 0.5).astype(int), (draw.random(200) < 0.3).astype(int)
        parts = [(i, values([i], [x[i]]), values([i], [y[i]])) for i in range(200)]
        assert relative_change_over(parts).se == pytest.approx(relative_change(y, x).se, rel=1e-6)

    def test_the_interval_is_that_of_a_bootstrap(self):
        """Over seeds, where trainings differ much and anchors little: within a quarter of its width."""
        draw = np.random.default_rng(3)
        lifts = draw.normal(0.2, 0.08, 24)
        parts = [
            (seed, values(range(400), draw.random(400) < 0.3), values(range(400), draw.random(400) < 0.3 + lift))
            for seed, lift in enumerate(lifts)
        ]
        base, after = (np.array([part[side].sums.mean() for part in parts]) for side in (1, 2))
        chosen = draw.integers(0, 24, size=(4_000, 24))
        ratios = after[chosen].mean(axis=1) / base[chosen].mean(axis=1) - 1
        low, high = np.quantile(ratios, (0.025, 0.975))
        found = relative_change_over(parts)
        assert (found.high - found.low) == pytest.approx(high - low, rel=0.25)

    def test_in_a_society_seeds_alone_are_independent(self):
        """As many clusters as seeds, however many anchors."""
        parts = runs(4, 30, np.random.default_rng(4))
        assert relative_change_over(parts, networked=True).clusters == (4,)
        assert relative_change_over(parts).clusters == (4, 30)

    def test_without_a_base_there_is_none(self):
        """It is undefined, and not infinite; likewise an interval where nothing is left."""
        zero, some = values("ab", [0, 0]), values("ab", [1, 0])
        assert np.isnan(relative_change_over([(1, zero, some), (2, zero, some)]).value)
        gone = relative_change_over([(1, some, zero), (2, some, zero)])
        assert gone.value == -1 and np.isnan(gone.low)
        assert relative_change_over([]).n == 0

    def test_a_base_near_zero_has_no_interval(self):
        """One message of 20 before, in three trainings: the true rate may be as good as none."""
        draw = np.random.default_rng(4)
        parts = [
            (seed, values(range(20), [seed == 1] + [0] * 19), values(range(20), draw.random(20) < 0.4))
            for seed in range(3)
        ]
        found = relative_change_over(parts)
        assert found.value > 5 and np.isnan(found.low)

    def test_anchors_without_both_messages_are_left_out(self):
        """Pairs only."""
        assert relative_change_over([(1, values("ab", [1, 1]), values("bc", [1, 0]))]).n == 1
