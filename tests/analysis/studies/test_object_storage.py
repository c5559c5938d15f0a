"""A study in object storage, over a real protocol: a machine that is lost takes nothing with it that was paid for."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from abm.events import LLMReplied
from abm.log import create, open_log, read_events, verify
from abm.log.fork import fork_point
from abm.study_events import CellReused
from analysis.cli.app import app
from analysis.frames import of_run
from analysis.frames._people import _chain
from analysis.studies.engines.local import LocalEngine
from analysis.studies.frames.study_frames import STUDY_NAMES, study_frame
from analysis.studies.record.layout import Layout
from analysis.studies.record.study_log import StudyLog
from analysis.studies.study import Study
from analysis.studies.study_run import StudyRun
from moloch.errors import Conflict, CorruptLog, InputError, LogError
from tests.support.fast_study import LIGHT, base
from tests.support.kills import claims_held

pytest.importorskip("obstore")
pytest.importorskip("moto")
from abm.log.objects import ObjectFolder
from analysis.studies.storage.fetched import fetch
from analysis.studies.storage.remote import STALE_S, StudyRemote
from analysis.studies.storage.uploads import CellMirror
from tests.support.object_storage import BUCKET, KEY_ID, SECRET, ObjectServer, served

ROOT = Path(__file__).parents[3]
CROWD = ROOT / "tests" / "golden" / "runs" / "elections-networked"
URL = f"s3://{BUCKET}/studies/one"
pytestmark = pytest.mark.system  # a server and two workers, for seconds
SMALL = {"train_anchors": 8, "held_out_anchors": 4, "train_personas": 5, "held_out_personas": 4}


@pytest.fixture(scope="module")
def machine(tmp_path_factory) -> Iterator[tuple[ObjectServer, LocalEngine]]:
    """A server, and an engine whose workers know it."""
    with served() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        engine = LocalEngine(2, preloaded=LIGHT)
        try:
            yield server, engine
        finally:
            engine.close()


@pytest.fixture
def server(machine) -> Iterator[ObjectServer]:
    server, _ = machine
    server.empty()
    yield server
    server.fault = lambda method, path: None


class Stored(NamedTuple):
    """A study as it was in object storage once its cells had ended.

    Attributes:
        page: its page.
        folder: a copy of its folder; nothing here writes there.
        objects: name -> bytes.
        bill: a byte for each answer.
    """

    page: Path
    folder: Path
    objects: dict[str, bytes]
    bill: Path

    def in_place(self, server: ObjectServer, folder: Path) -> Study:
        """Return the study in a folder of its own, with what is in object storage."""
        server.fill(self.objects)
        shutil.copytree(self.folder, folder)
        return Study.open(folder)


@pytest.fixture(scope="module")
def each_stored(machine, tmp_path_factory) -> dict[int, Stored]:
    """A study after its first cell, and after it was extended by another one: how many cells -> the study."""
    server, engine = machine
    server.empty()
    here, found = tmp_path_factory.mktemp("stored"), dict[int, Stored]()
    for seeds in (1, 2):
        study = Study(page(here, seeds), out=here / "study")
        if seeds > 1:
            study.extend()
        assert study.run(engine=engine, store=URL).exit_code == 0
        kept = here / str(seeds)
        shutil.copytree(study.folder, kept / "study")
        found[seeds] = Stored(shutil.copy(here / "page.yaml", kept), kept / "study", server.objects(), here / "bill")
    return found


@pytest.fixture
def one_cell(each_stored) -> Stored:
    return each_stored[1]


@pytest.fixture
def two_cells(each_stored) -> Stored:
    return each_stored[2]


@pytest.fixture
def carry_out(machine) -> Callable[..., StudyRun]:
    """Work on a study as a command with ``--store`` does."""
    return lambda study, store=URL: study.run(engine=machine[1], store=store)


def page(tmp_path: Path, seeds: int = 2, **options: object) -> Path:
    """Write the page of a study whose cells answer at once, or slowly; each answer is a byte in ``bill``."""
    settings = base() | SMALL
    settings["serving"] = {"llm": "fast", "options": {"bill": str(tmp_path / "bill"), **options}}
    path = tmp_path / "page.yaml"
    path.write_text(yaml.safe_dump({"name": "stored", "base": settings, "seeds": seeds}), "utf-8")
    return path


def paid(bill: Path) -> int:
    """Return how many answers were made so far."""
    return bill.stat().st_size if bill.exists() else 0


def answers(folder: Path) -> int:
    """Return how many answers are in the logs of a study's cells."""
    runs = [path.parent for path in folder.glob("cells/*/run.json")]
    return sum(isinstance(event, LLMReplied) for run in runs for event in read_events(run))


def digests(folder: Path) -> dict[str, str]:
    return {name: cell.digest for name, cell in StudyLog(folder).state().cells.items()}


def call(*arguments: object) -> str:
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert not done.exit_code, done.output
    return done.output


class TestLostMachine:
    """Its folder is gone; another one goes on from what is in object storage."""

    def test_that_had_ended(self, server, tmp_path, carry_out, two_cells):
        """Status, results and frames work on what was fetched, and nothing is carried out again."""
        study = two_cells.in_place(server, tmp_path / "a")
        head, cells, cost = study._log.head(), study.state().cells, paid(two_cells.bill)
        votes = study.frame("votes").collect()
        shutil.rmtree(study.folder)
        there = tmp_path / "b"
        told = json.loads(call("study", "fetch", URL, "--out", there, "--json"))
        assert told["cells"] == list(cells) and told["missing"] == [] and told["head"] == head.hash
        assert {name: verify(there / "cells" / name).hash for name in cells} == {n: c.head for n, c in cells.items()}
        other = Study.open(there)
        assert other.frame("votes").collect().equals(votes) and other.state().cells.keys() == cells.keys()
        assert json.loads(call("study", "status", there, "--json"))["over"] is True
        assert json.loads(call("study", "results", there, "--json"))["cells"] == len(cells)
        assert carry_out(other).exit_code == 0 and paid(two_cells.bill) == cost > 0

    def test_that_was_killed(self, server, tmp_path, monkeypatch, carry_out, two_cells):
        """kill -9 of everything within a cell: no answer that is in object storage is paid for again, and digests are the same."""
        want = list(digests(two_cells.folder).values())  # how long answers take is no part of them
        folder = tmp_path / "a" / "study"
        code = (
            "import sys; from analysis.studies.engines.local import LocalEngine; from analysis.studies.study import Study; "
            f"Study(sys.argv[1], out=sys.argv[2]).run(engine=LocalEngine(1, preloaded={LIGHT!r}), store={URL!r})"
        )
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MOLOCH_STORE_BEAT_S": "0.1"}
        process = subprocess.Popen(
            [sys.executable, "-c", code, page(tmp_path, slow=0.01), folder], env=environment, cwd=ROOT,
            start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            second = Study(tmp_path / "page.yaml", out=folder).cells[1].name
            _wait_for(lambda: any(f"cells/{second}/live/" in name for name in server.objects()))
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        _wait_for(lambda: not claims_held(folder))
        shutil.rmtree(folder)
        fetched = fetch(URL, tmp_path / "look" / "study")
        durable, before = answers(tmp_path / "look" / "study"), paid(tmp_path / "bill")
        assert len(fetched.cells) == 2 and 0 < durable <= before
        assert StudyLog(tmp_path / "look" / "study").state().cells[second].state == "running"
        monkeypatch.setattr("analysis.studies.storage.remote.STALE_S", 0.0)
        other = Study(tmp_path / "page.yaml", out=tmp_path / "b" / "study")
        assert carry_out(other).exit_code == 0 and list(digests(other.folder).values()) == want
        assert paid(tmp_path / "bill") - before == answers(other.folder) - durable

    def test_a_fetch_that_is_interrupted(self, server, tmp_path, two_cells):
        """Repeated, it brings the rest."""
        study = two_cells.in_place(server, tmp_path / "a")
        gets, there = 0, tmp_path / "b"

        def refuse(method: str, path: str) -> tuple[int, str] | None:
            nonlocal gets
            gets += method == "GET" and "/cells/" in path
            return (403, "AccessDenied") if gets > 2 else None

        server.fault = refuse
        with pytest.raises(LogError, match="refused"):
            fetch(URL, there)
        assert not (there / "study-log").exists()
        server.fault = lambda method, path: None
        assert fetch(URL, there).cells == list(study.state().cells) and digests(there) == digests(study.folder)


class TestFrames:
    """Read where they lie: only the study's own log is fetched."""

    def test_as_from_the_folder(self, server, tmp_path, two_cells):
        """Every frame that has a name: no log is read for them, but for what was written."""
        study = two_cells.in_place(server, tmp_path / "a")
        for name in (*STUDY_NAMES, "run_ended"):
            here = study.frame(name).collect()
            server.asked.clear()
            assert study_frame(URL, name).collect().equals(here), name
            assert here.height or name in ("verdicts", "steps", "labels"), (
                name
            )  # fast cells are not judged, trained or labelled
            logs = {
                path.split("/cells/")[1].split("/")[0]
                for _, path in server.asked
                if "/cells/" in path and path.endswith(".zst")
            }
            assert logs == (study.state().cells.keys() if name == "writing" else set()), name

    def test_people_of_a_crowd_and_of_forks_of_it(self, server, tmp_path):
        """Whom a member is a copy of has a name that begins as the chain does; ``run.json`` says how that begins."""
        runs = [shutil.copytree(CROWD, tmp_path / "run")]
        config = open_log(runs[0], write=False).config
        for name in ("fork", "deep/again"):
            with create(tmp_path / name, config, fork=fork_point(runs[-1], 2, tmp_path / name)):
                runs.append(tmp_path / name)
        for run in runs:
            ObjectFolder(f"{URL}/{run.relative_to(tmp_path)}").put("run.json", run / "run.json", fixed=True)
        chains = {_chain(f"{URL}/{run.relative_to(tmp_path)}") for run in runs}
        assert chains == {_chain(run) for run in runs} and len(chains) == 1
        CellMirror("run", runs[0], URL).put_all()
        here, there = (of_run(run, "votes").collect() for run in (runs[0], f"{URL}/cells/run"))
        assert there.equals(here) and here["origin"].str.starts_with(chains.pop()).any()

    def test_of_a_fork(self, server, tmp_path):
        """Its first rows are those of the run that it comes from, of a fork of a fork too; where that is not there, one error says so."""
        runs = [shutil.copytree(CROWD, tmp_path / "run")]
        config, events = open_log(runs[0], write=False).config, list(read_events(runs[0]))
        for name, step in (("fork", 2), ("deep/again", 1)):
            point = fork_point(runs[-1], step, tmp_path / name)
            with create(tmp_path / name, config, fork=point) as log:
                log.append(events[point.seq :])
            runs.append(tmp_path / name)
        names = {str(run.relative_to(tmp_path)): run for run in runs}
        for name in ("fork", "deep/again"):
            CellMirror(name, names[name], URL).put_all()
            with pytest.raises(
                LogError, match=r"forked from is not in object storage.*no run in s3://.*/cells/(run|fork)\."
            ):
                of_run(f"{URL}/cells/{name}", "votes")
        CellMirror("run", runs[0], URL).put_all()
        for name, run in names.items():
            for frame in ("votes", "contests", "messages", "run_ended"):
                here, there = (of_run(each, frame).collect() for each in (run, f"{URL}/cells/{name}"))
                assert there.equals(here) and here.height, (name, frame)

    def test_no_more_is_read_than_asked_for(self, server, tmp_path, two_cells):
        """A cell of which no row is wanted is left alone; no log of a cell is read at all."""
        study = two_cells.in_place(server, tmp_path / "a")
        first, other = study.state().cells
        votes = study_frame(URL, "votes").filter(pl.col("cell") == first)
        server.asked.clear()
        assert votes.select("choice").collect().height
        read = [
            path for method, path in server.asked if method == "GET" and path.endswith((".parquet", ".zst", ".part"))
        ]
        assert read and all(f"/cells/{first}/frames/" in path for path in read) and other

    def test_cells_that_have_not_ended_have_no_rows(self, server, tmp_path, two_cells):
        study = two_cells.in_place(server, tmp_path / "a")
        last = list(study.state().cells)[-1]
        there = ObjectFolder(URL)
        there.delete([each.name for each in there.objects(f"cells/{last}")])
        assert study_frame(URL, "votes").collect()["cell"].unique().to_list() == [next(iter(study.state().cells))]
        assert study_frame(URL, "cells").collect().height == 2


class TestFollows:
    """Object storage follows the folder."""

    def test_news(self, server, tmp_path, one_cell, two_cells):
        """What another machine had fetched is brought up to date."""
        server.fill(one_cell.objects)
        assert len(fetch(URL, tmp_path / "b").cells) == 1
        more = two_cells.in_place(server, tmp_path / "a")
        assert len(fetch(URL, tmp_path / "b").cells) == 2
        assert (
            digests(tmp_path / "b") == digests(tmp_path / "a") and verify(tmp_path / "b/study-log") == more._log.head()
        )

    def test_a_reused_run(self, server, tmp_path, carry_out, one_cell):
        """It comes as the cell's own folder."""
        first = one_cell.in_place(server, tmp_path / "runs" / "a")
        ((name, cell),) = first.state().cells.items()
        study = Study(one_cell.page, out=tmp_path / "runs" / "b")
        study.begin()
        reused = CellReused(
            cell=name, run=f"../a/cells/{name}", identity="i", head=cell.head, digest=cell.digest, events=1, version="0"
        )
        StudyLog(study.folder).append([reused])
        carry_out(study, f"s3://{BUCKET}/again")
        fetch(f"s3://{BUCKET}/again", tmp_path / "far" / "away")
        there = Study.open(tmp_path / "far" / "away")
        assert there.results().as_dict()["cells"] == 1 and there.frame("votes").collect().height
        assert there.state().cells[name].state == "reused"

    def test_what_was_spent(self, server, tmp_path, carry_out, one_cell):
        """Bounds hold on the machine that goes on, too."""
        study = one_cell.in_place(server, tmp_path / "a")
        layout = Layout(study.folder)
        layout.budget.mkdir(exist_ok=True)
        (layout.budget / "leases.jsonl").write_text('{"run":"x","calls":3,"tokens":0,"usd":0.0}\n')
        carry_out(study)
        fetch(URL, tmp_path / "b")
        assert (tmp_path / "b" / "budget" / "leases.jsonl").read_text() == (layout.budget / "leases.jsonl").read_text()


class TestDamage:
    """What is not what was put is noticed."""

    @pytest.fixture
    def stored(self, server, tmp_path, one_cell) -> Study:
        return one_cell.in_place(server, tmp_path / "a")

    def test_a_log(self, stored, server, tmp_path):
        """A byte, or an end that is gone."""
        for name in [name for name in server.objects() if "/log/" in name or "/live/" in name]:
            good = server.objects()[name]
            flipped = bytearray(good)
            flipped[len(good) // 2] ^= 1
            for number, bad in enumerate((bytes(flipped), good[:-5])):
                server.damage(name, bad)
                with pytest.raises(CorruptLog):
                    fetch(URL, tmp_path / f"b{number}")
                shutil.rmtree(tmp_path / f"b{number}", ignore_errors=True)
            server.damage(name, good)
        fetch(URL, tmp_path / "good")

    def test_a_whole_log_of_another_run(self, stored, server, tmp_path):
        """It verifies by itself, and is not the one that ended."""
        (cell,) = stored.state().cells
        name = next(name for name in server.objects() if f"cells/{cell}/log/" in name)
        data = (stored.folder / "cells" / cell / "log" / Path(name).name).read_bytes()
        from abm.log.segments import blocks, read_manifest, segments

        run = stored.folder / "cells" / cell
        ends = [block.end for block in blocks(segments(run)[0], read_manifest(run).genesis)]
        server.damage(name, data[: ends[-2]])
        with pytest.raises(CorruptLog, match="not the one that ended"):
            fetch(URL, tmp_path / "b")

    def test_the_last_events_of_the_study(self, stored, server, tmp_path):
        """A piece of its log that is gone is missed."""
        ObjectFolder(URL).delete(
            [max(n for n in server.objects() if "/study-log/live/" in n).removeprefix("studies/one/")]
        )
        with pytest.raises((CorruptLog, LogError), match="not all there"):
            fetch(URL, tmp_path / "b")


class TestTwoControllers:
    """Those of one folder share it; of two folders, one works."""

    def test_another_folder_waits(self, server, tmp_path, carry_out, one_cell):
        """A controller that gives signs is left alone."""
        path, cost = one_cell.page, paid(one_cell.bill)
        one_cell.in_place(server, tmp_path / "a")
        StudyRemote(Layout(tmp_path / "a"), URL).hold()
        with pytest.raises(InputError, match="another folder's controller works on this study"):
            carry_out(Study(path, out=tmp_path / "b"))
        assert not (tmp_path / "b" / "study-log").exists()
        assert carry_out(Study(path, out=tmp_path / "a")).exit_code == 0
        assert carry_out(Study(path, out=tmp_path / "b")).exit_code == 0, "it was let go of at the end"
        assert paid(one_cell.bill) == cost

    def test_one_that_is_lost_is_followed(self, server, tmp_path, monkeypatch):
        """And told so, when it comes back."""
        lost, next_ = StudyRemote(Layout(tmp_path / "a"), URL), StudyRemote(Layout(tmp_path / "b"), URL)
        assert STALE_S > 60 and lost.hold() is False
        monkeypatch.setattr("analysis.studies.storage.remote.STALE_S", 0.0)
        assert next_.hold() is True
        with pytest.raises(Conflict, match="taken over"):
            lost.put_new()
        next_.put_new()

    @pytest.mark.slow
    def test_of_one_folder(self, server, tmp_path):
        """Side by side they come to one study."""
        path, folder = page(tmp_path, seeds=3), tmp_path / "a"
        code = "import sys; from analysis.studies.study import Study; " + (
            f"sys.exit(Study(sys.argv[1], out=sys.argv[2]).run(1, store={URL!r}).exit_code)"
        )
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MOLOCH_STORE_BEAT_S": "0.5"}
        both = [
            subprocess.Popen([sys.executable, "-c", code, path, folder], env=environment, cwd=ROOT) for _ in range(2)
        ]
        assert [process.wait(400) for process in both] == [0, 0]
        fetch(URL, tmp_path / "b")
        assert digests(tmp_path / "b") == digests(folder) and "" not in digests(folder).values()
        assert verify(tmp_path / "b" / "study-log") == verify(folder / "study-log")


class TestRefusals:
    """Said before anything is begun, once, without a secret."""

    @pytest.mark.parametrize("what", ["no bucket", "no credentials", "denied"])
    def test_of_the_storage(self, server, tmp_path, monkeypatch, what):
        url, said = URL, {"no bucket": "no such bucket", "no credentials": "no credentials", "denied": "are refused"}
        match what:
            case "no bucket":
                url = "s3://nobodys/study"
            case "no credentials":
                monkeypatch.delenv("AWS_ACCESS_KEY_ID"), monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
            case _:
                server.fault = lambda method, path: (403, "AccessDenied")
        for arguments in (
            ["study", "run", page(tmp_path), "--store", url, "--out", tmp_path / "a"],
            ["study", "--seeds", 2, "--store", url, "--out", tmp_path / "a"],
            ["study", "fetch", url, "--out", tmp_path / "b"],
        ):
            done = CliRunner().invoke(app, list(map(str, arguments)))
            text = f"{done.output}{done.exception}"
            assert isinstance(done.exception, LogError) and text.count(said[what]) == 1, text
            assert SECRET not in text and KEY_ID not in text
        assert paid(tmp_path / "bill") == 0 and not (tmp_path / "a" / "study-log").exists()
        assert not any(SECRET.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    def test_no_study_there(self, server, tmp_path):
        with pytest.raises(InputError, match="no study there"):
            fetch(URL, tmp_path / "a")

    def test_a_folder_of_something_else(self, server, tmp_path, one_cell):
        server.fill(one_cell.objects)
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "thesis.tex").write_text("mine")
        with pytest.raises(InputError, match="holds something else"):
            fetch(URL, tmp_path / "b")


def _wait_for(what, seconds: float = 240) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.02)
