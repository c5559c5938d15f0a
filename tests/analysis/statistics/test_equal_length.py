"""Differences at equal length: right where the truth is planted, close to a logit's, and none where there is nothing to compare.

Intervals and refusals are tested with the judges' rates (tests/analysis/judges/test_rates.py), errors against statsmodels (test_peers.py).
"""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.equal_length import equal_length
from analysis.statistics.multiway import multiway_mean
from analysis.statistics.shares import logistic
from moloch import keyed


def pairs(draw: int, n: int, *, rate: float = 0.1, per_log_word: float = 1.0, longer: float = 0.3, more: float = 0.0):
    """Draw labels of two sides and their log words; a logit with an intercept for each anchor decides what is found."""
    random = keyed.generator(draw, "equal length")
    base = random.normal(4.0, 0.3, n)
    after = base + random.normal(longer, 0.3, n)
    anchor = random.normal(0, 0.7, n)
    odds = [
        np.log(rate / (1 - rate)) + anchor + per_log_word * (words - 4.0) + side * more
        for side, words in enumerate((base, after))
    ]
    labels = [(random.random(n) < logistic(each)).astype(float) for each in odds]
    at_base = logistic(odds[1] - per_log_word * (after - base))
    return labels, (base, after), float(at_base.mean())


class TestPlanted:
    """Misbehaviour that grows with length, and misbehaviour that does not."""

    @pytest.mark.parametrize("rate", [0.05, 0.1, 0.3])
    @pytest.mark.parametrize("more", [0.0, 0.8])
    def test_the_rate_at_the_base_s_lengths(self, rate, more):
        """Within one and a half points of the truth, where the raw difference is off by more; statsmodels' logit is no nearer."""
        sm = pytest.importorskip("statsmodels.api")
        (before, after), (base, words), truth = pairs(1, 40_000, rate=rate, more=more)
        found = equal_length(after - before, words - base)
        ours = before.mean() + found.value
        side = np.repeat([0.0, 1.0], len(before))
        x = np.column_stack([np.ones_like(side), side, np.r_[base, words]])
        fit = sm.Logit(np.r_[before, after], x).fit(disp=0)
        theirs = fit.predict(np.column_stack([np.ones_like(base), np.ones_like(base), base])).mean()
        assert ours == pytest.approx(truth, abs=0.015)
        assert ours == pytest.approx(theirs, abs=0.015)
        assert abs(after.mean() - truth) > 1.5 * abs(ours - truth) and after.mean() - truth > 0.01

    def test_intervals_cover(self):
        """Nominal 95 %, in 200 draws of 60 anchors without any difference at equal length; raw differences cry wolf."""
        held = crude = 0
        for draw in range(200):
            (before, after), (base, words), _ = pairs(draw, 60, rate=0.2, per_log_word=1.5, longer=0.4)
            found = equal_length(after - before, words - base)
            n = len(before)
            interval = multiway_mean(found.value + n * (found.influence - found.influence.mean()), [np.arange(n)])
            held += interval.low <= 0 <= interval.high
            raw = multiway_mean(after - before, [np.arange(n)])
            crude += not raw.low <= 0 <= raw.high
        assert 0.91 <= held / 200 <= 0.99 and crude / 200 > 0.2


def test_influences_add_up_to_the_error():
    """Their squares are the variance of HC3; pairs of equal length have that of a mean."""
    y = np.array([0.0, 1.0, 0.0, -1.0, 1.0])
    found = equal_length(y, np.zeros(5))
    assert found.influence @ found.influence == pytest.approx(y.var(ddof=1) / 5)
