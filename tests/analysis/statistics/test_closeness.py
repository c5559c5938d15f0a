"""How close two samples are: known cases, sizes that matter, and weights."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.closeness import Sample, closeness


def sample(*values: int, weights=None, counts=None) -> Sample:
    n = len(values)
    return Sample(
        np.array(values, dtype=np.int64),
        np.array(weights or [1.0] * n, dtype=np.float64),
        np.array(counts or [1] * n, dtype=np.int64),
    )


class TestAgreement:
    """1 for the same shares, 0 for as far apart as can be."""

    @pytest.mark.parametrize("scale", [False, True])
    def test_the_same_and_the_opposite(self, scale):
        """Whatever the kind of options."""
        first = sample(0, 0, 1, 2)
        assert closeness(first, first, 3, scale=scale).agreement.value == 1
        assert closeness(sample(0, 0), sample(2, 2), 3, scale=scale).agreement.value == 0

    def test_on_a_scale_a_near_answer_is_nearer(self):
        """Without an order, every other answer is as far."""
        near, far = sample(1, 1), sample(2, 2)
        assert closeness(sample(0, 0), near, 3, scale=True).agreement.value == pytest.approx(0.5)
        assert closeness(sample(0, 0), far, 3, scale=True).agreement.value == 0
        assert closeness(sample(0, 0), near, 3, scale=False).agreement.value == 0

    def test_by_hand(self):
        """Shares 1/2, 1/2, 0 and 1/4, 1/4, 1/2."""
        first, second = sample(0, 1), sample(0, 1, 2, 2)
        assert closeness(first, second, 3, scale=False).agreement.value == pytest.approx(0.5)
        assert closeness(first, second, 3, scale=True).agreement.value == pytest.approx(1 - (0.25 + 0.5) / 2)

    def test_counts_and_weights(self):
        """A row with a count is so many rows; a weight counts in shares, not in sizes."""
        rows, counted = sample(0, 0, 0, 1), sample(0, 1, counts=[3, 1])
        assert closeness(rows, sample(0, 1), 2, scale=False) == closeness(counted, sample(0, 1), 2, scale=False)
        weighted = sample(0, 1, weights=[3.0, 1.0])
        assert weighted.shares(2).tolist() == rows.shares(2).tolist() and weighted.n == 2

    def test_nobody(self):
        """No number."""
        found = closeness(sample(), sample(0), 2, scale=False)
        assert np.isnan(found.agreement.value) and np.isnan(found.ceiling)


class TestUncertainty:
    """Intervals, and what drawing alone does."""

    def test_an_interval_holds_the_value_and_narrows(self):
        """With more people."""
        few = closeness(sample(0, 1, 1), sample(1, 1, 0), 2, scale=False).agreement
        many = closeness(sample(0, 1, counts=[100, 200]), sample(1, 0, counts=[200, 100]), 2, scale=False).agreement
        assert few.low <= few.value <= few.high and many.low <= many.value <= many.high
        assert many.high - many.low < few.high - few.low

    def test_small_samples_of_the_same_people_differ(self):
        """The ceiling is below 1, and rises with size; answering at random is worse where people are of one mind."""
        small = closeness(sample(0, 1), sample(0, 1), 2, scale=False)
        large = closeness(sample(0, 1, counts=[500, 500]), sample(0, 1, counts=[500, 500]), 2, scale=False)
        assert small.ceiling < large.ceiling < 1 and large.ceiling > 0.97
        one_mind = closeness(sample(0, counts=[500]), sample(0, counts=[500]), 2, scale=False)
        assert one_mind.ceiling == 1 and one_mind.chance == pytest.approx(0.5, abs=0.02)

    @pytest.mark.system
    def test_the_interval_covers(self):
        """The difference of two populations, in 95 of 100 samples or nearly."""
        random = np.random.default_rng(1)
        p, q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
        truth = 1 - np.abs(np.cumsum(p - q))[:-1].sum() / 2
        covered = 0
        for _ in range(200):
            first, second = random.multinomial(200, p), random.multinomial(200, q)
            found = closeness(
                sample(0, 1, 2, counts=first.tolist()), sample(0, 1, 2, counts=second.tolist()), 3, scale=True
            )
            covered += found.agreement.low <= truth <= found.agreement.high
        assert covered >= 180
