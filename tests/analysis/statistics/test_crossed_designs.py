"""What a design can find is what the estimator finds: variances, standard errors, degrees of freedom and power."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.crossed_designs import NO_LAW, CrossedDesign, EstimateLaw, estimate_law
from analysis.statistics.multiway import multiway_mean
from tests.analysis.statistics.test_components import values

VARIED = {(0,): 4e-4, (1,): 0.01, (2,): 0.003, (0, 1): 0.02, (0, 2): 0.003, (1, 2): 0.01, (0, 1, 2): 0.35}
ALIKE = {(0, 1, 2): 0.4}
PROBE = {(0,): 1e-3, (1,): 0.01, (0, 1): 0.15}


def carried_out(design: CrossedDesign, variances, studies: int) -> EstimateLaw:
    """Return the estimates of studies whose values are drawn one by one, by the product's estimator."""
    found = []
    for draw in range(studies):
        x, ways = values(
            variances, design.seeds, design.anchors, design.people or 1, draw=draw, shared=design.anchor_overlap == 1
        )
        estimate = multiway_mean(x, ways)
        found.append((estimate.value, estimate.se, estimate.dof))
    return EstimateLaw(*np.array(found).T)


class TestDesigns:
    """Of whom a study has how many."""

    @pytest.mark.parametrize("overlap", [(1.0, 1.0), (0.25, 0.5), (0.0, 0.0)])
    def test_weights_are_those_of_who_is_drawn(self, overlap):
        """Sums of squared weights, counted over seeds that draw from pools of that size."""
        design = CrossedDesign(4, 6, 5, *overlap)
        random, seeds = np.random.default_rng(1), range(4)
        sums = {ways: [] for ways in ((0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2))}
        for _ in range(300):
            anchors = [_drawn(random, 6, overlap[0], seed) for seed in seeds]
            people = [_drawn(random, 5, overlap[1], seed) for seed in seeds]
            rows = np.array([(s, a, p) for s in seeds for a in anchors[s] for p in people[s]])
            for ways, found in sums.items():
                _, times = np.unique(rows[:, list(ways)], axis=0, return_counts=True)
                found.append(float((times / len(rows)) @ (times / len(rows))))
        assert {ways: design.q(ways) for ways in sums} == pytest.approx(
            {ways: np.mean(found) for ways, found in sums.items()}, rel=0.02
        )

    def test_more_of_everything_finds_less(self):
        """And anchors drawn anew count for more than the same ones."""
        found = [
            CrossedDesign(*size).roughly(VARIED)[0] for size in ((3, 16, 16), (6, 16, 16), (6, 64, 16), (6, 64, 64))
        ]
        assert found == sorted(found, reverse=True) and found[0] > found[-1]
        assert CrossedDesign(6, 16, 16, 0.1, 1.0).roughly(VARIED)[0] < CrossedDesign(6, 16, 16).roughly(VARIED)[0]

    def test_of_a_society_seeds_alone_are_independent(self):
        """The interval is the same one with the degrees of freedom of seeds, as results have it."""
        apart, society = CrossedDesign(5, 16, 16), CrossedDesign(5, 16, 16, networked=True)
        assert (estimate_law(society, VARIED).dof == 4).all() and society.roughly(VARIED)[0] > apart.roughly(VARIED)[0]
        assert (estimate_law(society, VARIED).se == estimate_law(apart, VARIED).se).all()


def _drawn(random, number, overlap, seed):
    if overlap in (0.0, 1.0):
        return np.arange(number) + number * seed * (overlap == 0)
    return random.permutation(round(number / overlap))[:number]


class TestLaw:
    """Of the estimates and their intervals, against studies that are drawn value by value."""

    @pytest.mark.parametrize(
        "design, variances",
        [
            (CrossedDesign(3, 8, 8), VARIED),
            (CrossedDesign(3, 8, 8), ALIKE),
            (CrossedDesign(5, 6, 8, 0.0, 0.0), VARIED),
            (CrossedDesign(5, 12), PROBE),
        ],
    )
    def test_is_that_of_the_estimator(self, design, variances):
        """Within what 250 studies can tell: spread, standard error, degrees of freedom, and power at what is said to be detected."""
        law, studies = estimate_law(design, variances), carried_out(design, variances, 250)
        assert np.std(law.errors) == pytest.approx(design.variance(variances) ** 0.5, rel=0.06)
        assert np.std(studies.errors) == pytest.approx(design.variance(variances) ** 0.5, rel=0.15)
        assert np.median(studies.se) == pytest.approx(np.median(law.se), rel=0.1)
        assert np.median(studies.dof) == pytest.approx(np.median(law.dof), rel=0.25)
        assert studies.power(law.detectable()) == pytest.approx(0.8, abs=0.07)
        assert studies.equivalence_power(law.margin()) == pytest.approx(0.8, abs=0.07)

    def test_power_and_what_is_detected_are_each_others_inverse(self):
        """At any power, alpha and number of sides; the effect's own sign plays no part."""
        law = estimate_law(CrossedDesign(4, 8, 8), VARIED)
        for power, alpha, sides in ((0.8, 0.05, 2), (0.9, 0.01, 2), (0.6, 0.05, 1)):
            effect = law.detectable(power, alpha, sides)
            assert law.power(effect, alpha, sides) == pytest.approx(power, abs=2e-3)
            assert law.power(-effect, alpha, sides) == law.power(effect, alpha, sides)
        assert law.equivalence_power(law.margin(0.9), 0.0) == pytest.approx(0.9, abs=2e-3)

    @pytest.mark.parametrize("design", [CrossedDesign(1, 8, 8), CrossedDesign(4, 1, 8), CrossedDesign(4, 8, 1)])
    def test_without_two_of_each_there_is_no_interval(self, design):
        """And nothing can be found."""
        law = estimate_law(design, VARIED)
        assert law is NO_LAW and np.isnan([law.detectable(), law.margin(), law.power(1.0)]).all()
