"""Processes of this machine: as many as its memory holds, one per GPU, and a word for how each came to an end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from analysis.studies import Study
from analysis.studies.engines import local, machine
from analysis.studies.record.claims import born
from analysis.studies.record.layout import Layout
from analysis.studies.record.study_log import StudyLog
from analysis.studies.work import worker
from analysis.studies.work.controller import Controller
from analysis.studies.work.outcomes import AttemptEnded, write_outcome
from analysis.studies.work.rules import Rules
from analysis.studies.work.tasks import Needs, Task, TaskEnd
from tests.support.fork_engine import ForkEngine

MB = 2**20
CELL_MB = 100
"""What a cell of these tests takes, besides what a fork of this process has."""


def hold(arguments: list[str]) -> int:
    """Be a worker that takes memory, says so and waits until it may go."""
    study, cell = Path(arguments[0]), arguments[1]
    taken = bytearray(os.urandom(MB)) * CELL_MB
    note = {"cell": cell, "device": os.environ.get("CUDA_VISIBLE_DEVICES", ""), "pid": os.getpid()}
    (study / f"{cell}.new").write_text(json.dumps(note))
    (study / f"{cell}.new").rename(study / f"{cell}.begun")
    while not (study / f"{cell}.go").exists():
        time.sleep(0.01)
    return len(taken) % 2


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(worker, "main", hold)
    return tmp_path


@pytest.fixture
def opened() -> Iterator[Callable[..., ForkEngine]]:
    """Make engines, and close them."""
    engines: list[ForkEngine] = []

    def open_one(jobs: int | None) -> ForkEngine:
        engines.append(ForkEngine(jobs))
        return engines[-1]

    yield open_one
    for engine in engines:
        engine.close()


def task(folder: Path, cell: str, gpus: int = 0, peak: int = 0) -> Task:
    return Task(folder, cell, 1, "", folder / f"{cell}.txt", Needs(1, gpus, peak))


def begun(engine: ForkEngine, folder: Path, *cells: str) -> list[dict]:
    """Wait until cells have begun, and return what they noted."""
    until = time.monotonic() + 30
    while not all((folder / f"{cell}.begun").exists() for cell in cells):
        assert not engine.ended(0.02) and time.monotonic() < until
    return [json.loads((folder / f"{cell}.begun").read_text()) for cell in cells]


def gone(engine: ForkEngine, folder: Path, cell: str = "") -> TaskEnd:
    """Let a cell go, and return how its task ended."""
    (folder / f"{cell}.go").touch()
    until, ends = time.monotonic() + 30, list[TaskEnd]()
    while not ends and time.monotonic() < until:
        ends = engine.ended(0.1)
    (end,) = ends
    return end


class TestMemory:
    """Without a number of jobs, cells are let in as memory allows, by what the first one took."""

    @pytest.fixture
    def engine(self, opened, monkeypatch) -> ForkEngine:
        """On a machine of 16 cores."""
        monkeypatch.setattr(machine, "cores", lambda: 16)
        return opened(None)

    @pytest.mark.system
    def test_the_first_one_is_alone(self, engine, folder, monkeypatch):
        """Then others come on twice what it has taken by then, and, once it ended, on what it took."""
        monkeypatch.setattr(machine, "free_bytes", lambda: 100_000 * MB)
        assert engine.room(Needs()) == 1, "nobody knows what a cell takes"
        engine.start(task(folder, "a"))
        assert engine.room(Needs()) == 0
        (first,) = begun(engine, folder, "a")
        monkeypatch.setattr(local, "PROBATION_S", 0.0)
        taken = machine.peak_of(first["pid"])
        assert taken > CELL_MB * MB
        for free, room in ((1000 * taken, 15), (int(9 * taken), 3), (taken, 0)):
            monkeypatch.setattr(machine, "free_bytes", lambda free=free: free)
            assert engine.room(Needs()) == room, (
                free / taken
            )  # what it may still grow by, and then two for each, a tenth kept
        peak = gone(engine, folder, "a").peak_bytes
        assert 0.9 * taken < peak < 2 * taken  # the system counts pages by the batch

    @pytest.mark.system
    def test_by_what_one_took(self, engine, folder, monkeypatch):
        """As many processes as fit; those that are there may still grow; one is let in always."""
        peak = 2 * (machine.peak_of(os.getpid()) + CELL_MB * MB)  # twice what a fork of this process can have by then
        monkeypatch.setattr(machine, "free_bytes", lambda: 5 * peak)
        assert engine.room(Needs(memory_bytes=peak)) == 4
        for cell in "ab":
            engine.start(task(folder, cell, peak=peak))
        begun(engine, folder, "a", "b")
        there = {each.pid: machine.peak_of(each.pid) for each in engine._workers.values()}
        assert all(CELL_MB * MB < each <= 0.55 * peak for each in there.values())
        monkeypatch.setattr(machine, "peak_of", there.__getitem__)
        room = engine.room(Needs(memory_bytes=peak))
        assert room == int((4.5 * peak - (2 * peak - sum(there.values()))) // peak) < 4
        monkeypatch.setattr(machine, "free_bytes", lambda: peak // 2)
        assert engine.room(Needs(memory_bytes=peak)) == 0
        for cell in "ab":
            gone(engine, folder, cell)
        assert engine.room(Needs(memory_bytes=peak)) == 1

    def test_a_number_of_jobs_is_kept(self, opened, monkeypatch):
        """Who gives one knows better."""
        monkeypatch.setattr(machine, "free_bytes", lambda: MB)
        assert opened(3).room(Needs(memory_bytes=100 * MB)) == 3

    @pytest.mark.system
    def test_killed_by_the_system(self, opened, folder, monkeypatch):
        """It looks like any kill; that the system counted one tells them apart."""
        engine = opened(2)
        for cell, counted, lost in (("a", 0, "node"), ("b", 1, "memory")):
            monkeypatch.setattr(machine, "memory_kills", lambda: 0)
            engine.start(task(folder, cell))
            (note,) = begun(engine, folder, cell)
            monkeypatch.setattr(machine, "memory_kills", lambda counted=counted: counted)
            os.kill(note["pid"], signal.SIGKILL)
            assert gone(engine, folder, cell).lost == lost

    @pytest.mark.system
    @pytest.mark.parametrize(("counted", "lost"), [(0, "node"), (1, "memory")])
    def test_the_process_that_cells_come_from_is_killed(self, opened, folder, monkeypatch, counted, lost):
        """All that it started are lost with it, for the same reason; the next task gets another one."""
        monkeypatch.setattr(machine, "memory_kills", lambda: 0)
        engine = opened(2)
        for cell in "ab":
            engine.start(task(folder, cell))
        notes = begun(engine, folder, "a", "b")
        monkeypatch.setattr(machine, "memory_kills", lambda: counted)
        os.kill(engine._opened().pid, signal.SIGKILL)
        until, ends = time.monotonic() + 30, list[TaskEnd]()
        while not ends and time.monotonic() < until:
            ends = engine.ended(0.1)
        assert {end.task.cell: end.lost for end in ends} == {"a": lost, "b": lost}
        while any(born(note["pid"]) for note in notes):
            assert time.monotonic() < until, "its workers live on"
        engine.start(task(folder, "c"))
        begun(engine, folder, "c")
        assert gone(engine, folder, "c").lost == ""


class TestDevices:
    """A cell that needs a GPU has one of its own."""

    @pytest.mark.system
    def test_no_two_on_one(self, opened, folder, monkeypatch):
        """Named as ``CUDA_VISIBLE_DEVICES`` named them; one that is free again goes to the next."""
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-7f")
        engine = opened(8)
        assert engine.room(Needs(gpus=1)) == 2 and engine.room(Needs()) == 8
        for cell in "ab":
            engine.start(task(folder, cell, gpus=1))
        notes = begun(engine, folder, "a", "b")
        assert [note["device"] for note in notes] == ["3", "GPU-7f"] and engine.room(Needs(gpus=1)) == 0
        gone(engine, folder, "a")
        assert engine.room(Needs(gpus=1)) == 1
        engine.start(task(folder, "c", gpus=1))
        assert begun(engine, folder, "c")[0]["device"] == "3"
        for cell in "bc":
            gone(engine, folder, cell)

    @pytest.mark.parametrize(("visible", "gpus"), [("", []), ("-1", []), ("0,1", ["0", "1"])])
    def test_what_the_environment_hides(self, monkeypatch, visible, gpus):
        """Is not there."""
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert machine.gpus() == gpus

    @pytest.mark.system
    def test_a_study(self, tmp_path, monkeypatch, opened):
        """More cells than devices, and more jobs: at any time each device has one cell at most."""

        def main(arguments: list[str]) -> int:
            layout, cell = Layout(arguments[0]), arguments[1]
            began = time.monotonic()
            time.sleep(0.1)
            note = [os.environ["CUDA_VISIBLE_DEVICES"], began, time.monotonic()]
            (layout.folder / f"{cell}.note").write_text(json.dumps(note))
            write_outcome(layout.outcome(cell, 1), AttemptEnded("h", "d", 1, 0.1, 1))
            return 0

        monkeypatch.setattr(worker, "main", main)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
        of = Study(name="x", seeds=12, out=tmp_path / "study")
        of.begin()
        rules = Rules(needs=lambda config: Needs(gpus=1))
        assert Controller(StudyLog(of.folder), {cell.name: cell for cell in of.cells}, opened(8), rules).run() == ""
        notes = sorted(json.loads(path.read_text()) for path in of.folder.glob("*.note"))
        assert len(notes) == 12 and {device for device, *_ in notes} == {"0", "1", "2"}
        assert max(Counter(device for device, *_ in notes).values()) < 12
        for (device, _, ended), (other, began, _) in pairwise(notes):
            assert device != other or began >= ended


class TestMachine:
    """What it says of itself, and what a container or a job may use of it."""

    @pytest.fixture
    def groups(self, tmp_path, monkeypatch) -> SimpleNamespace:
        root, own = tmp_path / "cgroup", tmp_path / "own"
        monkeypatch.setattr(machine, "_CGROUP", root)
        monkeypatch.setattr(machine, "_OWN_GROUPS", own)

        def written(**files: str) -> None:
            for name, text in files.items():
                path = root / name.replace("__", "/").replace("_dot_", ".")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)

        return SimpleNamespace(own=own, written=written)

    def test_the_least_of_all_groups(self, groups):
        """Of version 2: a job within a container; what is cached is free."""
        groups.own.write_text("0::/job/step\n")
        groups.written(
            memory_dot_max=f"{900 * MB}", memory_dot_current=f"{100 * MB}", job__memory_dot_max=f"{500 * MB}",
            job__memory_dot_current=f"{300 * MB}", job__memory_dot_stat=f"anon 1\ninactive_file {50 * MB}\n",
            job__step__memory_dot_max="max", job__step__memory_dot_current=f"{300 * MB}",
            job__memory_dot_events="oom 3\noom_kill 2\n", job__cpu_dot_max="100000 100000",
        )  # fmt: skip
        assert machine.free_bytes() == 250 * MB and machine.cores() == 1
        before = machine.memory_kills()
        groups.written(job__memory_dot_events="oom 4\noom_kill 3\n")
        assert machine.memory_kills() == before + 1

    def test_of_version_1(self, groups):
        """Where each controller has a tree of its own."""
        groups.own.write_text("4:memory:/job\n2:cpu,cpuacct:/job\n1:name=systemd:/\n")
        groups.written(
            memory__job__memory_dot_limit_in_bytes=f"{500 * MB}", memory__job__memory_dot_usage_in_bytes=f"{300 * MB}",
            memory__job__memory_dot_stat=f"inactive_file 1\ntotal_inactive_file {50 * MB}\n",
            memory__job__memory_dot_oom_control="oom_kill_disable 0\noom_kill 5\n",
            cpu__job__cpu_dot_cfs_quota_us="100000", cpu__job__cpu_dot_cfs_period_us="100000",
        )  # fmt: skip
        assert machine.free_bytes() == 250 * MB and machine.cores() == 1 and machine.memory_kills() >= 5


IN_A_GROUP = """
import os, sys
from pathlib import Path
group, out, hog, limit = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
(group / "cgroup.procs").write_text(str(os.getpid()))
from analysis.studies import Study
from analysis.studies.work.controller import Controller
from analysis.studies.engines import machine
from analysis.studies.work.rules import Rules
from analysis.studies.record.study_log import StudyLog
from tests.support.fork_engine import ForkEngine
import tests.support.fast_cells
from tests.analysis.studies.test_controller import FAST
used = int((group / "memory.usage_in_bytes").read_text())
(group / "memory.limit_in_bytes").write_text(str(used + limit * 2**20))
assert machine.free_bytes() <= limit * 2**20 * 1.2, machine.free_bytes()
serving = {"llm": "fast", "options": {"slow": 0.005, "hold_mb": hog}}
of = Study(name="x", base=FAST | {"serving": serving}, seeds=3, out=out)
of.begin()
engine = ForkEngine(2)
try:
    why = Controller(StudyLog(of.folder), {cell.name: cell for cell in of.cells}, engine, Rules(of.page.stop)).run()
finally:
    engine.close()
print(why, engine.jobs)
"""


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group of this process's own, in which the system kills for want of memory."""
    own = [line.split(":", 2)[2] for line in Path("/proc/self/cgroup").read_text().splitlines() if ":memory:" in line]
    made = Path(f"/sys/fs/cgroup/memory{own[0] if own else ''}/moloch-test-{os.getpid()}")
    try:
        if not own:
            raise OSError
        made.mkdir()
    except OSError:
        pytest.skip("no memory control group (version 1) can be made here")
    yield made
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            made.rmdir()
            return
        except OSError:
            time.sleep(0.1)


@pytest.mark.slow
def test_a_system_that_is_out_of_memory(group, tmp_path, monkeypatch):
    """Two cells at a time are too many: the system kills one, the log says why, and it ends alone."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    said = subprocess.run(
        [sys.executable, "-c", IN_A_GROUP, str(group), str(tmp_path / "study"), "400", "800"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr[-3000:]
    assert said.stdout.split() == ["1"], "it goes on with one at a time"
    cells = StudyLog(tmp_path / "study").state().cells.values()
    assert [cell.state for cell in cells] == ["ended"] * 3
    failed = [failure for cell in cells for failure in cell.failures]
    assert failed and {failure.origin for failure in failed} == {"memory"} and all(failure.again for failure in failed)
    assert {failure.message for failure in failed} == {"killed by the system, which was out of memory"}
    assert all(len(cell.failures) <= 1 and cell.attempts == 1 + len(cell.failures) for cell in cells), "tried once more"
