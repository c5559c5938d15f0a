"""Packs: what goes in comes out, verified; a pack from a stranger can do no harm."""

from __future__ import annotations

import json
import random
import shutil
import zipfile
from importlib.metadata import version
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import populations
from abm.log import create, open_log, read_events, verify
from abm.log.fork import fork_point
from abm.study_events import CellEnded, CellStarted, PlannedCell, StudyPlanned
from analysis.cli.app import app
from analysis.cli.ui import first_page
from analysis.frames import codebook
from analysis.packs import contents_of, pack, unpack
from analysis.packs.contents import CONTENTS
from analysis.studies.frames.study_frames import STUDY_NAMES, study_frame
from analysis.studies.record.study_log import StudyLog
from analysis.studies.study import Study
from learning.runs.inputs import gather
from learning.runs.own_data import at_hand
from learning.runs.redecide import replay_recorded
from moloch.errors import CorruptLog, InputError, LogError, MolochError
from tests.analysis.factory import contest, setup

GOLDEN = Path(__file__).parents[1] / "golden" / "runs"


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "here" / "run"
    shutil.copytree(GOLDEN / "elections-networked", folder)
    (folder / "LOCK").write_bytes(b"")
    return folder


def forked(parent: Path, folder: Path, step: int = 2) -> Path:
    """Return a fork with an event of its own."""
    log = open_log(parent, write=False)
    with create(folder, log.config, fork=fork_point(parent, step, folder)) as own:
        own.append(contest("rft", "a0", [1, 0, 1]))
    return folder


class TestRuns:
    @pytest.mark.system
    def test_a_run_comes_out_as_it_was(self, run, tmp_path):
        contents = pack(run, tmp_path / "run.zip")
        unpack(tmp_path / "run.zip", tmp_path / "there")
        there = tmp_path / "there" / contents.main
        assert verify(there) == verify(run) and list(read_events(there)) == list(read_events(run))
        assert contents.runs[0].head == verify(run).hash and contents_of(tmp_path / "run.zip") == contents
        assert replay_recorded(there, probes=None).divergence is None
        assert json.loads((tmp_path / "there" / "analysis" / "results.json").read_text())["arena"] == "elections"
        assert json.loads((tmp_path / "there" / "analysis" / "codebook.json").read_text()) == codebook()

    @pytest.mark.system
    def test_equal_contents_are_equal_bytes(self, run, tmp_path):
        pack(run, tmp_path / "one.zip"), pack(run, tmp_path / "two.zip")
        assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()

    @pytest.mark.system
    def test_a_fork_brings_what_it_shares(self, run, tmp_path):
        """Wherever the other run lies, and without what came after the fork; its head stays what it was."""
        fork = forked(run, tmp_path / "elsewhere" / "deep" / "fork")
        contents = pack(fork, tmp_path / "fork.zip")
        shutil.rmtree(run)
        unpack(tmp_path / "fork.zip", tmp_path / "there")
        there = tmp_path / "there" / contents.main
        assert verify(there).hash == contents.runs[0].head and [each.shared for each in contents.runs] == [False, True]
        assert len(list(read_events(there))) == contents.runs[0].events

    @pytest.mark.system
    def test_a_fork_of_a_fork(self, run, tmp_path):
        first = forked(run, tmp_path / "a" / "first")
        second = tmp_path / "b" / "second"
        with create(second, {}, fork=fork_point(first, 2, second)) as own:
            own.append(contest("rft", "a1", [1, 1, 1]))
        head = verify(second)
        pack(second, tmp_path / "fork.zip")
        shutil.rmtree(run), shutil.rmtree(first)
        contents = unpack(tmp_path / "fork.zip", tmp_path / "there")
        assert verify(tmp_path / "there" / contents.main) == head

    @pytest.mark.system
    def test_what_is_not_whole_stays_behind(self, run, tmp_path):
        """A commit that was begun is no part of the run."""
        head = verify(run)
        last = max((run / "log").glob("*.zst"))
        last.chmod(0o644)
        with last.open("ab") as file:
            file.write(last.read_bytes()[9:60])
        contents = pack(run, tmp_path / "run.zip")
        unpack(tmp_path / "run.zip", tmp_path / "there")
        assert verify(tmp_path / "there" / contents.main) == head

    def test_a_damaged_log_is_not_packed(self, run, tmp_path):
        last = max((run / "log").glob("*.zst"))
        last.chmod(0o644)
        data = bytearray(last.read_bytes())
        data[len(data) // 2] ^= 1
        last.write_bytes(data)
        with pytest.raises(CorruptLog):
            pack(run, tmp_path / "run.zip")
        assert [path.name for path in tmp_path.iterdir()] == ["here"]

    @pytest.mark.system
    def test_what_it_was_given_and_what_was_asked_of_it(self, run, tmp_path):
        (run / "inputs" / "personas").mkdir(parents=True)
        (run / "inputs" / "personas" / "people.csv").write_text("id\n1\n")
        (run / "adapters" / "abc").mkdir(parents=True)
        (run / "adapters" / "abc" / "adapter_model.safetensors").write_bytes(b"x")
        with create(run / "verdicts", {"verdicts": 1}) as beside:
            beside.append(setup(1, 2, ["rft"]))
        names = {file.name for file in pack(run, tmp_path / "run.zip").files}
        assert {"run/inputs/personas/people.csv", "run/verdicts/run.json"} <= names
        assert not any("adapters" in name or name.endswith("LOCK") for name in names)
        assert "run/adapters/abc/adapter_model.safetensors" in {
            f.name for f in pack(run, tmp_path / "all.zip", adapters=True).files
        }

    @pytest.mark.system
    def test_what_has_not_ended_can_go_on(self, run, tmp_path):
        """It comes with the adapters that it learnt so far; one that has ended does not need them."""
        (run / "adapters" / "abc").mkdir(parents=True)
        (run / "adapters" / "abc" / "adapter_model.safetensors").write_bytes(b"x")
        going = forked(run, tmp_path / "here" / "going")
        shutil.copytree(run / "adapters", going / "adapters")
        contents = pack(going, tmp_path / "going.zip")
        names = {file.name for file in contents.files}
        assert any(name.endswith("going/adapters/abc/adapter_model.safetensors") for name in names)
        assert not contents.left_out and pack(run, tmp_path / "run.zip").left_out == ["adapters"]


class TestStudies:
    @pytest.mark.system
    def test_cells_that_have_not_begun_find_your_own_files(self, tmp_path, monkeypatch):
        """On a machine that does not have them; settings stay as they were."""
        people = tmp_path / "author" / "people.jsonl"
        people.parent.mkdir()
        shutil.copy(Path(populations.__file__).parent / "data" / "demographic.jsonl", people)
        monkeypatch.chdir(people.parent)
        base = {
            "epochs": 1, "train_anchors": 3, "held_out_anchors": 2, "train_personas": 3, "held_out_personas": 2,
            "arms": ["rft"], "personas": "people.jsonl",
        }  # fmt: skip
        study = Study(name="mine", base=base, seeds=2, out=tmp_path / "author" / "study")
        study.begin()
        pack(study.folder, tmp_path / "study.zip")
        people.unlink()
        contents = unpack(tmp_path / "study.zip", tmp_path / "there")
        there = Study.open(tmp_path / "there" / contents.main)
        for cell in there.cells:
            folder = there.folder / "cells" / cell.name
            assert cell.config.personas == "people.jsonl" and not (folder / "run.json").exists()
            gather(at_hand(cell.config, folder))
        with pytest.raises(InputError, match="cannot read the personas"):
            gather(there.cells[0].config)

    @pytest.fixture
    def study(self, tmp_path):
        folder = tmp_path / "study"
        log = StudyLog(folder)
        planned = [PlannedCell(cell=name, factors={}, seed=1, settings="") for name in ("one", "two", "three")]
        log.begin(StudyPlanned(name="x", page={}, page_id="p", cells=planned, versions={}))
        (folder / "study.yaml").write_text("name: x\n")
        for name in ("one", "two"):
            shutil.copytree(GOLDEN / "elections-networked", folder / "cells" / name)
            log.append([CellStarted(cell=name, attempt=1, identity="i", worker={})])
            log.append([CellEnded(cell=name, attempt=1, head="", digest="", events=1, seconds=1.0)])
        return folder

    @pytest.mark.system
    def test_a_study(self, study, tmp_path):
        contents = pack(study, tmp_path / "study.zip")
        unpack(tmp_path / "study.zip", tmp_path / "there")
        there = tmp_path / "there" / "study"
        assert [run.cell for run in contents.runs] == ["one", "two"] and contents.study_head == StudyLog(
            study
        ).head().hash
        assert StudyLog(there).state() == StudyLog(study).state() and (there / "study.yaml").is_file()
        assert verify(there / "cells" / "one") == verify(study / "cells" / "one")

    @pytest.mark.system
    def test_without_logs(self, study, tmp_path):
        contents = pack(study, tmp_path / "study.zip", logs=False)
        unpack(tmp_path / "study.zip", tmp_path / "there")
        assert not (tmp_path / "there" / "study" / "cells").exists() and contents.left_out == ["logs"]
        computed = tmp_path / "there" / "analysis"
        assert set(json.loads((computed / "results.json").read_text())) == {"one", "two"}
        told = json.loads((computed / "codebook.json").read_text())
        for name in STUDY_NAMES:
            frame = pl.read_parquet(computed / "frames" / f"{name}.parquet")
            assert frame.equals(study_frame(study, name).collect())
            assert frame.columns == [column["name"] for column in told[name]]


class TestStrangers:
    """What somebody else may have put into a file of that name."""

    @pytest.fixture
    def packed(self, run, tmp_path):
        pack(run, tmp_path / "run.zip")
        return tmp_path / "run.zip"

    def changed(self, packed: Path, **change: object) -> Path:
        """Return a pack whose list says otherwise."""
        new = packed.with_name("changed.zip")
        with zipfile.ZipFile(packed) as old, zipfile.ZipFile(new, "w") as archive:
            said = json.loads(old.read(CONTENTS)) | change
            for name in old.namelist():
                archive.writestr(name, json.dumps(said) if name == CONTENTS else old.read(name))
        return new

    @pytest.mark.system
    @pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../b", "a\\..\\b", "C:/x", "", "x\0y"])
    def test_a_name_that_leads_elsewhere(self, packed, tmp_path, name):
        files = json.loads(zipfile.ZipFile(packed).read(CONTENTS))["files"]
        bad = self.changed(packed, files=[*files, {"name": name, "nbytes": 1, "sha256": "0" * 64}])
        with pytest.raises(InputError, match="leads out of its folder"):
            unpack(bad, tmp_path / "there")
        assert not (tmp_path / "there").exists()

    @pytest.mark.system
    def test_a_folder_that_leads_elsewhere(self, packed, tmp_path):
        runs = json.loads(zipfile.ZipFile(packed).read(CONTENTS))["runs"]
        with pytest.raises(InputError, match="leads out of its folder"):
            unpack(self.changed(packed, runs=[runs[0] | {"folder": "../../home"}]), tmp_path / "there")

    @pytest.mark.system
    def test_more_than_it_says(self, packed, tmp_path):
        """A file that would unpack to gigabytes is left after as many bytes as its list says."""
        bomb = tmp_path / "bomb.zip"
        with zipfile.ZipFile(packed) as old, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in old.namelist():
                archive.writestr(name, b"\0" * 50_000_000 if name.endswith("results.json") else old.read(name))
        with pytest.raises(CorruptLog, match="not those that were packed"):
            unpack(bomb, tmp_path / "there")

    @pytest.mark.system
    def test_a_log_that_was_swapped_with_its_sum(self, packed, tmp_path):
        """Files and sums fit each other; the log's head is not the one that the pack names."""
        runs = json.loads(zipfile.ZipFile(packed).read(CONTENTS))["runs"]
        with pytest.raises(CorruptLog, match="not the one that was packed"):
            unpack(self.changed(packed, runs=[runs[0] | {"head": "0" * 64}]), tmp_path / "there")

    @pytest.mark.system
    def test_flipped_bits_and_cuts(self, packed, tmp_path):
        """Each is one error, or harms nothing; nothing half unpacked stays."""
        data, lot = packed.read_bytes(), random.Random(1)
        head, caught = contents_of(packed).runs[0].head, 0
        for number in range(90):
            broken = bytearray(data)
            place = lot.randrange(len(data))
            broken[place] ^= 1 << lot.randrange(8)
            (tmp_path / "broken.zip").write_bytes(broken[:place] if number % 3 == 0 else broken)
            try:
                unpacked = unpack(tmp_path / "broken.zip", tmp_path / "there")
            except MolochError:
                caught += 1
                assert not (tmp_path / "there").exists()
            else:
                assert unpacked.runs[0].head == head and verify(tmp_path / "there" / "run").hash == head
                shutil.rmtree(tmp_path / "there")
        assert caught > 60

    @pytest.mark.parametrize("data", [b"", b"PK\x05\x06" + b"\0" * 18, b"hello", b"PK\x03\x04"])
    def test_no_pack(self, tmp_path, data):
        (tmp_path / "x.zip").write_bytes(data)
        with pytest.raises(InputError, match=r"not a (whole )?pack"):
            unpack(tmp_path / "x.zip", tmp_path / "there")


class TestCommands:
    @pytest.mark.system
    def test_there_and_back(self, run, tmp_path):
        done = CliRunner().invoke(app, ["pack", str(run), str(tmp_path / "run.zip")])
        assert done.exit_code == 0 and verify(run).hash in done.stdout
        done = CliRunner().invoke(app, ["unpack", str(tmp_path / "run.zip"), "--check"])
        assert done.exit_code == 0 and "verified" in done.stdout
        done = CliRunner().invoke(
            app, ["unpack", str(tmp_path / "run.zip"), "--out", str(tmp_path / "there"), "--json"]
        )
        assert json.loads(done.stdout)["verified"] and (tmp_path / "there" / "run" / "run.json").is_file()
        said = (tmp_path / "there" / "analysis" / "README.txt").read_text()
        assert f"pip install moloch-abm=={version('moloch-abm')}" in said and "{" not in said

    @pytest.mark.system
    def test_a_folder_with_one_run(self, run, tmp_path):
        """Is taken for that run, and it is said; of several all are named."""
        shutil.copytree(run, tmp_path / "there" / "run")
        for command in (["results"], ["show"], ["pack"]):
            out = [str(tmp_path / "run.zip")] if command == ["pack"] else []
            done = CliRunner().invoke(app, [*command, str(tmp_path / "there"), *out])
            assert done.exit_code == 0, command
            assert f"taking {tmp_path / 'there' / 'run'}, the only one in {tmp_path / 'there'}" in done.stderr
        assert first_page([tmp_path / "there"], [], [tmp_path / "there"]) == "run=run"
        shutil.copytree(run, tmp_path / "there" / "other")
        done = CliRunner().invoke(app, ["results", str(tmp_path / "there")])
        assert "other" in str(done.exception) and "there/run" in str(done.exception)

    @pytest.mark.system
    def test_mistakes(self, run, tmp_path):
        pack(run, tmp_path / "run.zip")
        for folder, out, said in (
            (run, tmp_path / "run.zip", "the file exists"),
            (tmp_path, tmp_path / "other.zip", "no run here"),
        ):
            with pytest.raises(MolochError, match=said):
                pack(folder, out)
        with pytest.raises(InputError, match="not empty"):
            unpack(tmp_path / "run.zip", tmp_path)
        with pytest.raises(LogError, match="cannot write the pack"):
            pack(run, tmp_path / "nowhere" / "run.zip")
