"""What the commands around the log print, and how they say that something is wrong."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from abm.events import EpochEnded, RunEnded
from abm.log import create, disk, open_log, verify
from abm.log.about import standing
from analysis.cli.app import app
from analysis.cli.log import tail
from moloch.errors import LogError
from tests.learning.test_loop import carry_out


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run."""
    folder = tmp_path_factory.mktemp("cli") / "run"
    carry_out(folder)
    return folder


@pytest.fixture
def damaged(run, tmp_path):
    """A copy of which the last commit has a flipped bit."""
    copy = tmp_path / "damaged"
    shutil.copytree(run, copy)
    path = max((copy / "log").iterdir())
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    return copy


def call(*args) -> str:
    done = CliRunner().invoke(app, ["log", *map(str, args)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


class TestLog:
    """moloch log."""

    def test_verify_prints_the_head(self, run):
        """Events and hash, for people and as JSON."""
        head = verify(run)
        assert head.hash in call("verify", run) and f"{head.seq:,} events" in call("verify", run)
        found = json.loads(call("verify", run, "--json"))
        assert (found["events"], found["head"]) == tuple(head)

    def test_tail_is_utf8_on_any_terminal(self, tmp_path, monkeypatch):
        """JSON is; a question mark would be another text."""
        with create(tmp_path / "run", {}) as log:
            log.append([EpochEnded(epoch=1, adapters={"Zoë": "x"})])
        shown = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii", errors="replace"))
        tail(tmp_path / "run")
        sys.stdout.flush()
        assert json.loads(shown.getvalue())["adapters"] == {"Zoë": "x"}

    def test_info_counts_types(self, run):
        """The types add up to the events."""
        found = json.loads(call("info", run, "--json"))
        assert sum(found["types"].values()) == found["events"] == verify(run).seq
        assert found["lineage"] == [] and "reacted" in call("info", run)

    def test_tail_prints_json_lines(self, run):
        """The last events, one object each."""
        lines = [json.loads(line) for line in call("tail", run, "-n", 3).splitlines()]
        assert [line["seq"] for line in lines] == [verify(run).seq - 3 + i for i in range(3)]

    @pytest.mark.parametrize("kind", ["parquet", "csv", "hf"])
    def test_export_writes_tables(self, run, tmp_path, kind):
        """Every kind writes files with every event type."""
        found = json.loads(call("export", run, kind, tmp_path / "out", "--json"))
        assert any("reacted" in name for name in found["files"])

    def test_upload_puts_the_run_away(self, run, tmp_path):
        """A finished run is put into a store, once."""
        pytest.importorskip("obstore")
        (tmp_path / "store").mkdir()
        url = (tmp_path / "store").as_uri()
        assert json.loads(call("upload", run, url, "--json"))["put"]
        assert not json.loads(call("upload", run, url, "--json"))["put"]

    def test_repair_first_says_what_it_would_do(self, damaged):
        """Nothing is cut without --yes."""
        before = max((damaged / "log").iterdir()).read_bytes()
        told = json.loads(call("repair", damaged, "--json"))
        assert told["damaged"] and not told["repaired"] and max((damaged / "log").iterdir()).read_bytes() == before
        assert "moloch log repair" in call("repair", damaged)
        assert json.loads(call("repair", damaged, "--yes", "--json"))["repaired"]
        assert open_log(damaged, write=False).head().seq == told["kept_events"] + 1
        assert "nothing to repair" in call("repair", damaged)

    def test_repair_of_a_study(self, tmp_path):
        """Its log is written again as it was, from its commits."""
        from analysis.studies.record.study_log import StudyLog
        from tests.analysis.studies.small import carry_out, plan

        study = tmp_path / "small"
        carry_out(study, plan(study))
        path = max((study / "study-log" / "log").iterdir())
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        commits = StudyLog(study).layout.log / "commits"
        told = json.loads(call("repair", study, "--json"))
        assert told["restored"] and not told["repaired"] and str(commits) in call("repair", study)
        assert path.read_bytes() != whole and "kept      all events" in call("repair", study, "--yes")
        assert path.read_bytes() == whole and "nothing to repair" in call("repair", study)

    def test_repair_of_a_cut_log(self, run, tmp_path):
        """Nothing to repair, though `verify` calls it not whole: it says what becomes of the rest."""
        cut = shutil.copytree(run, tmp_path / "cut")
        last = max((cut / "log").iterdir())
        last.chmod(0o644)
        os.truncate(last, last.stat().st_size - 3)
        assert "nothing to repair; it ends within a commit, which the run sets aside" in call("repair", cut)

    @pytest.mark.system
    def test_damage_is_one_line(self, damaged):
        """No traceback; where, what, why, and what to do."""
        done = subprocess.run(
            [sys.executable, "-c", "from analysis.cli import main; main()", "log", "verify", str(damaged)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 3 and done.stderr.count("\n") == 1
        assert all(part in done.stderr for part in ("byte", "checksum", "moloch log repair"))


class TestEndings:
    """``verify`` says how the log ends, and exits with 3 where it is not all that was written."""

    def verified(self, run, code: int) -> tuple[str, dict]:
        """Return what ``verify`` says, for people and as JSON."""
        said, told = (CliRunner().invoke(app, ["log", "verify", str(run), *more]) for more in ([], ["--json"]))
        assert (said.exit_code, told.exit_code) == (code, code), said.output
        return said.stdout, json.loads(told.stdout)

    @pytest.fixture
    def run(self, run, tmp_path):
        """A run that has ended."""
        copy = shutil.copytree(run, tmp_path / "ended")
        with open_log(copy, write=True) as log:
            log.append([RunEnded(digest="0" * 64, seconds=1.0)])
        return copy

    def test_an_ended_run(self, run):
        """Whole, and ended."""
        said, told = self.verified(run, 0)
        assert ": whole" in said and "ended   no" not in said
        assert told["whole"] and told["ended"] and not told["incomplete_bytes"]

    @pytest.mark.parametrize("cut", [1, 10, 60])
    def test_cut_inside_the_last_commit(self, run, tmp_path, cut):
        """It is not whole, and the run has not ended."""
        copy = shutil.copytree(run, tmp_path / "cut")
        path = max((copy / "log").iterdir())
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-cut])
        said, told = self.verified(copy, 3)
        assert "not whole: it ends within a commit" in said and "ended   no" in said
        assert not told["whole"] and not told["ended"] and told["incomplete_bytes"] > 0
        assert told["events"] == standing(copy).events < verify(run).seq

    def test_cut_between_commits(self, run, tmp_path):
        """What is there is whole, and it says that the run has not ended."""
        copy = shutil.copytree(run, tmp_path / "cut")
        last = list(open_log(copy, write=False).blocks())[-1]
        last.path.write_bytes(last.path.read_bytes()[: last.start])
        said, told = self.verified(copy, 0)
        assert "ended   no" in said and told["whole"] and not told["ended"]

    def test_a_commit_on_its_way(self, run, tmp_path):
        """While a process writes the run, an incomplete commit is no damage."""
        copy = shutil.copytree(run, tmp_path / "live")
        path = max((copy / "log").iterdir())
        path.write_bytes(path.read_bytes()[:-10])
        lock = disk.lock(copy)
        try:
            said, told = self.verified(copy, 0)
        finally:
            os.close(lock)
        assert told["being_written"] and not told["ended"] and "being written now" in said

    @pytest.mark.parametrize("left", ["nothing", "an empty file", "no folder"])
    def test_no_events(self, tmp_path, left):
        """A log without events is not whole: it may be gone."""
        folder = tmp_path / "run"
        create(folder, {}).close()
        shutil.rmtree(folder / "log")
        if left != "no folder":
            (folder / "log").mkdir()
        if left == "an empty file":
            (folder / "log" / f"{0:020d}.jsonl.zst").touch()
        said, told = self.verified(folder, 3)
        assert "holds no events" in said and not told["whole"] and told["events"] == 0

    def test_an_empty_folder(self, tmp_path):
        """It is no run."""
        done = CliRunner().invoke(app, ["log", "verify", str(tmp_path)])
        assert isinstance(done.exception, LogError) and "no run here" in str(done.exception)
