"""Shares at equal length and format: as statsmodels fits them, right where the truth is planted, and silent where nothing can be said."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.controlled_shares import controlled_shares
from analysis.statistics.multiway import multiway_mean
from analysis.statistics.shares import logistic
from moloch import keyed

CONTROLS = ("length", "lists")


def contests(
    seed: int,
    n: int = 60,
    *,
    longer: float = 8.0,
    slope: float = 0.8,
    quality: tuple[float, float] = (0.3, 0.0),
    votes=20,
):
    """Draw contests of two groups, whose messages are ``longer`` than their rivals' on average; voters pay for length and for quality."""
    random = keyed.generator(seed, "controlled")
    group = np.repeat([0, 1], n)
    d = np.column_stack([random.normal(longer * (group == 0), 12.0), random.integers(-1, 3, 2 * n)]).round()
    utility = np.array(quality)[group] + slope * np.tanh(d[:, 0] / d[:, 0].std())
    counts = np.full(2 * n, votes)
    return group, d, random.binomial(counts, logistic(utility)), counts


def fit(data, **how):
    return controlled_shares(*data, names=CONTROLS, **how)


class TestAgainstOthers:
    """The numbers of other programs."""

    @pytest.mark.parametrize("seed", range(3))
    def test_a_logit_without_a_penalty(self, seed):
        """statsmodels' binomial regression on the same columns, and its error clustered on contests, by the delta method."""
        sm = pytest.importorskip("statsmodels.api")
        group, d, wins, votes = contests(seed)
        found = fit((group, d, wins, votes), ridge=0.0)
        x = np.column_stack([group == 0, group == 1, np.tanh(d / d.std(axis=0))]).astype(float)
        y, where = (
            np.repeat(np.tile([1.0, 0.0], len(wins)), np.column_stack([wins, votes - wins]).ravel()),
            np.repeat(np.arange(len(wins)), votes),
        )
        theirs = sm.Logit(y, x[where]).fit(disp=0, tol=1e-12, cov_type="cluster", cov_kwds={"groups": where})
        assert np.log(found.shares / (1 - found.shares)) == pytest.approx(theirs.params[:2], abs=1e-7)
        assert found.slopes == pytest.approx(theirs.params[2:], abs=1e-7)
        for g in range(2):
            influence = found.weights[g, where] * (y - found.expected[where])
            ours = multiway_mean(found.shares[g] + len(y) * influence, [where])
            slope = found.shares[g] * (1 - found.shares[g])
            k, n = x.shape[1], len(y)
            assert ours.se / slope == pytest.approx(theirs.bse[g] * np.sqrt((n - k) / (n - 1)), rel=1e-6)

    def test_a_ridge(self):
        """statsmodels' elastic net without its lasso has the same maximum; intercepts are not penalised."""
        sm = pytest.importorskip("statsmodels.api")
        group, d, wins, votes = contests(4)
        found = fit((group, d, wins, votes), ridge=30.0)
        x = np.column_stack([group == 0, group == 1, np.tanh(d / d.std(axis=0))]).astype(float)
        model = sm.GLM(np.column_stack([wins, votes - wins]), x, family=sm.families.Binomial())
        alpha = np.array([0, 0, 30.0, 30.0]) / len(wins)  # it divides the log-likelihood by the rows
        start = np.r_[np.log(found.shares / (1 - found.shares)), found.slopes]
        theirs = model.fit_regularized(alpha=alpha, L1_wt=0.0, start_params=start, opt_method="bfgs")
        assert start == pytest.approx(theirs.params, abs=1e-4)
        assert np.abs(found.slopes).sum() < np.abs(fit((group, d, wins, votes), ridge=0.0).slopes).sum()

    def test_influences_are_derivatives(self):
        """A little more weight on one vote moves each share by its influence; with the penalty, too."""
        group, d, wins, votes = (np.asarray(each, dtype=float) for each in contests(5, n=15))
        group = group.astype(int)
        scale = d.std(axis=0)
        found, step = fit((group, d, wins, votes), ridge=3.0), 1e-4
        assert found.scales == pytest.approx(scale)
        for contest in (0, 7, 20):
            for y in (0.0, 1.0):
                more, at = wins.copy(), votes.copy()
                more[contest], at[contest] = more[contest] + step * y, at[contest] + step
                moved = (fit((group, d, more, at), ridge=3.0).shares - found.shares) / step
                assert moved == pytest.approx(
                    found.weights[:, contest] * (y - found.expected[contest]), rel=1e-2, abs=1e-7
                )


class TestPlanted:
    """What is known beforehand is found."""

    def test_length_alone_wins_nothing_at_equal_length(self):
        """Raw shares say 58 %, and all of the gain is length; a group that is better wins as much as before."""
        found = fit(contests(1, n=1500, quality=(0.0, 0.4)))
        assert found.raw[0] > 0.56 and found.shares[0] == pytest.approx(0.5, abs=0.01)
        assert found.shares[1] == pytest.approx(float(logistic(np.array(0.4))), abs=0.01)
        assert found.slopes[0] == pytest.approx(0.8, abs=0.06) and abs(found.slopes[1]) < 0.05

    def test_nothing_to_control_for_changes_nothing(self):
        """Without slopes, raw and controlled shares are the same to within noise; without controls, exactly."""
        group, d, wins, votes = contests(2, n=1500, slope=0.0)
        found = fit((group, d, wins, votes))
        assert found.shares == pytest.approx(found.raw, abs=0.01)
        without = fit((group, np.zeros_like(d), wins, votes))
        assert without.shares == pytest.approx(without.raw, abs=1e-9) and without.constant == CONTROLS

    @pytest.mark.system
    def test_intervals_cover(self):
        """Nominal 95 %, in 300 draws of 48 anchors whose messages differ in quality, too: two-way intervals of anchors and people."""
        inside = 0
        for draw in range(300):
            random = keyed.generator(draw, "coverage")
            anchors, people = 48, 20
            d = random.normal(6.0, 12.0, (anchors, 1))
            utility = 0.7 * np.tanh(d / 12.0) + random.normal(0, 0.7, (anchors, 1)) + random.normal(0, 0.3, (1, people))
            cast = (random.random((anchors, people)) < logistic(0.2 + utility)).astype(float)
            found = controlled_shares(
                np.zeros(anchors, int), d, cast.sum(axis=1), np.full(anchors, people), names=("length",)
            )
            left = found.weights[0][:, None] * (cast - found.expected[:, None])
            a, p = (axis.ravel() for axis in np.indices(cast.shape))
            interval = multiway_mean(found.shares[0] + left.size * (left - left.mean()).ravel(), [a, p])
            truth = float(logistic(0.2 + random.normal(0, np.hypot(0.7, 0.3), 20_000)).mean())
            inside += interval.low <= truth <= interval.high
        assert 0.90 <= inside / 300 <= 0.99


class TestNothingToSay:
    """A number that cannot be had is not given, and why."""

    def test_messages_that_are_always_longer(self):
        """What happens at equal length would be extrapolated; the other group has its share."""
        group, d, wins, votes = contests(3)
        d[group == 0, 0] = np.abs(d[group == 0, 0]) + 1
        found = fit((group, d, wins, votes))
        assert np.isnan(found.shares[0]) and "more length than their rivals in every contest" in found.why[0]
        assert found.why[1] == "" and 0 < found.shares[1] < 1

    def test_votes_that_are_all_won(self):
        """There is no maximum, and the others are fitted without them."""
        group, d, wins, votes = contests(3)
        alone = fit((np.zeros(60, int), d[60:], wins[60:], votes[60:]), ridge=0.0)
        wins[group == 0] = votes[group == 0]
        found = fit((group, d, wins, votes), ridge=0.0)
        assert found.why[0] == "it won all its votes" and np.isnan(found.shares[0])
        scaled = d.std(axis=0) == pytest.approx(d[60:].std(axis=0), rel=0.3)
        assert scaled and found.shares[1] == pytest.approx(alone.shares[0], abs=0.02)

    def test_a_control_that_separates_votes(self):
        """The longer message always wins: the penalty keeps the slope finite, and the share where it is."""
        d = np.array([[-10.0], [-20.0], [-15.0], [10.0], [20.0], [15.0]])
        found = controlled_shares(np.zeros(6, int), d, [0, 0, 0, 20, 20, 20], [20] * 6, names=("length",))
        assert np.isfinite(found.slopes[0]) and found.slopes[0] > 2
        assert found.shares[0] == pytest.approx(0.5, abs=0.01)

    def test_a_group_whose_differences_never_vary(self):
        """A constant of the group cannot be told from the group."""
        group, d, wins, votes = contests(3)
        d[:, 1] = group
        found = fit((group, d, wins, votes))
        assert found.controls == ("length",) and found.constant == ("lists",)
