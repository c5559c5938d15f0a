"""What crossed values vary by: the components of the analysis of variance where values are balanced, and right where they are not."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.statistics.components import Component, components, pair_sums

VOTES = {(0,): 1.0, (1,): 4.0, (2,): 0.5, (0, 1): 2.0, (0, 2): 0.5, (1, 2): 1.0, (0, 1, 2): 9.0}


def values(variances, seeds, anchors, people=1, *, draw=1, shared=True, kept=1.0):
    """Return values with these components, and their seed, anchor and person."""
    random = np.random.default_rng(draw)
    ways = [axis.ravel() for axis in np.mgrid[:seeds, :anchors, :people]]
    if not shared:
        ways = [ways[0], ways[1] + anchors * ways[0], ways[2] + people * ways[0]]
    there = random.random(len(ways[0])) < kept
    ways = [way[there] for way in ways]
    x = np.zeros(len(ways[0]))
    for of, variance in variances.items():
        _, code = np.unique(np.stack([ways[way] for way in of]), axis=1, return_inverse=True)
        x += np.sqrt(variance) * random.standard_normal(int(code.max()) + 1)[code.ravel()]
    return x, ways[: 2 + (people > 1)]


class TestRight:
    """The numbers."""

    def test_balanced_values_have_the_components_of_the_analysis_of_variance(self):
        """Of two ways: mean squares less the residual's, by how many values a cluster has."""
        x, ways = values({(0,): 3.0, (1,): 1.0, (0, 1): 1.0}, 4, 7)
        table, mean = x.reshape(4, 7), x.mean()
        rows, columns = table.mean(axis=1), table.mean(axis=0)
        of_rows, of_columns = 7 * ((rows - mean) ** 2).sum() / 3, 4 * ((columns - mean) ** 2).sum() / 6
        rest = ((table - rows[:, None] - columns + mean) ** 2).sum() / 18
        found = {each.ways: each.raw for each in components(pair_sums([(x, ways)]))}
        expected = {(0,): (of_rows - rest) / 7, (1,): (of_columns - rest) / 4, (0, 1): rest}
        assert found == pytest.approx(expected)

    @pytest.mark.system
    def test_unbalanced_values_give_what_they_were_drawn_with(self):
        """On average over sets; a third of the values lack."""
        found = []
        for draw in range(60):
            x, ways = values(VOTES, 4, 8, 6, draw=draw, kept=0.67)
            found.append([each.raw for each in components(pair_sums([(x, ways)]))])
        error = np.std(found, axis=0) / np.sqrt(len(found))
        assert (np.abs(np.mean(found, axis=0) - list(VOTES.values())) < 3.5 * error).all()

    def test_sets_have_means_of_their_own(self):
        """Two kinds of runs with far apart means vary no more than each by itself does."""
        parts = [values(VOTES, 3, 6, 5, draw=draw) for draw in (1, 2)]
        apart = [(x + 100 * number, ways) for number, (x, ways) in enumerate(parts)]
        raw = [[each.raw for each in components(pair_sums(sets))] for sets in (parts, apart)]
        assert raw[1] == pytest.approx(raw[0])


class TestWhatCannotBeTold:
    """It is said, not invented."""

    def test_one_run_tells_nothing_of_trainings(self):
        """And cannot part anchors from anchors in this training."""
        x, ways = values(VOTES, 1, 12, 9)
        found = components(pair_sums([(x, ways)]))
        assert [(each.ways, each.merged) for each in found] == [
            ((1,), ((0, 1),)),
            ((2,), ((0, 2),)),
            ((1, 2), ((0, 1, 2),)),
        ]

    def test_of_disjoint_draws_trainings_are_known(self):
        """Though an anchor is only ever seen in one of them."""
        x, ways = values(VOTES, 5, 6, 5, shared=False)
        assert [each.ways for each in components(pair_sums([(x, ways)]))] == [(0,), (1,), (2,), (1, 2)]

    def test_a_negative_component_is_0_and_says_what_the_equations_gave(self):
        """Trainings that are more alike than chance: the others take what is missing, and none is below 0."""
        x, ways = values({(1,): 1.0, (0, 1): 1.0}, 3, 8)
        x = x - x.reshape(3, 8).mean(axis=1).repeat(8)
        found = components(pair_sums([(x, ways)]))
        assert found[0].raw < 0 and found[0].variance == 0 and all(each.variance >= 0 for each in found)


class TestUncertainty:
    """How far components may be off."""

    @pytest.mark.system
    def test_intervals_cover(self):
        """Trainings of three seeds, people, and the rest: 95 % hold what values were drawn with, within what 60 sets can tell."""
        drawn = {(0,): 2.25, (2,): 1.96, (0, 1): 36.0, (0, 1, 2): 484.0}
        covered = []
        for draw in range(60):
            x, ways = values(drawn, 3, 8, 8, draw=draw)
            found = {each.ways: each for each in components(pair_sums([(x, ways)]))}
            covered.append([found[of].low <= variance <= found[of].high for of, variance in drawn.items()])
        assert (np.mean(covered, axis=0) > 0.85).all()

    def test_two_seeds_say_little_of_trainings(self):
        """With one degree of freedom the upper end is a thousand times the estimate, and more seeds bring it down."""
        found = Component((0,), 1.0, 1.0, 2**0.5, 1.0)
        assert found.high == pytest.approx(1018, rel=1e-2) and found.low == pytest.approx(0.199, rel=1e-2)
        assert Component((0,), 1.0, 1.0, (2 / 7) ** 0.5, 7.0).high == pytest.approx(4.14, rel=1e-2)
