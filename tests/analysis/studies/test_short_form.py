"""``moloch study --seeds N`` is a study like any other: its page is made of the options of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from abm.log import read_events
from abm.study_events import StudyExtended
from analysis.cli.first_step import after_first_step_of
from analysis.studies.pages.short_form import short_page
from analysis.studies.record.counts import StudyStanding
from analysis.studies.record.layout import Layout, is_study
from analysis.studies.study import Study
from tests.analysis.studies.test_controller import FAST, Fake, states
from tests.analysis.test_cli import moloch  # noqa: F401 (a fixture)
from tests.support import fast_cells  # noqa: F401 (an extension)
from tests.support.fork_engine import ForkEngine


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of a run that costs nothing, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("analysis.studies.engines.local.LocalEngine", ForkEngine)
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(FAST | {"serving": {"llm": "fast"}, "seed": 9}), "utf-8")
    return path


def folder() -> Path:
    """Return the only study under ``runs/``."""
    (study,) = (path for path in Path("runs").iterdir() if is_study(path))
    return study


class TestPage:
    """The settings of a run become the base of a page."""

    def test_it_says_what_was_given_and_nothing_else(self):
        """Bounds are those of all cells together; a seed is the study's to say."""
        given = {"arena": "social", "audience": "my audience.yaml", "seed": 3, "budget": {"calls": 7, "minutes": 90}}
        page = short_page(given, 4).page
        assert (page.name, page.base, page.each_seed) == (
            "social-my_audience",
            {"arena": "social", "audience": "my audience.yaml"},
            (1, 2, 3, 4),
        )
        assert (page.stop.calls, page.stop.hours, page.stop.usd) == (7, 1.5, None)

    def test_no_minutes_are_none(self, tmp_path):
        """A bound of 0 stops before the first cell."""
        of = Study(short_page({"budget": {"minutes": 0}}, 2), out=tmp_path / "study")
        assert of.run(engine=Fake()).why == "hours" and states(of) == ["waiting", "waiting"]

    def test_where_models_are_served_is_another_matter(self):
        """The same study continues with another server, and with other bounds; with other settings it is another one."""
        here, there, other = (
            Study(short_page(given, 2)).folder
            for given in ({"epochs": 1}, {"epochs": 1, "serving": {"llm": "vllm"}, "gate": "flag"}, {"epochs": 3})
        )
        assert here == there != other and here.name.startswith("study-sales-default-")


class TestCommand:
    """Without a page."""

    @pytest.mark.system
    def test_its_folder_is_a_study(self, moloch, settings):  # noqa: F811
        """Which every verb takes; tables are printed again at any time, and more seeds are an extension that its log has."""
        begun = moloch("study", str(settings), "--seeds", "2", "--jobs", "2")
        assert begun.code == 0 and "2 cells, 2 seeds" in begun.out, begun.err
        assert begun.err.count("first step: ") == 1, "of the first cell that made one"
        study = folder()
        page = yaml.safe_load((study / "study.yaml").read_text("utf-8"))
        assert page["base"] == FAST | {"serving": {"llm": "fast"}} and page["seeds"] == 2
        again = moloch("results", str(study)).out
        assert begun.out.startswith(again)
        assert moloch("study", "results", str(study)).out == again
        assert "For new trainings, anchors and people" in moloch("results", str(study), "--full").out
        status = json.loads(moloch("study", "status", str(study), "--json").out)
        assert status["states"] == {"ended": 2} and moloch("study", "run", str(study)).code == 0
        assert moloch("log", "verify", str(study)).code == 0
        more = moloch("study", str(settings), "--seeds", "3", "--json")
        assert more.code == 0 and "added the seed 3 (1 new cell)" in more.err
        assert "first step: " not in more.err
        told = json.loads(more.out)
        assert told["table"]["seeds"] == [1, 2, 3] and len(told["cells"]) == told["ended"] == 3
        assert [e.what for e in read_events(Layout(study).log) if isinstance(e, StudyExtended)] == [
            ["the seed 3 (1 new cell)"]
        ]
        assert "Extended once after it had begun" in moloch("results", str(study)).out
        fewer = moloch("study", str(settings), "--seeds", "2")
        assert fewer.code == 2 and "cells of the study are no longer on the page" in fewer.err

    @pytest.mark.system
    def test_a_seed_that_fails_does_not_stop_the_others(self, moloch, settings):  # noqa: F811
        """It is named with its reason; what the others came to is printed, with exit code 3; retry carries it out.

        So it is where a log is damaged later.
        """
        of = Study(short_page(yaml.safe_load(settings.read_text("utf-8")), 3), out="study")
        of.begin()
        cell = of.cells[1].name
        Layout("study").cells.mkdir()
        Layout("study").cell(cell).write_text("in its way")
        command = ("study", str(settings), "--seeds", "3", "--out", "study")
        done = moloch(*command)
        said = " ".join(done.out.split())
        assert done.code == 3 and "2 cells, 2 seeds" in said and "1 failed" in done.err, done.err
        assert f"Missing: {cell} (failed: " in said
        Layout("study").cell(cell).unlink()
        assert moloch("study", "retry", "study").code == 0
        assert "3 cells, 3 seeds" in moloch("results", "study").out
        self.damage(next((Layout("study").cell(cell) / "log").iterdir()))
        for told in (moloch(*command), moloch("results", "study"), moloch("study", "results", "study", "--md")):
            assert told.code == 3 and "Traceback" not in told.err
        told = " ".join(moloch("results", "study").out.split())
        assert "2 cells, 2 seeds" in told and f"Missing: {cell} (damaged: " in told

    def damage(self, segment: Path) -> None:
        """Overwrite the beginning of a log."""
        segment.write_bytes(b"no frame" + segment.read_bytes()[8:])

    def test_the_verb_has_no_name(self, moloch):  # noqa: F811
        """Help does not list it, and who writes it is asked for settings of that name."""
        listed = moloch("study", "--help").out
        assert "│ extend" in listed and "│ seeds" not in listed and "--seeds 5" in listed
        assert "seeds: cannot read the settings" in moloch("study", "seeds", "--seeds", "2").err
        assert "--max-calls" in moloch("study", "--seeds", "5", "--help").out
        assert "study [OPTIONS] [config]" in moloch("study", "--seeds", "5", "--help").out
        assert "study [OPTIONS] [config]" in moloch("study", "--sees", "5").err

    @pytest.mark.system
    def test_a_preregistered_study_shows_no_message(self, settings):
        """Nor does anything else before its end."""
        primary = {"hypotheses": [{"name": "H1", "arm": "rft", "outcome": "win_rate", "measure": "rate"}]}
        now = StudyStanding(ended=1, failed=0, running=1, waiting=0, seconds=0.0)
        for page, says in (({}, True), ({"primary": primary}, False)):
            base = FAST | {"serving": {"llm": "fast"}}
            of = Study(base=base, seeds=2, out=f"study{len(page)}", **page)
            of.begin()
            stepped = after_first_step_of(of)
            assert of.run(engine=ForkEngine(1)).exit_code == 0
            assert bool(list(stepped(now))) == says and not list(stepped(now))

    def test_a_page_is_no_settings(self, moloch, settings):  # noqa: F811
        """And the error says what to do with it."""
        page = settings.with_name("page.yaml")
        page.write_text("name: x\nbase: {epochs: 1}\nseeds: 2\n", "utf-8")
        said = moloch("study", str(page), "--seeds", "2").err
        assert "this is the page of a study" in said and f"moloch study run {page.name}" in said

    @pytest.mark.system
    def test_a_plan_makes_no_folder(self, moloch, settings):  # noqa: F811
        """And names the folders of the cells to come."""
        told = json.loads(moloch("study", str(settings), "--seeds", "2", "--dry-run", "--json").out)
        assert [Path(run).parent.name for run in told["runs"]] == ["cells", "cells"] and not Path("runs").exists()


class TestBefore:
    """``seed-N`` folders, which the command made before it made studies."""

    def old(self, path: Path) -> None:
        """Write runs as they were: whole ones, of the settings that the short form has now."""
        from tests.analysis.studies.small import write_run

        for cell in Study(short_page({}, 2)).cells:
            write_run(path / f"seed-{cell.seed}", cell)

    def test_finished_runs_are_found(self, tmp_path, monkeypatch):
        """Wherever they stand in the workspace; the study names them, and repeats none."""
        self.old(tmp_path / "study-sales-default")
        of = Study(short_page({}, 2), out=tmp_path / "study")
        shelves = of.library()._by_settings()  # pyright: ignore[reportPrivateUsage]
        assert sorted(path.name for paths in shelves.values() for path in paths) == ["seed-1", "seed-2"]

    def test_their_folder_is_not_the_studys(self, moloch, tmp_path):  # noqa: F811
        """It stays as it is, and the error says that nothing is lost."""
        self.old(tmp_path / "old")
        done = moloch("study", "--seeds", "2", "--out", str(tmp_path / "old"))
        assert done.code == 2 and "as it was before it made studies" in done.err
        assert "are found there, and not repeated" in done.err
        assert sorted(path.name for path in (tmp_path / "old").iterdir()) == ["seed-1", "seed-2"]
