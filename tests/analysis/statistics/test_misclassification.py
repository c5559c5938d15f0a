"""Rates without a rater's errors: closed forms, what they rest on, what is refused, and how often intervals cover."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.misclassification import (
    LEAST_YOUDEN,
    Misclassification,
    corrected_draws,
    percentiles,
    rogan_gladen,
    tipping_point,
)
from analysis.statistics.prediction_powered import prediction_powered
from analysis.statistics.two_phase import TwoPhaseSample
from tests.analysis.statistics.two_phases import world


def all_of(sample) -> np.ndarray:
    return np.ones(len(sample))


class TestErrors:
    """Sensitivity and specificity, from labels that were drawn with unequal chances."""

    def test_a_table(self):
        """Two of four finds were right, one of ten passes was a miss: each label stands for what it was drawn from."""
        found = [1] * 20 + [0] * 80
        truth = np.full(100, np.nan)
        truth[:4], truth[20:30] = [1, 1, 0, 0], [1] + [0] * 9
        errors = Misclassification.of(TwoPhaseSample(found, truth, [0] * 100, [np.arange(100)]), np.ones(100))
        assert errors.sensitivity.value == pytest.approx(10 / (10 + 8))  # of 20 * 1/2 + 80 * 1/10 true ones, 10 found
        assert errors.specificity.value == pytest.approx(72 / (72 + 10))
        assert (errors.positives, errors.negatives) == (3, 11)

    def test_plain_shares_of_labels_would_be_wrong(self):
        """Rare verdicts are oversampled: unweighted, the rater of this world would look far better than it is."""
        sensitivities, plain = [], []
        for seed in range(20):
            drawn = world(seed, rates=(0.1,), sensitivity=0.6, specificity=0.97, anchors=1500, labels=480)
            yes = drawn.sample.truth == 1
            plain.append(drawn.sample.found[yes].mean())
            sensitivities.append(Misclassification.of(drawn.sample, all_of(drawn.sample)).sensitivity.value)
        assert np.mean(sensitivities) == pytest.approx(0.6, abs=0.05) and np.mean(plain) > 0.75

    def test_no_labelled_yes(self):
        """Then there is no sensitivity, and nothing is corrected."""
        sample = TwoPhaseSample([1, 0, 0], [0.0, 0.0, 0.0], [0] * 3, [np.arange(3)])
        errors = Misclassification.of(sample, np.ones(3))
        assert np.isnan(errors.youden) and "no labelled message is a yes" in errors.refused

    @pytest.mark.parametrize(("sensitivity", "refused"), [(0.28, True), (0.33, False)])
    def test_below_an_index_nothing_is_corrected(self, sensitivity, refused):
        """Everything labelled, specificity .9: sensitivity decides whether the index is below .2."""
        n = 1000
        truth = np.repeat([1.0, 0.0], [n, n])
        found = np.concatenate([np.arange(n) < sensitivity * n, np.arange(n) < 0.1 * n])
        errors = Misclassification.of(TwoPhaseSample(found, truth, [0] * 2 * n, [np.arange(2 * n)]), np.ones(2 * n))
        assert errors.youden == pytest.approx(sensitivity - 0.1)
        assert (errors.youden < LEAST_YOUDEN) == refused == bool(errors.refused)

    def test_fifty_of_each(self):
        """Labelled positives and negatives that units need to be corrected by errors of their own."""
        for positives, own in ((49, False), (50, True)):
            truth = np.repeat([1.0, 0.0], [positives, 60])
            sample = TwoPhaseSample(truth, truth, np.zeros(len(truth)), [np.arange(len(truth))])
            assert Misclassification.of(sample, np.ones(len(truth))).is_own == own


class TestCorrection:
    """Rogan and Gladen's estimator."""

    @pytest.mark.parametrize("true", [0.0, 0.02, 0.5, 1.0])
    def test_undoes_what_a_rater_does(self, true):
        """For every rate and rater."""
        for sensitivity, specificity in ((0.7, 0.9), (1.0, 0.6), (0.55, 0.99)):
            share = sensitivity * true + (1 - specificity) * (1 - true)
            assert rogan_gladen(share, sensitivity, specificity) == pytest.approx(true)

    def test_with_an_arms_own_errors_it_is_the_prediction_powered_estimate(self):
        """Algebra: double sampling by the rater's own verdict."""
        for seed in range(4):
            drawn = world(seed)
            for arm in drawn.arms:
                own = Misclassification.of(drawn.sample, arm)
                told, powered = own.corrected(drawn.sample.rated(arm)), drawn.sample.true(arm)
                assert told.value == pytest.approx(powered.value)
                assert np.allclose(told.influence, powered.influence) and np.allclose(told.gains, powered.gains)

    def test_its_influence_is_a_derivative(self):
        """Leaving an anchor out moves the estimate by what its influence says (the infinitesimal jackknife against the jackknife)."""
        drawn = world(5, anchors=120, labels=160)
        sample, (one, other) = drawn.sample, drawn.arms
        anchors = np.tile(np.arange(120), 2)

        def difference(keep) -> float:
            kept = TwoPhaseSample(sample.found[keep], sample.truth[keep], drawn.strata[keep], [anchors[keep]])
            errors = Misclassification.of(kept, np.ones(keep.sum()))
            sides = [errors.corrected(kept.rated(each[keep])).value for each in (one, other)]
            return sides[0] - sides[1]

        errors = Misclassification.of(sample, all_of(sample))
        linear = errors.corrected(sample.rated(one)).minus(errors.corrected(sample.rated(other)))
        moved = [difference(np.ones(240, dtype=bool)) - difference(anchors != a) for a in range(120)]
        influence = np.bincount(anchors, linear.influence)
        assert np.corrcoef(moved, influence)[0, 1] > 0.995
        assert np.sqrt(119 / 120 * np.sum(np.square(moved))) == pytest.approx(np.sqrt(influence @ influence), rel=0.06)

    def test_a_common_correction_shares_its_errors(self):
        """Arms with equal rates differ by nothing, whatever the labels leave open; with errors of their own they would not."""
        drawn = world(7, together=1.0, rates=(0.3, 0.3), sensitivity=1.0, specificity=1.0)
        sample, (one, other) = drawn.sample, drawn.arms
        draws = sample.draws("x", draws=200)
        common = draws.errors(all_of(sample))
        assert np.allclose(corrected_draws(draws, one, common), corrected_draws(draws, other, common))
        own = [corrected_draws(draws, arm, draws.errors(arm)) for arm in (one, other)]
        assert np.std(own[0] - own[1]) > 0.005

    def test_draws_without_a_rater_have_no_number(self):
        """Where more draws than an interval's end holds have no index above 0, there is no interval."""
        assert np.isnan(percentiles(0.5, np.append(np.full(94, 0.5), np.full(6, np.nan)), 9, 9).low)
        told = percentiles(0.5, np.append(np.linspace(0, 1, 98), np.full(2, np.nan)), 9, 9)
        assert told.low == pytest.approx(0.025, abs=0.01) and told.high == pytest.approx(0.975, abs=0.01)


class TestTippingPoint:
    """How far errors would have to differ between arms to cancel a difference."""

    def test_the_point_cancels_it(self):
        """Put into the estimator, each of the two makes the difference 0."""
        point = tipping_point(0.30, 0.22, 0.8, 0.9)
        true = rogan_gladen(0.22, 0.8, 0.9)
        assert point.effect == pytest.approx((0.30 - 0.22) / 0.7)
        assert rogan_gladen(0.30, 0.8, point.specificity) == pytest.approx(true)
        assert point.specificity_shift == pytest.approx(point.specificity - 0.9)
        assert point.sensitivity is None  # it would have to be above 1
        lower = tipping_point(0.20, 0.22, 0.8, 0.9)
        assert rogan_gladen(0.20, lower.sensitivity, 0.9) == pytest.approx(true) and lower.sensitivity_shift < 0

    def test_none_cancels_it(self):
        """A difference that no error on one arm's messages alone explains."""
        point = tipping_point(0.99, 0.0, 1.0, 1.0)
        assert point.sensitivity is None and point.specificity == pytest.approx(0.01)
        assert tipping_point(0.95, 0.15, 0.8, 0.9).sensitivity is None

    def test_none_is_needed(self):
        """Equal shares: the errors are where they would have to be."""
        point = tipping_point(0.2, 0.2, 0.8, 0.9)
        assert point.effect == 0 and point.sensitivity_shift == pytest.approx(0)


@pytest.mark.slow
class TestCoverage:
    """How often 95 % intervals hold the truth over 1,000 populations; the figures stand in docs/decisions/0079-labels.md."""

    @pytest.mark.parametrize(
        ("rates", "sensitivity", "labels"),
        [((0.3, 0.15), 0.75, 200), ((0.1, 0.1), 0.7, 200), ((0.05, 0.03), 0.7, 200), ((0.1, 0.1), 0.7, 80)],
    )
    def test_of_all_intervals(self, rates, sensitivity, labels):
        """Rates and differences; linear intervals 92 to 100 %, percentiles of the bootstrap 85 % or more."""
        held: dict[str, list[bool]] = {}
        for seed in range(1000):
            drawn = world(seed, rates, sensitivity=sensitivity, specificity=0.95, labels=labels)
            sample, (one, other) = drawn.sample, drawn.arms
            errors = Misclassification.of(sample, all_of(sample))
            if errors.refused:
                continue
            draws = sample.draws("coverage", seed, draws=400)
            common = draws.errors(all_of(sample))
            sides = [errors.corrected(sample.rated(each)) for each in (one, other)]
            spread = [corrected_draws(draws, each, common) for each in (one, other)]
            for name, estimate, truth in (
                ("corrected rate", sample.estimate(sides[0]), rates[0]),
                ("corrected difference", sample.estimate(sides[0].minus(sides[1])), rates[0] - rates[1]),
                ("powered rate", prediction_powered(sample, one), rates[0]),
                ("powered difference", prediction_powered(sample, one, other), rates[0] - rates[1]),
                ("bootstrap rate", percentiles(sides[0].value, spread[0], 9, 9), rates[0]),
                (
                    "bootstrap difference",
                    percentiles(sides[0].value - sides[1].value, spread[0] - spread[1], 9, 9),
                    rates[0] - rates[1],
                ),
            ):
                held.setdefault(name, []).append(estimate.low <= truth <= estimate.high)
        shares = {name: round(float(np.mean(each)), 3) for name, each in held.items()}
        print(rates, sensitivity, labels, len(held["powered rate"]), shares)
        assert all(share >= (0.85 if name.startswith("bootstrap") else 0.92) for name, share in shares.items()), shares

    def test_of_a_study(self):
        """Trainings vary: intervals that cluster on seeds and anchors hold the mean over trainings."""
        held: dict[str, list[bool]] = {"powered": [], "corrected": []}
        for seed in range(500):
            random = np.random.default_rng(seed)
            rates = np.clip(np.stack([random.normal(0.3, 0.05, 6), random.normal(0.2, 0.05, 6)]), 0.02, 0.98)
            cells = [world(seed * 100 + i, tuple(rates[:, i]), anchors=80, labels=80) for i in range(6)]
            found = np.concatenate([each.sample.found for each in cells])
            truth = np.concatenate([each.sample.truth for each in cells])
            arm = np.tile(np.repeat([0, 1], 80), 6)
            ways = [np.tile(np.arange(80), 12) + 80 * np.repeat(np.arange(6), 160), np.repeat(np.arange(6), 160)]
            sample = TwoPhaseSample(found, truth, np.repeat(np.arange(6), 160) * 2 + arm, ways)
            one, other = (arm == 0).astype(float), (arm == 1).astype(float)
            errors = Misclassification.of(sample, all_of(sample))
            sides = [errors.corrected(sample.rated(each)) for each in (one, other)]
            for name, told in (
                ("powered", prediction_powered(sample, one, other)),
                ("corrected", sample.estimate(sides[0].minus(sides[1]))),
            ):
                held[name].append(told.low <= 0.1 <= told.high)
        shares = {name: round(float(np.mean(each)), 3) for name, each in held.items()}
        print("study", shares)
        assert all(0.92 <= share <= 0.99 for share in shares.values()), shares

    def test_a_common_correction_of_errors_that_differ(self):
        """Is wrong, as it says; the prediction-powered difference is right."""
        found = {"common": [], "powered": []}
        for seed in range(300):
            drawn = world(seed, (0.3, 0.3), sensitivity=(0.9, 0.5), specificity=0.95, labels=240)
            sample, (one, other) = drawn.sample, drawn.arms
            errors = Misclassification.of(sample, all_of(sample))
            common = errors.corrected(sample.rated(one)).minus(errors.corrected(sample.rated(other)))
            found["common"].append(sample.estimate(common).low > 0)
            powered = prediction_powered(sample, one, other)
            found["powered"].append(not powered.low <= 0 <= powered.high)
        assert np.mean(found["common"]) > 0.5 and np.mean(found["powered"]) < 0.08
