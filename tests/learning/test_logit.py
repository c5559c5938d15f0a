"""The conditional logit: its derivatives are right, its minimum is one, and it finds what made the votes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize

from learning.surrogates import logit
from learning.surrogates.logit import ChoiceData


def votes(
    n: int = 600, *, slots: int = 3, may_abstain: bool = True, seed: int = 0, theta=None
) -> tuple[ChoiceData, np.ndarray]:
    """Return votes of a known logit, and its parameters; some voters did not see every option."""
    lot = np.random.default_rng(seed)
    contests, personas, features, traits = 40, 12, 4, 2
    values = lot.uniform(0, 1, (contests, slots, features))
    people = np.concatenate([np.ones((personas, 1)), lot.uniform(-1, 1, (personas, traits))], axis=1)
    contest, person = lot.integers(contests, size=n), lot.integers(personas, size=n)
    offered = np.ones((n, slots), dtype=bool)
    offered[: n // 5, -1] = slots == 2
    first = np.where(offered[:, -1], lot.integers(slots, size=n), lot.integers(slots - 1, size=n))
    blank = ChoiceData(values, people, contest, person, offered, first, np.zeros(n, dtype=np.int64), may_abstain)
    if theta is None:
        theta = np.concatenate([[0.4, 0.2 if may_abstain else 0.0], lot.normal(0, 1.5, features * (1 + traits))])
    chances = logit.probabilities(blank, theta)
    drawn = (chances.cumsum(axis=1) < lot.uniform(size=(n, 1))).sum(axis=1).clip(max=slots - (not may_abstain))
    return replace(blank, choice=np.where(drawn == slots, -1, drawn)), theta


class TestDerivatives:
    """What Newton's method goes by."""

    @pytest.mark.parametrize("may_abstain", [True, False])
    def test_gradient(self, may_abstain):
        """As differences of the loss say."""
        data, theta = votes(may_abstain=may_abstain)
        _, gradient, _ = logit.loss(data, theta, 2.0)
        numeric = optimize.approx_fprime(theta, lambda t: logit.loss(data, t, 2.0)[0], 1e-6)
        assert np.allclose(gradient, numeric, atol=2e-3)

    @pytest.mark.parametrize("may_abstain", [True, False])
    def test_curvature(self, may_abstain):
        """As differences of the gradient say."""
        data, theta = votes(may_abstain=may_abstain)
        _, gradient, chances = logit.loss(data, theta, 2.0)
        found, step = logit.curvature(data, chances, 2.0), 1e-6
        for i in range(len(theta)):
            moved = theta.copy()
            moved[i] += step
            numeric = (logit.loss(data, moved, 2.0)[1] - gradient) / step
            assert np.allclose(found[i], numeric, atol=2e-3)


class TestFit:
    """Least loss, wherever it starts."""

    def test_agrees_with_a_general_optimizer(self):
        """Scipy's BFGS finds no lower loss."""
        data, _ = votes()
        ours = logit.fit(data, 1.0)
        theirs = optimize.minimize(lambda t: logit.loss(data, t, 1.0)[:2], np.zeros(len(ours)), jac=True, method="BFGS")
        assert logit.loss(data, ours, 1.0)[0] <= theirs.fun + 1e-6
        assert np.allclose(ours, theirs.x, atol=1e-3)

    def test_start_does_not_matter(self):
        """The loss is convex."""
        data, theta = votes()
        assert np.allclose(logit.fit(data, 1.0), logit.fit(data, 1.0, 3 * theta), atol=1e-5)

    def test_finds_what_made_the_votes(self):
        """Within what its standard errors allow: few of the parameters lie beyond two of them."""
        data, theta = votes(20_000, seed=3)
        found = logit.fit(data, 0.01)
        off = np.abs(found - theta) / logit.standard_errors(data, found, 0.01)
        assert (off > 2).mean() < 0.2 and off.max() < 4

    @pytest.mark.system
    def test_standard_errors_are_the_spread_over_samples(self):
        """Of forty samples from one truth."""
        _, theta = votes()
        fits = [votes(2_000, seed=s, theta=theta)[0] for s in range(40)]
        fits = [replace(each, values=fits[0].values, people=fits[0].people) for each in fits[:1]]  # one design
        lot = np.random.default_rng(1)
        chances = logit.probabilities(fits[0], theta)
        found = []
        for _ in range(40):
            drawn = (chances.cumsum(axis=1) < lot.uniform(size=(len(chances), 1))).sum(axis=1)
            found.append(logit.fit(replace(fits[0], choice=np.where(drawn == 3, -1, drawn)), 0.01))
        told = logit.standard_errors(fits[0], theta, 0.01)
        assert np.allclose(np.std(found, axis=0) / told, 1.0, atol=0.35)

    def test_one_sided_votes_keep_a_finite_fit(self):
        """Everybody takes what stands first: a large weight, and no more."""
        data, _ = votes()
        found = logit.fit(replace(data, choice=data.first), 1.0)
        assert np.isfinite(found).all() and found[0] > 5

    def test_a_stronger_ridge_gives_smaller_weights(self):
        """Down to none."""
        data, _ = votes()
        sizes = [np.abs(logit.fit(data, ridge)[2:]).sum() for ridge in (0.1, 10, 1e6)]
        assert sizes[0] > sizes[1] > sizes[2] and sizes[2] < 1e-2
