"""Everybody who looks at a run sees its alarms, and what was measured of its trainings and messages."""

from __future__ import annotations

import math
from io import StringIO

import pytest

from abm.log import read_events
from tests.learning.test_alarms import SMALL, Ruinous, carried, settings
from tests.support.command import command
from tests.support.fakes import FakeTrainer


class TestShown:
    """Everybody who looks at a run sees its alarms."""

    @pytest.fixture(scope="class")
    @classmethod
    def folders(cls, tmp_path_factory):
        """A run whose arm is flagged, one whose arm is stopped, and one whose arm's loss became no number."""
        place = tmp_path_factory.mktemp("shown")
        for name, diverges in (("flag", False), ("stop", False), ("diverged", True)):
            config = settings(action="flag" if name == "flag" else "stop")
            carried(place / name, config, trainer=Ruinous(diverges=diverges))
        return place

    @pytest.mark.system
    def test_in_results_and_on_the_terminal(self, folders):
        """With the threshold; tables have no row of a stopped arm."""
        from rich.console import Console

        from analysis.tables.results import results
        from analysis.terminal.run import render

        for name, arms in (("flag", ["rft", "placebo"]), ("stop", ["placebo"])):
            found = results(read_events(folders / name))
            (alarm,) = found["alarms"]
            assert (alarm["arm"], alarm["stopped"], alarm["measures"]) == ("rft", name == "stop", {"kl": (4.0, 1.0)})
            assert list(found["arms"]) == arms
            console = Console(width=200, record=True, file=StringIO())
            for part in render(found):
                console.print(part)
            assert f"Alarm: {alarm['text']}." in console.export_text()

    def test_moloch_show(self, folders, monkeypatch, capsys):
        """A line each, behind the contests."""
        done = command(monkeypatch, capsys, "show", columns=200)(folders / "stop")
        assert "alarm  arm rft stopped in epoch 1, after its training: KL to base 4 nats" in done.out

    def test_frames(self, folders):
        """A row per optimiser step; trainings with how far the model moved; what policies wrote."""
        from analysis.frames import of_run

        steps = of_run(folders / "diverged", "steps").collect()
        assert steps["arm"].to_list() == ["rft"] * 2 + ["placebo"] * 4
        assert steps["training_step"].to_list() == [1, 2] * 3
        assert steps["loss"][0] == 0.5 and math.isnan(steps["loss"][1]) and steps["adapter"][0] == ""
        trainings = of_run(folders / "flag", "training").collect()
        assert trainings["kl_after"].to_list() == pytest.approx([4.0, 0.02, 0.02, 0.02])
        assert of_run(folders / "flag", "steps").filter(arm="rft").collect().height == 4
        wrote = of_run(folders / "flag", "writing").collect()
        assert wrote.select("phase", "epoch", "competitor").rows() == [
            ("train", 1, "base"), ("train", 2, "rft"), ("train", 2, "placebo"),
            ("evaluate", 2, "base"), ("evaluate", 2, "rft"), ("evaluate", 2, "placebo"),
        ]  # fmt: skip
        assert wrote["messages"].to_list() == [18, 18, 18, 8, 8, 8], "base wrote a held-out message once for both arms"

    def test_without_measures(self, tmp_path):
        """Runs of before, and trainers that do not measure, have no such rows, and nulls."""
        from analysis.frames import of_run

        carried(tmp_path / "run", SMALL, trainer=FakeTrainer())
        assert of_run(tmp_path / "run", "steps").collect().height == 0
        assert of_run(tmp_path / "run", "training").collect()["kl_after"].to_list() == [None] * 4

    def test_on_the_pages(self, folders):
        """Under training, with curves of the steps; the plan knows what is left of it."""
        from analysis.readings.book import Book
        from analysis.readings.reading import result_of
        from analysis.ui.address import PageAddress
        from analysis.ui.data.curves import step_figures
        from analysis.ui.data.head import _outlook
        from analysis.ui.data.lineage import tree
        from analysis.ui.data.training import alarm_lines, training_rows

        for name in ("stop", "diverged"):
            book = result_of(read_events(folders / name), Book())
            assert alarm_lines(book)[0].startswith("arm rft stopped in epoch 1")
            done, _, planned = {fact[0]: fact[1] for fact in _outlook(book, book.config)}["plan"].partition(" of ")
            assert done == planned
        book = result_of(read_events(folders / "stop"), Book())
        row = training_rows(book, folders / "stop")[0]
        assert (row["kl"], row["entropy"]) == ("0.0000 → 4.0000", "1.0000 → 0.9000")
        loss = step_figures(book, PageAddress(run="stop"))[0]
        line = loss["panels"][0]["lines"][0]
        assert line["said"] == "rft, epoch 1: loss 0.5 to 0.4 over 2 steps, 0.4 to 0.5 in between"
        assert [dot["said"] for dot in line["dots"]] == ["step 1: 0.5", "step 2: 0.4"] and "arm=rft" in line["to"]
        assert loss["panels"][0]["marks"][0]["said"].startswith("Alarm: arm rft stopped in epoch 1")
        root = tree(book, None, PageAddress(run="stop"))[0]
        assert root["name"] == "base model" and "rft stopped" in root["children"][0]["alarms"][0]

    @pytest.mark.parametrize("name", ["flag", "stop", "diverged"])
    def test_progress(self, folders, name):
        """A cell is done when its run is, with fewer parts."""
        from analysis.studies.record.progress import FollowedCell

        found = FollowedCell(folders / name).look()
        assert found.done == found.total > 0 and found.doing == ""
