"""What one run can say of the effect of competition, and what it says that it cannot."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from abm.events import Event
from analysis.tables.competition import between_trainings, competition, competition_dicts, competition_frame
from analysis.tables.results import results
from tests.analysis.factory import contest, setup, step

SETTINGS = {"arena": "sales", "audience": "default", "model": "pocket", "seed": 1}


def events_of(rft: list[int], placebo: list[int]) -> list[Event]:
    """Return a log in which each training of two arms wins so many of 20 votes."""
    arms = [
        {"rft": {"method": "rft", "repeats": len(rft)}},
        {"placebo": {"method": "placebo", "repeats": len(placebo)}},
    ]
    won = {
        name + (f"_{i}" if i > 1 else ""): n
        for name, each in (("rft", rft), ("placebo", placebo))
        for i, n in enumerate(each, 1)
    }
    events = setup(4, 5, list(won), SETTINGS | {"arms": arms})
    for arm, n in won.items():
        for a in range(4):
            votes = [int(5 * a + i < n) for i in range(5)]
            events += step(contest(arm, f"a{a}", votes, labels={"populism": (0, a % 2)}), arm)
    return events


def row_of(events, outcome: str = "win_rate"):
    """Return the one row of an outcome."""
    (row,) = [each for each in competition(events) if each.outcome == outcome]
    return row


class TestOneTrainingOfEach:
    """Of which nothing follows but that two adapters differ."""

    def test_has_no_interval_and_no_p(self):
        """And says what to run."""
        row = row_of(events_of([15], [8]))
        assert row.estimate.value == pytest.approx(0.35) and row.method == "none"
        assert all(math.isnan(x) for x in (row.estimate.low, row.estimate.p, row.p_sharp, row.p_rank))
        assert "no p of an effect of competition" in row.says and "--set arms.placebo.repeats=5" in row.says


class TestSeveralOfTheControl:
    """And one of the learner."""

    def test_five_test_the_sharp_null(self):
        """By a t with the variance of one more training, and by ranks: at least one in six."""
        values = np.array([8, 9, 11, 10, 9]) / 20
        row = row_of(events_of([15], [8, 9, 11, 10, 9]))
        t = (0.75 - values.mean()) / math.sqrt(values.var(ddof=1) * (1 + 1 / 5))
        assert row.p_sharp == pytest.approx(2 * stats.t.sf(t, 4)) and row.p_rank == pytest.approx(1 / 6)
        assert "sharp null alone" in row.says

    def test_the_interval_says_what_it_assumes(self):
        """That trainings of the arm vary as the control's do; its p is none of an effect."""
        row = row_of(events_of([15], [8, 9, 11, 10, 9]))
        values = np.array([8, 9, 11, 10, 9]) / 20
        half = stats.t.ppf(0.975, 4) * math.sqrt(values.var(ddof=1) * 6 / 5)
        assert row.method == "equal variance" and row.estimate.high - row.estimate.value == pytest.approx(half)
        assert math.isnan(row.estimate.p) and "assumes that its trainings vary as the 5 of placebo do" in row.says

    def test_four_test_nothing(self):
        """There is the interval, under its assumption, and what is missing."""
        row = row_of(events_of([15], [8, 9, 11, 10]))
        assert math.isnan(row.p_sharp) and row.estimate.low < row.estimate.high
        assert "For a test of the sharp null train placebo 5 times" in row.says


class TestSeveralOfBoth:
    """An interval for new trainings."""

    def test_is_welch_s(self):
        """As scipy has it."""
        row = row_of(events_of([14, 17, 12], [8, 9, 11, 10]))
        theirs = stats.ttest_ind([0.7, 0.85, 0.6], [0.4, 0.45, 0.55, 0.5], equal_var=False)
        interval = theirs.confidence_interval()
        assert (row.estimate.low, row.estimate.high) == pytest.approx((interval.low, interval.high))
        assert (row.estimate.p, row.estimate.dof) == pytest.approx((theirs.pvalue, theirs.df))
        assert (row.trainings, row.controls, row.method) == (3, 4, "welch") and math.isnan(row.p_sharp)

    def test_identical_ones_say_so(self):
        """Zero, and no variation: no dash."""
        row = row_of(events_of([9, 9], [9, 9]))
        assert row.estimate.value == 0 and row.estimate.no_variation and row.says.startswith("No variation")

    def test_it_keeps_its_level(self):
        """Of true nulls of normal trainings, one in twenty."""
        random = np.random.default_rng(4)
        found = [between_trainings(random.normal(0, 1, 3), random.normal(0, 2, 6))[0].p < 0.05 for _ in range(1500)]
        assert 0.03 <= np.mean(found) <= 0.07


def test_the_interval_under_the_assumption_covers():
    """One training against five, where both vary alike: 95 %."""
    random = np.random.default_rng(5)
    made = [between_trainings(random.normal(0, 1, 1), random.normal(0, 1, 5))[0] for _ in range(1500)]
    assert 0.935 <= np.mean([each.low < 0 < each.high for each in made]) <= 0.965


def test_results_and_frame_hold_it():
    """For tables and reports; probes, too."""
    rows = competition(events_of([15], [8]))
    assert [row.outcome for row in rows] == ["win_rate", "populism"]
    assert results(events_of([15], [8]))["competition"] == competition_dicts(rows)
    assert competition_frame(rows)["says"].to_list() == [row.says for row in rows]


def test_arms_without_a_comparator_have_no_row():
    """Nor has the control."""
    assert {row.arm for row in competition(events_of([15], [8]))} == {"rft"}
