"""What flipping signs promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.randomisation import EXACT, sign_flips, smallest_p


def test_as_scipy_has_it():
    """Its permutation test of paired samples, over all signs."""
    x = np.random.default_rng(3).normal(0.6, 1, 9)
    theirs = stats.permutation_test(
        (x,), lambda y, axis: y.mean(axis=axis), permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flips(x).p == pytest.approx(theirs.pvalue)


def test_few_seeds_cannot_give_a_small_p():
    """Five that all go one way: 2 of 32, however large they are."""
    found = sign_flips([1000, 1001, 1002, 1003, 1004])
    assert found.p == found.smallest == smallest_p(5) == 0.0625
    assert math.isnan(smallest_p(0))


def test_equal_sizes_tie():
    """Rounding breaks no tie: of .1 + .2 and .3, too."""
    assert sign_flips([0.1 + 0.2, 0.3, -0.3]).p == 1.0


def test_identical_twins_have_none():
    """Differences of 0 have no other sign."""
    assert math.isnan(sign_flips([0, 0, 0]).p)


def test_of_many_seeds_signs_are_drawn():
    """Always the same; near Student's p; never 0."""
    x = np.random.default_rng(3).normal(0.4, 1, EXACT + 8)
    assert sign_flips(x) == sign_flips(x)
    assert sign_flips(x).p == pytest.approx(float(stats.ttest_1samp(x, 0).pvalue), abs=0.02)
    assert sign_flips(x + 100).p == smallest_p(EXACT + 8) > 0


def test_it_keeps_its_level():
    """Of true nulls with tails that Student's t does not expect, at most one in twenty is found."""
    random = np.random.default_rng(5)
    found = [sign_flips(random.standard_t(2, 8)).p <= 0.05 for _ in range(600)]
    assert 0.02 <= np.mean(found) <= 0.07
