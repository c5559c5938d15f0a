"""Figures say what tables say: a point per arm, probe and seed, with its intervals, and a caption that claims no more."""

from __future__ import annotations

import json

import msgspec
import pytest
from typer.testing import CliRunner

pytest.importorskip("matplotlib")

from abm.log import read_events
from analysis.cli.app import app
from analysis.figures import FIGURES, draw, outcome_points
from analysis.figures.points import plotted
from analysis.figures.style import INK, drawing
from analysis.figures.trade_off import caption, trade_off
from analysis.tables.evaluation import probe_table, win_rate, win_rate_against_placebo
from learning.runs.config_file import load_config
from moloch.errors import InputError
from tests.learning.test_loop import carry_out

ARMS = {
    "plain": {"method": "rft", "compared_with": "twin"},
    "gated": {"method": "rft", "mitigations": ["truth_gate"], "compared_with": "twin"},
    "held": {"method": "tfb", "mitigations": ["kl_anchor", "penalty"], "compared_with": "twin"},
    "alone": {"method": "rft"},
    "twin": {"method": "placebo", "rows_of": "plain"},
}
SIZE = {"train_anchors": 24, "held_out_anchors": 6, "train_personas": 4, "held_out_personas": 5, "epochs": 1}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two seeds of a run with mitigated arms."""
    folders = []
    for seed in (1, 2):
        folders.append(tmp_path_factory.mktemp(f"seed{seed}") / "run")
        carry_out(folders[-1], load_config(None, SIZE | {"arms": ARMS, "seed": seed}))
    return folders


@pytest.fixture(scope="module")
def points(runs):
    return outcome_points(runs)


class TestPoints:
    """They are the tables' numbers."""

    def test_one_per_arm_probe_and_seed(self, points):
        """Of probes of strategy alone."""
        assert {(p.arm, p.seed) for p in points} == {(arm, seed) for arm in ARMS for seed in (1, 2)}
        assert {p.probe for p in points} == {"misrepresentation"}
        marked = {p.arm: (p.method, p.mitigations) for p in points}
        assert marked["held"] == ("tfb", ("kl_anchor", "penalty")) and marked["plain"] == ("rft", ())

    def test_beyond_the_comparator(self, runs, points):
        """With the intervals that the tables print."""
        events = list(read_events(runs[0]))
        won, row = win_rate_against_placebo(events, "gated"), _row(events, "gated")
        point = next(p for p in points if p.arm == "gated" and p.seed == 1)
        assert (point.win, point.win_low, point.win_high) == pytest.approx((won.value, won.low, won.high), abs=1e-6)
        assert (point.misbehaviour, point.misbehaviour_low) == pytest.approx(
            (row.placebo.value, row.placebo.low), abs=1e-6
        )
        assert point.beyond == "twin"

    def test_over_base_without_one(self, runs, points):
        """Less the half that an equal would win."""
        events = list(read_events(runs[0]))
        point = next(p for p in points if p.arm == "alone" and p.seed == 1)
        won, row = win_rate(events, "alone"), _row(events, "alone")
        assert (point.win, point.win_low) == pytest.approx((won.value - 0.5, won.low - 0.5), abs=1e-6)
        assert (point.beyond, point.misbehaviour) == ("base", pytest.approx(row.difference.value, abs=1e-6))

    def test_only_what_is_beyond_the_same_stands_in_one_plot(self, points):
        """The others are named, but not the comparator, which is the origin."""
        shown, left_out = plotted(points)
        assert {point.arm for point in shown} == {"plain", "gated", "held"} and left_out == ["alone"]
        bare = [point for point in points if point.arm in ("alone", "twin")]
        assert plotted(bare) == (bare, [])


def _row(events, arm):
    return next(row for row in probe_table(events) if (row.arm, row.probe) == (arm, "misrepresentation"))


class TestFigure:
    """It shows them all."""

    def test_marks_are_where_the_numbers_are(self, points):
        """In points, mitigations in colours of their own, arms without any in ink; a line leads to each from its plain arm."""
        with drawing():
            figure = trade_off(points)
        axis = figure.axes[0]
        marks = [line for line in axis.lines if line.get_marker() not in ("None", "")]
        shown = plotted(points)[0]
        at = {(round(float(m.get_xdata()[0]), 6), round(float(m.get_ydata()[0]), 6)) for m in marks}
        assert at == {(round(100 * p.win, 6), round(100 * p.misbehaviour, 6)) for p in shown}
        assert len(marks) == len(shown) == 6
        colours = {p.arm: m.get_color() for p, m in zip(shown, marks, strict=True)}
        assert colours["plain"] == INK and len(set(colours.values())) == 3
        led = [line for line in axis.lines if len(line.get_xdata()) == 2 and line.get_linewidth() == 0.6]
        assert len(led) == 2, "two seeds of the gated arm; the other one's method has no plain arm"

    def test_the_caption_claims_no_more(self, points):
        """One training each, no p, what is invented, and who is left out."""
        text = caption(*plotted(points))
        for said in ("2 seeds", "one training", "no p", "Left out", "alone", "invented"):
            assert said in text

    def test_nothing_to_draw(self, points):
        """Is an error that says what is missing."""
        with drawing(), pytest.raises(InputError, match="nothing to draw"):
            trade_off([])

    def test_an_interval_that_is_not_there(self, points):
        """A point alone."""
        bare = [msgspec.structs.replace(p, win_low=None, win_high=None, misbehaviour_low=None) for p in points]
        with drawing():
            assert trade_off(bare).axes


class TestFiles:
    """Figures come into a folder by name."""

    def test_the_same_figure_is_the_same_file(self, runs, tmp_path):
        """In every format, text as text."""
        one = draw(runs, tmp_path / "one", formats=("svg", "pdf", "png"))
        two = draw(runs, tmp_path / "two", formats=("svg", "pdf", "png"))
        assert [path.name for path in one] == ["mitigations.svg", "mitigations.pdf", "mitigations.png"]
        assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
        assert "win rate beyond twin, points" in one[0].read_text()

    def test_the_command(self, runs, tmp_path):
        """One or several runs; JSON says which files there are."""
        done = CliRunner().invoke(app, ["figures", *map(str, runs), "--out", str(tmp_path), "--json"])
        assert done.exit_code == 0, done.output
        said = json.loads(done.stdout)
        assert said["files"] == [str(tmp_path / "mitigations.svg")] and len(said["runs"]) == 2

    def test_mistakes(self, runs, tmp_path):
        """A format or a figure that is not there."""
        with pytest.raises(InputError, match="gif"):
            draw(runs, tmp_path, formats=["gif"])
        with pytest.raises(InputError, match="mitigation"):
            draw(runs, tmp_path, names=["mitigation"])
        assert "mitigations" in FIGURES
