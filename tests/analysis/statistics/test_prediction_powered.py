"""Prediction-powered inference: it is the published estimator, needs no good rater, and gains by one."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.prediction_powered import prediction_powered, rectifier
from analysis.statistics.two_phase import TwoPhaseSample
from tests.analysis.statistics.two_phases import world


def simple(found, truth, labelled: int, seed: int = 1) -> TwoPhaseSample:
    """Return a population of which a simple random sample is labelled, the verdict aside."""
    chosen = np.random.default_rng(seed).permutation(len(found))[:labelled]
    labels = np.full(len(found), np.nan)
    labels[chosen] = np.asarray(truth, dtype=float)[chosen]
    return TwoPhaseSample(found, labels, np.zeros(len(found)), [np.arange(len(found))])


class TestEstimate:
    """The mean of the verdicts, and what labels say beyond them."""

    def test_the_published_form(self):
        """Angelopoulos et al.: mean of verdicts plus mean of label less verdict, stratum by stratum of the draw."""
        drawn = world(1)
        for arm in drawn.arms:
            found, truth, strata = drawn.sample.found, drawn.sample.truth, drawn.strata
            value = found[arm > 0].mean()
            for stratum in np.unique(strata[arm > 0]):
                labelled = (strata == stratum) & ~np.isnan(truth)
                value += (strata == stratum).sum() / (arm > 0).sum() * (truth - found)[labelled].mean()
            assert prediction_powered(drawn.sample, arm).value == pytest.approx(value)
            assert rectifier(drawn.sample, arm).value == pytest.approx(value - found[arm > 0].mean())

    def test_is_close_to_the_tuned_estimator_of_a_simple_sample(self):
        """PPI++ (arXiv 2311.01453) with its best weight, computed here from its formulas, has the same mean and standard error."""
        random = np.random.default_rng(3)
        truth = random.random(4000) < 0.3
        found = np.where(truth, random.random(4000) < 0.8, random.random(4000) < 0.1).astype(float)
        sample = simple(found, truth, 400)
        y, f = sample.truth[sample.labelled], found[sample.labelled]
        rest = found[~sample.labelled]
        ratio = len(y) / len(rest)
        weight = np.cov(y, f)[0, 1] / ((1 + ratio) * np.var(found, ddof=1))
        value = weight * rest.mean() + (y - weight * f).mean()
        se = np.sqrt(weight**2 * rest.var(ddof=1) / len(rest) + (y - weight * f).var(ddof=1) / len(y))
        told = prediction_powered(sample, np.ones(4000))
        assert told.value == pytest.approx(value, abs=0.002) and told.se == pytest.approx(se, rel=0.03)

    def test_a_rater_that_says_nothing_costs_nothing(self):
        """Its interval is that of the labels alone; a good one's is narrower."""
        random = np.random.default_rng(5)
        truth = random.random(3000) < 0.4
        noise = simple(random.integers(0, 2, 3000), truth, 300)
        good = simple(np.where(random.random(3000) < 0.95, truth, ~truth).astype(int), truth, 300)
        labels = noise.truth[noise.labelled]
        alone = labels.std(ddof=1) / np.sqrt(300)
        assert prediction_powered(noise, np.ones(3000)).se == pytest.approx(alone, rel=0.05)
        assert prediction_powered(good, np.ones(3000)).se < 0.7 * alone

    def test_without_labels_in_a_stratum(self):
        """There is no number."""
        sample = TwoPhaseSample([1, 1, 0, 0], [1.0, 0.0, np.nan, np.nan], [0] * 4, [np.arange(4)])
        told = prediction_powered(sample, np.ones(4))
        assert np.isnan(told.value) and np.isnan(told.low)

    def test_intervals_end_where_shares_do(self):
        """A rate's at 0 and 1."""
        sample = simple([1] * 40, [1] * 40, 6)
        told = prediction_powered(sample, np.ones(40))
        assert told.high == 1.0 and told.low < 0.9
