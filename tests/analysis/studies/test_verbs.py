"""What the verbs of a study print: for people, as JSON, with which exit code, and what they keep to themselves."""

from __future__ import annotations

import json
import time

import polars as pl
import pytest

from abm.log import read_events
from abm.study_events import CellFailed, CellStarted, StudyLooked
from analysis.studies.record.claims import Claims
from analysis.studies.record.identity import FinishedRun, Identity
from analysis.studies.record.layout import Layout
from analysis.studies.record.places import cell_named
from analysis.studies.record.study_log import StudyLog
from analysis.ui.data.runs import find_runs, find_studies
from learning import RunConfig
from moloch.errors import InputError
from tests.analysis.studies.small import PAGE, carry_out, plan
from tests.support.command import command

DECLARED = f"{PAGE}primary: {{hypotheses: [{{name: H1, arm: rft, outcome: win_rate}}]}}\n"
MISTAKEN = """
name: twelve mistakes
base: {epoch: 2, held_out_anchors: many, sampling: {temperature: -1}, lora: {rank: few}}
cross:
  arena: [sales, market]
  one: {one: {seed: 1}}
  arm: {a: {batch: 4}}
  speed: {slow: {batch: 8}}
  file: {there: nowhere.yaml}
sample: {temperature: [1.2, 0.5], method: grid}
exclude: [{arena: social}, {place: here}]
seeds: [1, 1]
stop: {usd: -1, hour: 3}
"""
TOLD = [
    ":2:1: name is not valid",
    ":3:8: base: setting 'epoch' is not valid: there is no such setting. Did you mean 'epochs'?",
    ":3:18: base: setting 'held_out_anchors' is not valid",
    ":3:53: base: setting 'sampling.temperature' is not valid",
    ":3:78: base: setting 'lora.rank' is not valid: Expected `int`, got `str`",
    ":5:3: arena=market: unknown arena 'market'",
    ":6:15: one=one sets seed",
    ":7:3: a factor cannot be called 'arm'",
    ":8:3: two factors set batch: arm and speed",
    ":9:10: cross.file.there: cannot read the settings",
    ":10:10: sample.temperature.high is not valid: it goes from low to high",
    ":10:35: sample.method is not valid",
    ":11:12: arena has no level 'social'",
    ":11:29: exclude names no factor: 'place'",
    ":12:1: seeds is not valid: a seed appears twice",
    ":13:8: stop.usd is not valid",
    ":13:17: stop.hour is not valid: there is no such key. Did you mean 'hours'?",
]


@pytest.fixture
def moloch(monkeypatch, capsys):
    """Run the command in this process; return its exit code, stdout and stderr."""
    return command(monkeypatch, capsys)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study whose cells have all ended."""
    folder = tmp_path_factory.mktemp("study") / "small"
    carry_out(folder, plan(folder))
    return folder


@pytest.fixture
def begun(tmp_path):
    """A preregistered study of which one cell has ended, one has failed, and one runs."""
    folder = tmp_path / "begun"
    cells = plan(folder, DECLARED)
    carry_out(folder, cells[:1])
    message = "the server answers nothing"
    assert Claims(Layout(folder)).take(cells[2].name, 1)
    started = [CellStarted(cell=cell.name, attempt=1, identity="i", worker={}) for cell in cells[1:3]]
    StudyLog(folder).append([*started, CellFailed(cell=cells[1].name, attempt=1, origin="backend", message=message)])
    return folder


class TestPlan:
    """Before anything is asked of a model."""

    def test_all_mistakes_of_a_page_are_told(self, moloch, tmp_path):
        """Each once, with its place, in the order of the page; nothing else."""
        page = tmp_path / "page.yaml"
        page.write_text(MISTAKEN, "utf-8")
        done = moloch("study", "plan", page)
        lines = done.err.splitlines()
        assert done.code == 2 and done.out == "" and len(lines) == len(TOLD) >= 12
        assert [told for line, told in zip(lines, TOLD, strict=True) if told not in line] == []

    @pytest.mark.system
    def test_plan_says_what_a_page_comes_to(self, moloch, study, tmp_path):
        """Cells that ended are not planned again."""
        page = tmp_path / "page.yaml"
        page.write_text(PAGE.replace("seeds: 3", "seeds: 4"), "utf-8")
        told = json.loads(moloch("study", "plan", page, "--out", study, "--jobs", 2, "--json").out)
        assert told["states"] == {"ended": 12, "new": 4} and told["combinations_read"] == told["combinations"] == 4
        (writers,) = told["plan"]
        assert writers["calls"] > 0 and told["hours"] == pytest.approx(4 * 2 / 3600)
        assert told["hours_with_jobs"] == pytest.approx(told["hours"] / 2)
        (study / "study.yaml").write_text(page.read_text("utf-8"), "utf-8")
        assert json.loads(moloch("study", "plan", study, "--jobs", 2, "--json").out) == told
        text = moloch("study", "plan", page, "--out", study, "--jobs", 2).out
        assert "16 cells (12 ended, 4 new)" in text and "with --jobs 2" in text
        assert [(p["source"], p["seeds"]) for p in told["pools"] if p["side"] == "held_out"] == [
            ("sales", 4),
            ("social", 4),
            ("biographic", 4),
        ]
        assert not told["new_people"] and "people (biographic): 20 of 20 a run, the same for all 4 seeds." in text

    @pytest.mark.system
    def test_finished_runs_that_are_cells_are_named(self, moloch, study, tmp_path, monkeypatch):
        """They are not planned, and tell how long the others will take."""
        done = sorted(Layout(study).cells.iterdir())[0]

        def find(library: object, config: RunConfig) -> FinishedRun | None:
            alike = (config.arena, config.audience, config.seed) == ("sales", "default", 1)
            return FinishedRun(done, Identity("", "", ""), "h", "d", 1) if alike else None

        monkeypatch.setattr("analysis.studies.designs.plan.RunLibrary.find", find)
        page = tmp_path / "page.yaml"
        page.write_text(PAGE, "utf-8")
        call = ["study", "plan", page, "--out", tmp_path / "new", "--workspace", study.parent]
        told = json.loads(moloch(*call, "--json").out)
        assert told["states"] == {"reused": 1, "new": 11} and told["hours"] == pytest.approx(11 * 2 / 3600)
        assert [cell["run"] for cell in told["cells"] if cell["run"]] == [str(done)]
        assert f"Reused:{done}" in "".join(moloch(*call).out.split())

    def test_what_was_not_looked_at_is_said(self, moloch, tmp_path, monkeypatch):
        """Where a page has so many combinations that their inputs would take too long."""
        monkeypatch.setattr("analysis.studies.designs.plan.LOOK_S", 0.0)
        page = tmp_path / "page.yaml"
        page.write_text(PAGE, "utf-8")
        out = moloch("study", "plan", page).out
        assert "1 of 4 combinations were counted; the other 3 are assumed to be like their mean" in " ".join(
            out.split()
        )

    def test_ten_thousand_cells_take_less_than_two_seconds(self):
        """Of this processor, without the inputs of their combinations."""
        from analysis.studies.pages.cells import cells_of
        from analysis.studies.pages.page import page_of

        levels = list(range(1, 11))
        page = page_of({"name": "x", "cross": {"batch": levels, "epochs": levels}, "seeds": 100})
        began = time.process_time()
        assert len(cells_of(page).cells) == 10_000 and time.process_time() - began < 2

    @pytest.mark.system
    def test_declared_outcomes_say_what_can_be_detected(self, moloch, tmp_path):
        """Of each arm that has them, and of no other outcome."""
        page = tmp_path / "page.yaml"
        page.write_text(DECLARED, "utf-8")
        told = json.loads(moloch("study", "plan", page, "--json").out)["detectable"]
        assert {row["outcome"] for row in told} == {"win_rate"} and all(row["detectable"] > 0 for row in told)


class TestStatus:
    """While it runs, and afterwards."""

    def test_each_cell_is_told_and_no_effect(self, moloch, begun):
        """With the message of a failure; nothing has to be asked for."""
        done = moloch("study", "status", begun, "--json")
        told = json.loads(done.out)
        assert done.code == 3 and told["states"] == {"ended": 1, "running": 1, "waiting": 9, "failed": 1}
        assert told["cells"][3]["state"] == "waiting" and told["cells"][2]["left_s"] == 2.0
        (failed,) = [cell for cell in told["cells"] if cell["state"] == "failed"]
        assert (failed["origin"], failed["message"]) == ("backend", "the server answers nothing")
        text = moloch("study", "status", begun).out
        assert "1 ended, 1 running, 9 waiting, 1 failed" in text and "the server answers nothing" in text
        assert "win rate" not in text and "populism" not in text and "%" not in text

    def test_a_cell_whose_worker_is_gone_is_stopped(self, moloch, tmp_path):
        """Rather than running for ever: its claim says whether somebody works on it."""
        folder = tmp_path / "small"
        cells = plan(folder)
        StudyLog(folder).append([CellStarted(cell=cells[0].name, attempt=1, identity="i", worker={})])
        assert json.loads(moloch("study", "status", folder, "--json").out)["states"] == {"stopped": 1, "waiting": 11}

    @pytest.mark.system
    def test_a_whole_log_is_an_ended_cell(self, moloch, tmp_path):
        """Though nobody was left to write it into the study's log."""
        folder = tmp_path / "small"
        cells = plan(folder)
        carry_out(folder, cells)
        (folder / "other").mkdir()
        other = folder / "other" / "small"
        plan(other)
        Layout(folder).cells.rename(Layout(other).cells)
        assert json.loads(moloch("study", "status", other, "--json").out)["states"] == {"ended": 12}
        assert moloch("study", "results", other).code == 0

    def test_watching_ends_with_the_study(self, moloch, study):
        """In plain lines where there is no terminal."""
        done = moloch("study", "status", study, "--watch")
        assert done.code == 0 and done.out.count("\n") == 1 and "12 cells: 12 ended" in done.out

    def test_no_study_is_one_line(self, moloch, tmp_path):
        """And an exit code."""
        done = moloch("study", "status", tmp_path)
        assert done.code == 2 and "no study here" in done.err and done.err.count("\n") == 1


class TestResults:
    """In every form."""

    @pytest.mark.system
    def test_forms(self, moloch, study, tmp_path):
        """The same rows as Parquet, CSV and JSON; text for papers."""
        told = json.loads(moloch("study", "results", study, "--json").out)
        csv = pl.read_csv(moloch("study", "results", study, "--csv").out.encode())
        moloch("study", "results", study, "--parquet", tmp_path / "frame.parquet", "--json")
        frame = pl.read_parquet(tmp_path / "frame.parquet")
        assert len(told["rows"]) == len(csv) == len(frame) and set(told["rows"][0]) == set(csv.columns)
        assert frame["estimate"].to_list() == csv["estimate"].to_list() == [row["estimate"] for row in told["rows"]]
        assert r"win\_rate" in moloch("study", "results", study, "--latex").out
        assert "| sales | default | rft |" in moloch("study", "results", study, "--md").out

    @pytest.mark.system
    def test_tables_fit_eighty_columns(self, moloch, study):
        """With two factors."""
        out = moloch("study", "results", study, "--by", "arm,arena,audience").out
        assert max(map(len, out.splitlines())) <= 100 and "83.3 % [" in out
        assert "Not evidence about real LLMs" in out

    @pytest.mark.system
    def test_missing_cells_are_named_with_exit_code_3(self, moloch, tmp_path):
        """What is there stands beside them."""
        folder = tmp_path / "small"
        cells = plan(folder)
        carry_out(folder, cells[1:])
        done = moloch("study", "results", folder)
        assert done.code == 3 and f"Missing: {cells[0].name} (waiting)" in done.out and "2 of 3" in done.out

    def test_one_form_at_a_time(self, moloch, study):
        """Rather than the first of them."""
        done = moloch("study", "results", study, "--csv", "--json")
        assert done.code == 2 and "one form at a time" in done.err

    @pytest.mark.system
    def test_results_of_a_run_again(self, moloch, study):
        """By its folder or as a cell, as tables or JSON; nothing is written."""
        run = next(Layout(study).cells.iterdir())
        before = sorted(path.stat().st_mtime_ns for path in run.rglob("*"))
        assert "beyond placebo" in moloch("results", run).out
        told = json.loads(moloch("results", f"{study}#{run.name}", "--json").out)
        assert told["table"]["arms"]["rft"]["win_rate"]["n"] == 32 and told["digest"] == f"digest of {run.name}"
        assert sorted(path.stat().st_mtime_ns for path in run.rglob("*")) == before
        assert moloch("results", study).out == moloch("study", "results", study).out


class TestLooks:
    """At effects of a study that declared what it is to decide."""

    @pytest.mark.parametrize(
        "door", ["results", "study results", "show", "compare", "ui", "probe", "results cell", "compare cell"]
    )
    def test_every_door_asks_before_the_end(self, moloch, begun, door):
        """A cell's, too; nothing is shown and nothing logged."""
        cell = f"{begun}#{next(Layout(begun).cells.iterdir()).name}"
        verb, place = (
            door.removesuffix(" cell"),
            begun if door not in ("show", "results cell", "compare cell") else cell,
        )
        more = {"compare": [place], "ui": ["--no-browser"], "probe": ["--judge", "pocket"]}.get(verb, [])
        done = moloch(*verb.split(), place, *more)
        assert done.code == 2 and "effects of a preregistered study" in done.err and done.out == ""
        assert StudyLog(begun).state().looks == []

    def test_a_look_is_logged(self, moloch, begun):
        """With what had ended, and who it was."""
        done = moloch("study", "results", begun, "--look")
        assert done.code == 3 and "win rate" in done.out
        (look,) = [event for event in read_events(Layout(begun).log) if isinstance(event, StudyLooked)]
        assert (look.door, look.ended, look.of) == ("study results", 1, 12) and "@" in look.by
        told = " ".join(moloch("study", "results", begun, "--look").out.split())
        assert (
            "2 deviations from what was declared: Someone looked at effects before the end (study results; 1 of 12 cells)"
            in told
        )

    @pytest.mark.system
    def test_after_the_end_nothing_is_asked(self, moloch, tmp_path):
        """And nothing is logged."""
        folder = tmp_path / "small"
        carry_out(folder, plan(folder, DECLARED))
        assert moloch("study", "results", folder).code == 0 and StudyLog(folder).state().looks == []

    def test_the_list_of_runs_leaves_cells_out(self, begun, study, monkeypatch):
        """Of preregistered studies that are not over; others are there."""
        from analysis.studies.prereg.looks import HiddenCells
        from analysis.ui.library import Library

        for name in ("begun", "study"):
            (begun.parent / "runs").mkdir(exist_ok=True)
            (begun.parent / "runs" / name).symlink_to({"begun": begun, "study": study}[name])
        shown = Library([], [begun.parent / "runs"], hidden=HiddenCells()).paths()
        assert len(shown) == 12 and len(Library([], [begun.parent / "runs"]).paths()) == 13


class TestCommands:
    """That take a run take a study or a cell."""

    def test_show_names_the_cells(self, moloch, study):
        """Of a study, and shows one of them."""
        assert "Name a cell" in moloch("show", study).err
        name = next(Layout(study).cells.iterdir()).name
        assert "8 contests" in moloch("show", f"{study}#{name[:-3]}").out
        assert f"Did you mean {name}?" in moloch("show", f"{study}#{name[:-3]}x").err

    def test_a_study_that_its_folder_holds_alone(self, moloch, study, tmp_path):
        """As an unpacked one does, is taken with its cells, and it is said."""
        (tmp_path / "there").mkdir()
        (tmp_path / "there" / "study").symlink_to(study)
        name = next(Layout(study).cells.iterdir()).name
        for arguments in (["show", f"{tmp_path}/there#{name}"], ["study", "status", tmp_path / "there"]):
            done = moloch(*arguments)
            assert done.code == 0 and "there/study, the only one in" in done.err, done
        assert len(json.loads(moloch("log", "verify", tmp_path / "there", "--json").out)["logs"]) == 13

    @pytest.mark.parametrize(
        ("given", "meant"),
        [("s1", "s1-5f3a"), ("s10-77", "s10-77b2"), ("sales-s1", "sales-s1-90ab"), ("s1-5f3a", "s1-5f3a")],
    )
    def test_a_cell_by_its_levels_and_seed(self, given, meant):
        """Without the hash, also where another seed begins alike."""
        assert cell_named(given, ["s1-5f3a", "s10-77b2", "sales-s1-90ab", "sales-s12-cdef"], "study") == meant

    def test_a_beginning_that_several_have(self):
        """Names those, and no others."""
        cells = ["sales-s10-90ab", "sales-s12-cdef", "social-s1-5f3a"]
        with pytest.raises(InputError, match="2 cells begin with 'sales-s1': sales-s10-90ab, sales-s12-cdef"):
            cell_named("sales-s1", cells, "study")

    @pytest.mark.parametrize(
        "call",
        ["ask RUN", "interview RUN 0 --show", "calibrate RUN --human none.csv", "fork RUN --at 1 --set epochs=0"],
    )
    def test_others_take_a_cell(self, moloch, study, call):
        """By its name in the study; a study itself is no run."""
        name = next(Layout(study).cells.iterdir()).name
        assert "Name a cell" in moloch(*call.replace("RUN", str(study)).split()).err
        done = moloch(*call.replace("RUN", f"{study}#{name}").split())
        assert "no run" not in done.err and "no cell" not in done.err and "Traceback" not in done.err

    def test_log_verifies_everything(self, moloch, study, tmp_path):
        """The study's own log and its cells'; a damaged one among them is reported, and the others are looked at."""
        told = json.loads(moloch("log", "verify", study, "--json").out)
        assert len(told["logs"]) == 13 and all(each["whole"] for each in told["logs"])
        assert '"type":"cell_ended"' in moloch("log", "tail", study, "-n", 1).out
        folder = tmp_path / "small"
        carry_out(folder, (cells := plan(folder))[:2])
        log = next((Layout(folder).cell(cells[0].name) / "log").iterdir())
        log.write_bytes(log.read_bytes()[:-40])
        done = moloch("log", "verify", folder, "--json")
        assert done.code == 3 and [each["whole"] for each in json.loads(done.out)["logs"]] == [True, False, True]

    def test_the_list_of_runs_has_cells_and_not_the_studys_log(self, study):
        """Whichever folder is listed."""
        assert len(find_runs(study)) == len(find_runs(study.parent)) == 12
        assert find_studies(study) == [study] and study in find_studies(study.parent)

    def test_replay_goes_through_all_cells(self, moloch, study):
        """What is wrong with one does not keep the others from it."""
        done = moloch("replay", study, "--json")  # whose state hashes were never computed
        assert done.code == 3 and len(json.loads(done.out)["runs"]) == 12


class TestCompare:
    """Two studies."""

    @pytest.mark.system
    def test_differences_have_intervals(self, moloch, study, tmp_path):
        """By levels and arms that both have; seeds, anchors and people that both have drop out of them."""
        other = tmp_path / "other"
        carry_out(other, plan(other), lambda cell, arm: 0.5 + 0.0625 * cell.seed * (arm == "rft"))
        told = json.loads(moloch("compare", study, other, "--json").out)
        assert told["shared_seeds"] == [1, 2, 3] and told["by"] == ["arena", "audience"]
        (row,) = [
            row
            for row in told["rows"]
            if (row["arena"], row["audience"], row["arm"], row["outcome"], row["measure"])
            == ("sales", "default", "rft", "win_rate", "rate")
        ]
        ours = [0.75 + 0.125 * (seed % 2) for seed in (1, 2, 3)]
        paired = [0.5 + 0.0625 * seed - a for seed, a in zip((1, 2, 3), ours, strict=True)]
        assert row["estimate"] == pytest.approx(sum(paired) / 3, abs=1e-6) and row["over"] == "seeds, anchors, people"
        assert row["low"] < row["estimate"] < row["high"]
        assert "with the 3 seeds that both have" in " ".join(moloch("compare", study, other).out.split())

    @pytest.mark.system
    def test_what_is_in_one_alone_is_told(self, moloch, study, tmp_path):
        """Pages that differ and levels of one study alone are told."""
        other = tmp_path / "other"
        carry_out(other, plan(other, PAGE.replace("seeds: 3", "seeds: [7, 8]").replace("[sales, social]", "[sales]")))
        told = json.loads(moloch("compare", study, other, "--json").out)
        assert told["shared_seeds"] == [] and "with no seed that both have" in " ".join(
            moloch("compare", study, other).out.split()
        )
        assert (
            "seeds" in {each["key"] for each in told["pages"]}
            and "arena=social, audience=default, rft" in told["only_a"]
        )

    @pytest.mark.system
    def test_why_there_are_no_intervals(self, moloch, study, tmp_path):
        """Two executions that came to the same differ by nothing; one seed says nothing of others."""
        same, one = tmp_path / "same", tmp_path / "one"
        carry_out(same, plan(same))
        said = " ".join(moloch("compare", study, same).out.split())
        assert "There are no intervals: A and B came to the same." in said and "two seeds" not in said
        single = PAGE.replace("seeds: 3", "seeds: 1")
        carry_out(one, plan(one, single))
        other = tmp_path / "other"
        carry_out(other, plan(other, single), lambda cell, arm: 0.5)
        assert "no intervals: that takes two seeds" in " ".join(moloch("compare", one, other).out.split())

    def test_a_study_and_a_run_are_no_pair(self, moloch, study):
        """The error says what to do."""
        done = moloch("compare", study, next(Layout(study).cells.iterdir()))
        assert done.code == 2 and "Name a cell of the study" in done.err
