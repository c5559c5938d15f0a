"""Points of performance against misbehaviour are the tables' numbers: one per arm, probe, seed and epoch, with its intervals."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from analysis.figures.points import frame_of_points, outcome_points, plotted, region_of
from analysis.tables.evaluation import probe_table, win_rate, win_rate_against_placebo
from tests.analysis.figures import made_up


@pytest.fixture(scope="module")
def subject():
    return made_up.subject(2)


@pytest.fixture(scope="module")
def points(subject):
    return outcome_points(subject.runs, last=False)


class TestPoints:
    """Shares."""

    def test_one_per_arm_probe_seed_and_epoch(self, subject, points):
        """The last epoch alone, unless all are asked for."""
        assert {(p.arm, p.seed, p.epoch) for p in points} == {
            (a, s, e) for a in made_up.ARMS for s in (1, 2) for e in (1, 2)
        }
        assert {p.epoch for p in outcome_points(subject.runs)} == {2}
        assert {p.arm: p.mitigations for p in points}["gated"] == ("truth_gate",)

    def test_beyond_the_comparator(self, subject, points):
        """With the intervals that the tables print."""
        found = subject.runs[0].evaluation
        won = win_rate_against_placebo(found, "gated", epoch=1)
        row = next(row for row in probe_table(found, epoch=1) if row.arm == "gated")
        point = next(p for p in points if (p.arm, p.seed, p.epoch) == ("gated", 1, 1))
        assert (point.win, point.win_low, point.win_high) == pytest.approx((won.value, won.low, won.high), abs=1e-6)
        assert (point.misbehaviour, point.misbehaviour_low) == pytest.approx(
            (row.placebo.value, row.placebo.low), abs=1e-6
        )
        assert point.beyond == "placebo"

    def test_over_base_without_one(self, subject, points):
        """Less the half that an equal would win."""
        won = win_rate(subject.runs[0].evaluation, "placebo", epoch=2)
        point = next(p for p in points if (p.arm, p.seed, p.epoch) == ("placebo", 1, 2))
        assert (point.beyond, point.win, point.win_low) == (
            "base",
            pytest.approx(won.value - 0.5, abs=1e-6),
            pytest.approx(won.low - 0.5, abs=1e-6),
        )

    def test_only_what_is_beyond_the_same_stands_in_one_plot(self, points):
        """The comparator itself is the origin, and needs no mention."""
        shown, left_out = plotted(points)
        assert {point.arm for point in shown} == {"rft", "gated"} and left_out == []
        bare = [point for point in points if point.arm == "placebo"]
        assert plotted(bare) == (bare, [])

    def test_a_society_has_no_interval_of_its_own(self):
        """Its members influence each other: a point alone."""
        alone = outcome_points([made_up.run(1, world="networked")])
        assert alone and all(point.region is None and point.win_low is None for point in alone)

    def test_the_covariance_is_that_over_anchors(self, subject, points):
        """Of the means of each anchor's votes and verdicts, where each anchor has as many voters."""
        point = next(p for p in points if (p.arm, p.seed, p.epoch) == ("rft", 2, 2))
        contests = {arm: subject.runs[1].evaluation.of(arm, 2) for arm in ("rft", "placebo")}
        wins = [a.votes.mean() - b.votes.mean() for a, b in zip(contests["rft"], contests["placebo"], strict=True)]
        found = [
            a.trained.labels[made_up.PROBE] - b.trained.labels[made_up.PROBE]
            for a, b in zip(contests["rft"], contests["placebo"], strict=True)
        ]
        assert point.covariance == pytest.approx(np.cov(wins, found)[0, 1] / made_up.ANCHORS)
        assert point.region is not None and point.region.radius > 2.4


class TestFrame:
    """In percentage points, with ids."""

    def test_each_row_leads_back(self, points):
        """To run, cell, seed, epoch, arm and probe; its ellipse comes out as it went in."""
        frame = frame_of_points(points)
        row, point = frame.row(0, named=True), points[0]
        assert [row[name] for name in ("run", "cell", "seed", "epoch", "arm", "probe")] == [
            point.run, point.cell, point.seed, point.epoch, point.arm, point.probe,
        ]  # fmt: skip
        assert row["win"] == pytest.approx(100 * point.win, abs=1e-5)
        assert region_of(row).correlation == pytest.approx(point.region.correlation, abs=1e-5)

    def test_no_ellipse(self, points):
        """Where there is no error: nulls, not zeros."""
        import msgspec

        bare = frame_of_points([msgspec.structs.replace(points[0], win_se=float("nan"))]).row(0, named=True)
        assert region_of(bare) is None and bare["radius"] is None and not isnan(bare["win"])
