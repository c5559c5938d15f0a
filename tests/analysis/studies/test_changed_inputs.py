"""Inputs that change after cells ended are noticed: by ``status``, ``run`` and ``results``, which say what to do."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from analysis.studies.record.inputs import changed_inputs
from analysis.studies.record.layout import Layout
from analysis.studies.record.study_log import StudyLog
from analysis.studies.study import Study
from learning import run
from tests.analysis.studies.test_controller import FAST, Fake
from tests.analysis.studies.test_identity import anchors
from tests.analysis.studies.test_verbs import moloch  # noqa: F401 (a fixture)

AUDIENCE = "name: mine\nweights: {{warmth: {{mean: 0.{}}}}}\n"


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page of two audiences, one in a file, with anchors and an extension of the user's own; one seed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_rules", raising=False)
    Path("my_rules.py").write_text("X = 1\n")
    Path("mine.yaml").write_text(AUDIENCE.format(0))
    base = FAST | {"anchors": anchors(tmp_path / "lamps"), "serving": {"llm": "fast"}}
    base["extensions"] = [*FAST["extensions"], "my_rules"]
    path = tmp_path / "page.yaml"
    levels = {"cross": {"audience": ["default", "mine.yaml"]}, "seeds": 1}
    path.write_text(yaml.safe_dump({"name": "x", "base": base} | levels), "utf-8")
    return path


class Here(Fake):
    """Carries runs out in this process, up to a number of them."""

    def __init__(self, of: Study, most: int) -> None:
        configs = {cell.name: cell.config for cell in of.cells}
        left = iter(range(most))

        def carry_out(name: str, attempt: int):
            from analysis.studies.work.outcomes import AttemptEnded, AttemptFailed

            if next(left, None) is None:
                return AttemptFailed("budget", "enough")
            done = run(configs[name], Layout(of.folder).cell(name), probes=None)
            return AttemptEnded(done.head.hash, done.digest, done.head.seq, 1.0, 0)

        super().__init__(carry_out, jobs=1)


def carry_out(page: Path, most: int = 99) -> Study:
    of = Study(page, out="study")
    of.run(engine=Here(of, most))
    return of


def changed(of: Study) -> dict[str, int]:
    """Return input -> how many cells began with another one."""
    return {name: len(cells) for name, cells in changed_inputs(of.state(), Layout(of.folder)).as_dict().items()}


class TestNoticed:
    """By content, whatever the time of a file is."""

    @pytest.mark.system
    def test_nothing_changed(self, page):
        """Files that were only touched are as they were."""
        of = carry_out(page)
        Path("lamps/train.jsonl").touch()
        assert changed(of) == {}

    @pytest.mark.system
    def test_files_and_code(self, page, monkeypatch):
        """Those of one level concern its cells alone."""
        of = carry_out(page)
        Path("mine.yaml").write_text(AUDIENCE.format(1))
        assert changed(of) == {"audience/mine.yaml": 1}
        anchors(Path("lamps"), "bad")
        assert changed(of) == {"anchors/test.jsonl": 2, "anchors/train.jsonl": 2, "audience/mine.yaml": 1}
        anchors(Path("lamps"))
        Path("mine.yaml").write_text(AUDIENCE.format(0))
        Path("my_rules.py").write_text("X = 2\n")
        monkeypatch.delitem(sys.modules, "my_rules")
        assert changed(of) == {"extension my_rules": 2}

    @pytest.mark.system
    def test_a_file_that_is_gone_is_not_compared(self, page):
        """Nobody knows what it would hold; runs have copies."""
        of = carry_out(page)
        Path("mine.yaml").unlink()
        assert changed(of) == {}

    @pytest.mark.system
    def test_by_identity_alone(self, page, monkeypatch):
        """Where the study's log tells enough, no run is opened."""
        from abm.llm import backends

        monkeypatch.setattr(backends, "BUILT_IN", (*backends.BUILT_IN, "fast"))
        of = carry_out(page)
        assert all(cell.identity for cell in of.state().cells.values())
        with monkeypatch.context() as patched:
            patched.setattr("analysis.studies.record.inputs.open_log", lambda *given, **more: pytest.fail("opened"))
            assert changed(of) == {}
        Path("mine.yaml").write_text(AUDIENCE.format(1))
        assert changed(of) == {"audience/mine.yaml": 1}


class TestSaid:
    """With what to do."""

    @pytest.mark.system
    def test_cells_that_are_left_are_not_carried_out_with_other_data(self, moloch, page):  # noqa: F811
        """Until the files are what they were; nothing is begun."""
        carry_out(page, most=1)
        anchors(Path("lamps"), "bad")
        done = moloch("study", "run", page, "--out", "study")
        assert done.code == 2 and "anchors/test.jsonl, anchors/train.jsonl changed: 1 of 1 cells" in done.err
        assert "Put back what they were" in done.err and StudyLog("study").state().cells == carry_state()
        anchors(Path("lamps"))
        assert carry_out(page).run(engine=Fake()).exit_code == 0

    @pytest.mark.system
    def test_of_other_code_it_is_told(self, page, monkeypatch):
        """A mistake in it has to be corrected, and the others go on."""
        carry_out(page, most=1)
        Path("my_rules.py").write_text("X = 2\n")
        monkeypatch.delitem(sys.modules, "my_rules")
        with pytest.warns(UserWarning, match="extension my_rules changed: 1 of 1 cells that ended"):
            done = carry_out(page)
        assert {cell.state for cell in done.state().cells.values()} == {"ended"}

    @pytest.mark.system
    def test_status_and_results(self, moloch, page):  # noqa: F811
        """In words and as JSON; results are those of what each run keeps."""
        carry_out(page)
        before = json.loads(moloch("study", "results", "study", "--json").out)
        assert before["changed"] == {} and "changed" not in moloch("study", "status", "study").out
        Path("mine.yaml").write_text(AUDIENCE.format(1))
        told = json.loads(moloch("study", "status", "study", "--json").out)
        assert len(told["changed"]["audience/mine.yaml"]) == 1
        assert "changed  audience/mine.yaml changed: 1 of 2 cells" in moloch("study", "status", "study").out
        after = json.loads(moloch("study", "results", "study", "--json").out)
        assert after["changed"] == told["changed"] and after["rows"] == before["rows"]
        said = " ".join(moloch("study", "results", "study").out.split())
        assert "Since then audience/mine.yaml changed: 1 of 2 cells that ended began with others." in said


def carry_state():
    """Return the cells as the study's log has them; a second reading of it."""
    return StudyLog("study").state().cells
