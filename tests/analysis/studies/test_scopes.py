"""What the three intervals of an estimate promise: each covers what its name says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.estimates import plain
from analysis.statistics.multiway import multiway_mean
from analysis.statistics.randomisation import sign_flips
from analysis.studies.values.estimates import differences, estimates, frame_rows
from analysis.studies.values.scopes import (
    ADAPTERS,
    ANCHORS_AND_PEOPLE,
    NEW,
    CellValues,
    scopes_of,
    scopes_of_difference,
)
from analysis.tables.pooled import Measured, RunValues, own_estimate

BEYOND = Measured("rft", "votes", "win_rate", "from_comparator")
NOTES = {"note": "", "withheld": "", "validity": "", "flags": []}


def cell(seed: int, values, *, arm: str = "", networked: bool = False, kept: bool = True) -> CellValues:
    """Return a cell whose differences of votes, shape (anchors, people), are these."""
    anchor, person = (axis.ravel() for axis in np.indices(values.shape))
    of = RunValues(anchor, person, values.ravel(), np.ones(values.size))
    tables = {BEYOND: plain(own_estimate(of)) | {"value": float(values.mean())}}
    return CellValues(
        f"{arm}{seed}",
        {"arm_of": arm},
        seed,
        tables,
        {BEYOND: of} if kept else {},
        {"rft": "placebo"},
        NOTES,
        networked,
    )


def study(spread: tuple[float, float, float], seeds: int = 4, draw: int = 1, **more) -> list[CellValues]:
    """Return cells in which seeds, anchors and people vary by so much, on the same anchors and people."""
    random = np.random.default_rng(draw)
    anchors, people = (random.normal(0, s, n) for s, n in zip(spread[1:], (12, 9), strict=True))
    return [
        cell(
            seed,
            random.normal(0, spread[0]) + anchors[:, None] + people[None, :] + random.normal(0, 0.1, (12, 9)),
            **more,
        )
        for seed in range(1, seeds + 1)
    ]


class TestEachScope:
    """By its own formula."""

    def test_these_anchors_and_people(self):
        """Student's t over seeds."""
        cells = study((1, 1, 1))
        means = [each.tables[BEYOND]["value"] for each in cells]
        found = scopes_of(BEYOND, cells, 0.0).seeds
        theirs = stats.ttest_1samp(means, 0.0).confidence_interval()
        assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))

    def test_new_ones(self):
        """Three ways at once, and degrees of freedom of all of them."""
        cells = study((1, 1, 1))
        rows = [(each.seed, each.values[BEYOND]) for each in cells]
        ways = [np.repeat([seed for seed, _ in rows], 108), *(np.concatenate([v[i] for _, v in rows]) for i in (0, 1))]
        found, wanted = scopes_of(BEYOND, cells, 0.0), multiway_mean(np.concatenate([v.sums for _, v in rows]), ways)
        assert (found.new.low, found.new.high, found.new.p) == pytest.approx((wanted.low, wanted.high, wanted.p))
        assert found.over == "seeds, anchors, people" and found.new.clusters == (4, 12, 9)

    def test_what_varies_is_in_the_scopes_that_speak_of_it(self):
        """Seeds in the one, anchors and people in the other, and all of it in the headline."""
        by_seeds, by_anchors = (scopes_of(BEYOND, study(spread), 0.0) for spread in ((1, 0.01, 0.01), (0.01, 1, 1)))
        assert by_seeds.adapters.se < 0.1 * by_seeds.seeds.se and by_seeds.new.se == pytest.approx(
            by_seeds.seeds.se, rel=0.1
        )
        assert by_anchors.seeds.se < 0.1 * by_anchors.adapters.se
        assert by_anchors.new.se == pytest.approx(by_anchors.adapters.se, rel=0.1)

    def test_one_value(self):
        """Whatever the scope."""
        found = scopes_of(BEYOND, study((1, 1, 1)), 0.0)
        assert found.new.value == pytest.approx(found.adapters.value) and found.new.value == pytest.approx(
            found.seeds.value
        )

    def test_signs_are_flipped_over_seeds(self):
        """With the smallest p that four of them can give."""
        cells = [cell(seed, np.full((4, 3), value)) for seed, value in enumerate((0.3, -0.2, 0.1, -0.1))]
        found, beyond = scopes_of(BEYOND, cells, 0.0), scopes_of(BEYOND, cells, -1.0)
        assert found.p_randomised == sign_flips([0.3, -0.2, 0.1, -0.1]).p > 0.5
        assert beyond.p_randomised == beyond.p_smallest == found.p_smallest == 0.125

    @pytest.mark.slow
    def test_they_cover(self):
        """New anchors, people and trainings, where an interval over seeds that share them covers half."""
        found = [scopes_of(BEYOND, study((0.1, 0.5, 0.3), draw=i), 0.0) for i in range(120)]
        covered = [
            np.mean([s.low < 0 < s.high for s in scope])
            for scope in zip(*((f.new, f.seeds) for f in found), strict=True)
        ]
        assert covered[0] >= 0.88 and covered[1] <= 0.75


class TestWhereSomethingIsMissing:
    """Scopes that the data cannot give."""

    def test_one_seed(self):
        """These adapters, and nothing else."""
        found = scopes_of(BEYOND, study((1, 1, 1), seeds=1), 0.0)
        assert found.adapters.low < found.adapters.high and math.isnan(found.adapters.p)
        assert all(math.isnan(x) for x in (found.new.low, found.new.p, found.seeds.low, found.p_randomised))
        assert found.over == ""

    def test_values_that_were_not_kept(self):
        """Over seeds alone, which it says."""
        found = scopes_of(BEYOND, study((1, 1, 1), kept=False), 0.0)
        assert found.over == "seeds" and found.new == found.seeds and math.isnan(found.adapters.low)

    def test_a_network(self):
        """Its members influence each other: degrees of freedom are of seeds alone, and one society is one unit."""
        apart, together = (scopes_of(BEYOND, study((0.1, 1, 1), networked=each), 0.0) for each in (False, True))
        assert together.new.se == apart.new.se and together.new.dof == 3 < apart.new.dof
        assert math.isnan(together.adapters.low) and together.seeds == apart.seeds

    def test_identical_twins(self):
        """Zero in each scope, and no variation."""
        found = scopes_of(BEYOND, [cell(seed, np.zeros((4, 3))) for seed in (1, 2, 3)], 0.0)
        for each in (found.new, found.adapters, found.seeds):
            assert each.value == 0 and each.no_variation
        assert math.isnan(found.p_randomised)


class TestContrasts:
    """Of levels of a factor that share seeds."""

    def test_are_taken_within_each_seed(self):
        """What a seed's cells have in common drops out, and is in no interval."""
        random = np.random.default_rng(2)
        luck = random.normal(0, 5, 5)
        a = [cell(s, luck[s] + random.normal(0, 0.1, (6, 5)), arm="a") for s in range(5)]
        b = [cell(s, luck[s] + 0.3 + random.normal(0, 0.1, (6, 5)), arm="b") for s in range(5)]
        found = scopes_of_difference(BEYOND, a, b)
        means = [y.tables[BEYOND]["value"] - x.tables[BEYOND]["value"] for x, y in zip(a, b, strict=True)]
        theirs = stats.ttest_1samp(means, 0.0)
        assert found.seeds.value == pytest.approx(0.3, abs=0.05) and found.seeds.p == pytest.approx(theirs.pvalue)
        assert found.new.se < 0.1 and found.p_randomised == sign_flips(means).p == 0.0625

    def test_seeds_of_one_side_alone(self):
        """Are in the means and the interval, and their signs are not flipped."""
        a, b = study((1, 0.1, 0.1), 3), study((1, 0.1, 0.1), 6, draw=2)
        found = scopes_of_difference(BEYOND, a, b)
        assert found.p_smallest == 0.25 and found.seeds.clusters == (6,)


class TestRows:
    """Of the tidy frame."""

    def test_have_all_three(self):
        """By the names that documentation has."""
        (row,) = frame_rows(estimates(study((1, 1, 1)), []))
        found = scopes_of(BEYOND, study((1, 1, 1)), 0.0)
        for names, scope in (
            (("low", "high"), found.new),
            (("low_adapters", "high_adapters"), found.adapters),
            (("low_seeds", "high_seeds"), found.seeds),
        ):
            bounds = scope.within(-1, 1)
            assert [row[name] for name in names] == pytest.approx([bounds.low, bounds.high], abs=1e-6)
        assert (row["dof"], row["detectable"]) == pytest.approx((found.new.dof, found.new.detectable), abs=1e-6)
        assert (row["n"], row["anchors"], row["people"], row["cells"]) == (4, 12, 9, 4)

    def test_identical_twins_are_zero(self):
        """With an error of zero, no bounds, and a conclusion that says why."""
        cells = [cell(seed, np.zeros((4, 3))) for seed in (1, 2, 3)]
        (made,) = estimates(cells, [])
        (row,) = frame_rows([made])
        assert (row["estimate"], row["se"], row["low"], row["dof"], row["detectable"]) == (0, 0, None, None, None)
        assert made.conclusion is not None and made.conclusion.needs.startswith("no variation")

    def test_are_printed_with_what_they_speak_of(self):
        """In the full tables, beside the least p that flipped signs can give; a scope that is not there is a dash."""
        from rich.console import Console

        from analysis.terminal._scopes import scope_tables

        said = []
        for seeds in (4, 1):
            console = Console(width=160, record=True)
            rows = list(frame_rows(estimates(study((0.1, 0.1, 0.1), seeds), [])))
            for part in scope_tables([row | {"sampled": ""} for row in rows], lambda row: ()):
                console.print(part)
            said.append(console.export_text())
        assert all(scope in said[0] for scope in (NEW, ANCHORS_AND_PEOPLE, ADAPTERS)) and "at least 0.125" in said[0]
        assert said[0].count("[") == 3 and said[1].count("[") == 1, "one seed speaks of these adapters alone"

    def test_of_two_studies(self):
        """The same columns."""
        ours, theirs = study((1, 1, 1)), study((1, 1, 1), draw=3)
        (row,) = frame_rows(differences(ours, theirs, []))
        found = scopes_of_difference(BEYOND, ours, theirs)
        assert row["estimate"] == pytest.approx(found.new.value, abs=1e-6) and row["p_smallest"] == 0.125
