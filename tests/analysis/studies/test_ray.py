"""Cells as tasks of a Ray cluster: what is refused, and what two real nodes do, one of which dies."""

from __future__ import annotations

import os
import queue
import random
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

import moloch.extras
from analysis.studies import Study
from analysis.studies.engines.local import LocalEngine
from analysis.studies.engines.ray_cluster import RayEngine, RayNode
from analysis.studies.record.claims import Claim, Claims, Place
from analysis.studies.record.counts import StudyStanding
from analysis.studies.record.layout import Layout
from analysis.studies.work.tasks import Engine, Needs, Task
from analysis.studies.work.worker import write_settings
from moloch.errors import InputError
from tests.support.booked import repaid
from tests.support.fast_study import LIGHT, base, carried_out, decided, durable
from tests.support.kills import StudyCommand, kill_of_node
from tests.support.ray_nodes import TwoNodes, blind_node, two_nodes


class TestWhatIsRefused:
    """Before anything is started, in one line."""

    @pytest.mark.parametrize(
        "address", ["auto", "local", "ray://10.0.0.5:10001", "10.0.0.5", "10.0.0.5:", ":6379", "a:b"]
    )
    def test_an_address_that_names_no_cluster(self, tmp_path, monkeypatch, address):
        """What happens to run on this machine is never joined."""
        monkeypatch.setitem(moloch.extras.EXTRAS, "ray", [])
        with pytest.raises(InputError, match=f"'{address}' is not an address of a Ray cluster"):
            RayEngine(tmp_path, address)

    def test_a_cluster_without_a_token(self, tmp_path, monkeypatch):
        """It is not joined unless that is asked for."""
        monkeypatch.setitem(moloch.extras.EXTRAS, "ray", [])
        monkeypatch.setenv("HOME", str(tmp_path))
        for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
            monkeypatch.delenv(name, raising=False)
        with pytest.raises(InputError, match=r"no token for the Ray cluster at 10\.0\.0\.5:6379"):
            RayEngine(tmp_path, "10.0.0.5:6379")

    def test_without_ray(self, tmp_path, monkeypatch):
        """The error names the extra."""
        monkeypatch.setitem(moloch.extras.EXTRAS, "ray", ["no_such_module"])
        with pytest.raises(InputError, match="needs the ray extra"):
            RayEngine(tmp_path)


class TestRoom:
    """How many cells a node takes at once."""

    @pytest.mark.parametrize(
        "needs, room", [(Needs(), 8), (Needs(3), 2), (Needs(1, 1), 2), (Needs(1, 0, 3), 3), (Needs(1, 0, 20), 0)]
    )
    def test_by_what_is_scarcest(self, needs, room):
        """CPUs, GPUs or memory."""
        assert RayNode("n", "a", cpus=8, gpus=2, memory_bytes=10, wrong="").room(needs) == room

    def test_none_where_something_is_wrong(self):
        """Such as a folder that it does not see."""
        assert RayNode("n", "a", cpus=8, gpus=2, memory_bytes=10, wrong="blind").room(Needs()) == 0


def test_an_end_that_comes_while_room_is_asked_for_is_not_lost(tmp_path):
    """The controller asks for room first: the end waits until it asks for ends."""
    engine = RayEngine.__new__(RayEngine)  # without a cluster
    task = Task(tmp_path, "a", 1, "t", tmp_path / "a.txt", Needs())
    engine._said, engine._running, engine._ends = queue.Queue(), {"a.1": task}, []
    engine._nodes, engine._gone, engine._jobs = [RayNode("n", "a", cpus=2, gpus=0, memory_bytes=10, wrong="")], "", None
    engine._said.put({"said": "ended", "name": "a.1", "lost": "", "detail": "", "peak_bytes": 1})
    assert engine.room(Needs()) == 2
    assert [end.task for end in engine.ended(0)] == [task] and engine.ended(0) == []


@pytest.fixture(scope="module")
def nodes() -> Iterator[TwoNodes]:
    """Two real nodes, which load no more than cells of these tests need."""
    with two_nodes(LIGHT) as both:
        yield both


@pytest.mark.ray
@pytest.mark.skipif(find_spec("ray") is None, reason="needs the ray extra: make test-ray")
class TestTwoNodes:
    """A cluster that is named."""

    def test_a_node_dies_in_the_middle_of_a_cell(self, nodes, tmp_path):
        """Nothing is lost, nothing that was durable is done again, and the study comes to what it comes to on one machine."""
        layout, killed = Layout(tmp_path / "ray"), dict[str, list[Any]]()

        def kill(standing: StudyStanding) -> None:
            for path in () if killed else layout.claims.glob("*.json"):
                claim = msgspec.json.decode(path.read_bytes(), type=Claim)
                if nodes.has(claim.place.pid) and len(durable(layout, claim.cell)) > 40:
                    nodes.kill()
                    killed[claim.cell] = durable(layout, claim.cell)

        study = Study(base=base(slow=0.05), seeds=2, out=layout.folder)
        carried_out(study, lambda: RayEngine(layout.folder, nodes.address), kill)
        nodes.start()
        ((cell, before),) = killed.items()
        history = study.state().cells[cell]
        assert [(each.origin, each.again) for each in history.failures] == [("node", True)]
        assert history.attempts == 2
        assert durable(layout, cell)[: len(before)] == before
        alone = Study(base=base(slow=0.05), seeds=2, out=tmp_path / "elsewhere" / "local")
        assert decided(study) == decided(carried_out(alone, lambda: LocalEngine(1, preloaded=LIGHT)))

    def test_how_a_cell_can_end(self, nodes, tmp_path):
        """In order where it is asked to stop; at once where it is killed by us, or by somebody else."""
        study = Study(base=base(slow=0.5), seeds=2, out=tmp_path / "s")
        study.begin()
        engine = RayEngine(study.folder, nodes.address)
        try:
            asked, killed = begun(study, engine, 1)
            engine.stop([asked])
            assert waited(engine) == (asked, "", "exit code 130")
            engine.stop([killed], kill=True)
            assert waited(engine)[:2] == (killed, "interrupted")
            crashed, other = begun(study, engine, 2)
            os.kill(owner(study, crashed).pid, signal.SIGKILL)
            assert waited(engine) == (crashed, "node", "killed by SIGKILL")
            engine.stop([other])
            assert waited(engine)[0] == other
        finally:
            engine.close()

    def test_a_node_that_does_not_see_the_study(self, nodes, tmp_path):
        """It is named before any cell is begun."""
        study = tmp_path / "s"
        study.mkdir()
        with blind_node(nodes.address, study):
            nodes.wait_for(3)
            with pytest.raises(InputError, match=r"1 of 3 nodes cannot take part.*does not see"):
                RayEngine(study, nodes.address)
        nodes.wait_for(2)


@pytest.mark.skipif(find_spec("ray") is None, reason="needs the ray extra: make test-ray")
class TestKills:
    """kill -9 of the processes that work on a study of a cluster, at moments that are drawn."""

    @pytest.mark.parametrize(
        ("cells", "kills"),
        [pytest.param(3, 1, marks=pytest.mark.faults), pytest.param(12, 3, marks=pytest.mark.faults)],
    )
    def test_controllers_workers_and_nodes(self, nodes, tmp_path, cells, kills):
        """The frames are those of a study that nobody disturbed, on one machine; nothing durable is asked for again."""
        page, at_once = (self.page(tmp_path / f"{slow}.yaml", cells, slow) for slow in (0.05, 0.0))
        folder = tmp_path / "ray" / "study"
        folder.parent.mkdir()
        plan = ["controller", "worker", "node"] * kills
        command = StudyCommand(
            page, folder, ["--engine", "ray", "--ray-address", nodes.address], random.Random(f"{cells} {kills}")
        )
        command.carry_out(plan, 6.0 * cells, {"node": kill_of_node(nodes, folder, 40)})
        assert command.kills.keys() == set(plan) and command.kills <= Counter(plan), "each was to be killed"
        assert command.begun == 1 + command.kills["controller"]
        assert any(cell.failures for cell in Study.open(folder).state().cells.values()), "no kill met a worker"
        alone = Study(at_once, out=tmp_path / "elsewhere" / "study")
        carried_out(alone, lambda: LocalEngine(2, preloaded=LIGHT))
        assert alone.equal_frames(folder).differences == ()
        assert repaid(folder)[1] == 0

    def page(self, path: Path, cells: int, slow: float) -> Path:
        """Write the page of a study whose answers take so many seconds, which is no part of what it is."""
        serving = {"llm": "booked", "options": {"of": "fast", "slow": slow}}
        settings = base() | {"extensions": ["tests.support.fast_cells", "tests.support.booked"], "serving": serving}
        of = {"name": "killed", "base": settings, "seeds": cells, "stop": {"failed_share": 1}}
        path.write_text(yaml.safe_dump(of), "utf-8")
        return path


def begun(study: Study, engine: Engine, attempt: int) -> list[Task]:
    """The tasks of all cells, once their workers have taken them over."""
    layout, tasks = Layout(study.folder), []
    layout.output.mkdir(exist_ok=True)
    for cell in study.cells:
        held = Claims(layout).take(cell.name, attempt)
        assert held is not None
        write_settings(layout.settings(cell.name), cell.config)
        tasks.append(Task(layout.folder, cell.name, attempt, held.claim.token, layout.said(cell.name, attempt)))
        engine.start(tasks[-1])
    until = time.monotonic() + 120
    while any(owner(study, task).pid == os.getpid() or not durable(layout, task.cell) for task in tasks):
        assert time.monotonic() < until and not engine.ended(0.2)
    return tasks


def owner(study: Study, task: Task) -> Place:
    """Who has a task's claim."""
    return msgspec.json.decode(Layout(study.folder).claim(task.cell, task.attempt).read_bytes(), type=Claim).place


def waited(engine: Engine) -> tuple[Task, str, str]:
    """The next end: of which task, why it was lost, and in words."""
    until = time.monotonic() + 60
    while not (ends := engine.ended(1)):
        assert time.monotonic() < until
    (end,) = ends
    return end.task, end.lost, end.detail


@pytest.mark.ray
@pytest.mark.skipif(find_spec("ray") is None, reason="needs the ray extra: make test-ray")
class TestAClusterOfOurOwn:
    """It is ours alone, and ends with the engine."""

    def test_strangers_are_kept_out(self, tmp_path):
        """Who has no token joins nothing; nobody else reads its folder; nothing of it is left."""
        before = set(Path("/tmp").glob("moloch-*"))
        engine = RayEngine(tmp_path, jobs=1)
        try:
            (folder,) = [each for each in set(Path("/tmp").glob("moloch-*")) - before if (each / "ray").is_dir()]
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert engine.room(Needs()) == 1
            (port,) = (folder / "ray").glob("session_latest/gcs_server_port_*")
            stranger = f"import ray; ray.init(address='127.0.0.1:{port.read_text()}')"
            environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | {
                "RAY_AUTH_MODE": "disabled"
            }
            done = subprocess.run(
                [sys.executable, "-c", stranger], env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode != 0 and "token" in done.stderr
        finally:
            engine.close()
        assert not folder.exists()


@pytest.mark.ray
@pytest.mark.skipif(find_spec("ray") is None, reason="needs the ray extra: make test-ray")
@pytest.mark.parametrize(
    "error, lost",
    [
        ("OutOfMemoryError", "memory"),
        ("OutOfDiskError", "disk"),
        ("NodeDiedError", "node"),
        ("WorkerCrashedError", "node"),
        ("TaskCancelledError", "interrupted"),
    ],
)
def test_what_ray_says_of_a_task_that_is_lost(error, lost):
    """Each of its errors has an origin; one line of it is kept."""
    from ray import exceptions

    from analysis.studies.engines._ray_driver import how_it_ended

    future: Future[Any] = Future()
    kind = getattr(exceptions, error)
    future.set_exception(kind("a\nb") if error in ("OutOfMemoryError", "OutOfDiskError", "NodeDiedError") else kind())
    end = how_it_ended(future)
    assert end["lost"] == lost and "\n" not in end["detail"]
