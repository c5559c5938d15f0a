"""Two-phase samples: means of labels over strata, their influence, and their bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.estimates import clustered_mean
from analysis.statistics.two_phase import TwoPhaseSample
from tests.analysis.statistics.two_phases import world


def by_hand(found, truth, weights) -> float:
    """Return the stratified mean, stratum by stratum."""
    total = 0.0
    for said in (0, 1):
        units = (found == said) & (weights > 0)
        labelled = units & ~np.isnan(truth)
        if units.any():
            total += units.sum() * truth[labelled].mean()
    return total / (weights > 0).sum()


class TestMeans:
    """The mean that labels of all would have."""

    def test_is_the_stratified_mean(self):
        """Each stratum's mean label, weighted by its share of the population."""
        for seed in range(5):
            drawn = world(seed)
            for arm in drawn.arms:
                told = drawn.sample.true(arm).value
                assert told == pytest.approx(by_hand(drawn.sample.found, drawn.sample.truth, arm))

    def test_all_labelled(self):
        """Is the mean of labels, with the interval of a mean clustered on anchors."""
        drawn = world(1)
        anchors = np.tile(np.arange(200), 2)
        sample = TwoPhaseSample(drawn.sample.found, drawn.truth, drawn.strata, [anchors])
        one = drawn.arms[0] > 0
        told, plain = sample.estimate(sample.true(drawn.arms[0])), clustered_mean(drawn.truth[one], anchors[one])
        assert told.value == pytest.approx(plain.value) and told.se == pytest.approx(plain.se, rel=0.01)

    def test_its_variance_is_that_of_two_phases(self):
        """Independent units: Cochran, Sampling Techniques (1977), 12.9, ``between / n' + sum W^2 s^2 / n``."""
        drawn = world(3, rates=(0.3,), labels=80, anchors=400)
        found, truth = drawn.sample.found, drawn.sample.truth
        shares = [(found == s).mean() for s in (0, 1)]
        labels = [truth[(found == s) & ~np.isnan(truth)] for s in (0, 1)]
        mean = sum(w * t.mean() for w, t in zip(shares, labels, strict=True))
        between = sum(w * (t.mean() - mean) ** 2 for w, t in zip(shares, labels, strict=True)) / len(found)
        within = sum(w**2 * t.var(ddof=1) / len(t) for w, t in zip(shares, labels, strict=True))
        drawn.sample.__dict__["_unseen"] = np.zeros(2)  # what few labels do not show is another matter
        assert drawn.sample.estimate(drawn.sample.true(drawn.arms[0])).se == pytest.approx(
            np.sqrt(between + within), rel=0.02
        )

    def test_runs_that_count_alike(self):
        """Weights within a stratum differ: its mean is the weighted one."""
        found, truth = [1, 1, 1, 0, 0], [1.0, 0.0, 1.0, 0.0, np.nan]
        sample = TwoPhaseSample(found, truth, [0] * 5, [np.arange(5)])
        weights = np.array([3.0, 1.0, 1.0, 1.0, 4.0])
        assert sample.true(weights).value == pytest.approx((5 * (4 / 5) + 0) / 10)
        assert sample.true(weights).influence.sum() == pytest.approx(0)

    def test_a_stratum_without_labels(self):
        """Is said to lack them, and its mean is no number; one that does not count lacks nothing."""
        sample = TwoPhaseSample([1, 1, 0, 0], [1.0, np.nan, np.nan, np.nan], [0] * 4, [np.arange(4)])
        assert sample.lacks_labels(np.ones(4)).tolist() == [True, False]
        assert np.isnan(sample.true(np.ones(4)).value)
        assert not sample.lacks_labels(np.array([1.0, 1, 0, 0])).any()

    def test_labels_that_agree_say_little_of_their_spread(self):
        """Five of five are no proof: the interval has a width; all of five are one."""
        found, anchors = [1] * 100, [np.arange(100)]
        few = TwoPhaseSample(found, [1.0] * 5 + [np.nan] * 95, [0] * 100, anchors)
        more = TwoPhaseSample(found, [1.0] * 50 + [np.nan] * 50, [0] * 100, anchors)
        widths = [each.high - each.low for each in (s.estimate(s.true(np.ones(100))) for s in (few, more))]
        assert widths[0] > 0.5 > widths[1] > 0.03
        every = TwoPhaseSample(found, [1.0] * 100, [0] * 100, anchors)
        assert every.estimate(every.true(np.ones(100))).no_variation


class TestBootstrap:
    """Draws over anchors."""

    def test_is_the_same_again(self):
        """By its place alone."""
        sample, one = world(1).sample, world(1).arms[0]
        a, b, c = (sample.draws(place, draws=50).true(one) for place in ("x", "x", "y"))
        assert np.array_equal(a, b) and not np.array_equal(a, c)

    def test_agrees_with_the_linear_interval(self):
        """With many labels both are one; the difference of arms that share anchors, too."""
        drawn = world(2, rates=(0.4, 0.3), labels=400, anchors=300)
        sample, (one, other) = drawn.sample, drawn.arms
        draws = sample.draws("x", draws=1500)
        for linear, spread in (
            (sample.true(one), draws.true(one)),
            (sample.rated(one).minus(sample.rated(other)), draws.rated(one) - draws.rated(other)),
        ):
            assert spread.std() == pytest.approx(sample.estimate(linear).se, rel=0.12)
            assert spread.mean() == pytest.approx(linear.value, abs=0.012)

    def test_a_stratum_that_is_labelled_whole_has_no_prior(self):
        """Nothing is left open there: what labels say of it is what the rater says, if that is so of each unit."""
        found = np.array([1, 1, 0, 0, 0])
        sample = TwoPhaseSample(found, found, [0] * 5, [np.arange(5)])
        draws, every = sample.draws("x", draws=50), np.ones(5)
        assert np.allclose(draws.true(every), draws.rated(every))
        assert np.allclose(draws.errors(every), 1)

    def test_strata_that_are_not_the_raters(self):
        """Are split by what it said."""
        random = np.random.default_rng(1)
        found = random.integers(0, 2, 400)
        sample = TwoPhaseSample(found, np.full(400, np.nan), random.integers(0, 3, 400), [np.arange(400)])
        assert sample.said[sample.stratum].tolist() == found.tolist() and len(sample.said) == 6
        assert sample.draws("x", draws=400).rated(np.ones(400)).mean() == pytest.approx(found.mean(), abs=0.01)

    def test_arms_share_anchors(self):
        """The difference of two arms that say the same about each anchor does not vary."""
        found = np.tile([1, 0, 0, 1, 0], 2)
        sample = TwoPhaseSample(found, np.full(10, np.nan), [0] * 5 + [1] * 5, [np.tile(np.arange(5), 2)])
        one = np.repeat([1.0, 0.0], 5)
        draws = sample.draws("x", draws=100)
        assert np.allclose(draws.rated(one), draws.rated(1 - one)) and draws.rated(one).std() > 0
