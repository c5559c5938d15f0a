"""The process that speaks with a Ray cluster for a controller, in lines of JSON: requests come in, what became of them goes out.

A process of its own, since Ray prints to the output of the process that joins a cluster, takes over its signals, and ends it when the cluster
is gone. What Ray says goes to a file of the study. Knows nothing of cells; a task is a name for it.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import sys
import tempfile
import threading
import time
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any

from abm.llm.versions import PROJECT, installed
from analysis.studies.engines import _ray_task

OBJECT_STORE = 80 * 2**20
"""Bytes, about the least that Ray takes: nothing but numbers and words goes through it."""
LOOK_S = 120.0
"""Seconds that a node has to answer whether it sees the study."""
NODES_S = 1.0
"""Seconds between two looks at who is in the cluster."""


def main() -> None:
    """Serve one controller until it closes our input."""
    asked = json.loads(sys.stdin.readline())
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")  # Ray prints; what it prints goes where errors go
    os.dup2(2, 1)
    driver = _Driver(asked, answers)
    try:
        try:
            driver.join()
        except Exception as error:
            driver.say(said="failed", why=_line(error))
            raise
        for line in sys.stdin:
            driver.do(json.loads(line))
    finally:
        driver.leave()


class _Driver:
    """One connection to a cluster."""

    def __init__(self, asked: dict[str, Any], answers: Any) -> None:
        self._asked, self._answers, self._lock = asked, answers, threading.Lock()
        self._refs: dict[str, Any] = {}
        self._looked: dict[str, str] = {}  # node -> what is wrong with it, or nothing
        self._folder, self._left = "", threading.Event()
        self._watcher: threading.Thread | None = None
        self._study = Path(asked["study"])
        self._sentinel = self._study / f".ray-{secrets.token_hex(4)}"
        self._mark = (str(self._sentinel), secrets.token_hex(16))

    def say(self, **said: Any) -> None:
        """Write one answer."""
        with self._lock:
            self._answers.write(json.dumps(said) + "\n")
            self._answers.flush()

    def join(self) -> None:
        """Join the cluster that was named, or start one; see who is there, and whether each sees the study."""
        import ray

        shared: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "namespace": "moloch"}
        if address := self._asked["address"]:
            ray.init(address=address, **shared)
        else:
            self._folder = tempfile.mkdtemp(prefix="moloch-")  # short: sockets have paths of 107 characters at most
            ray.init(
                address="local",
                num_cpus=self._asked["cpus"],
                num_gpus=self._asked["gpus"],
                include_dashboard=False,
                object_store_memory=OBJECT_STORE,
                _temp_dir=f"{self._folder}/ray",  # Ray opens its folder to everybody: it stands in one that is ours
                **shared,
            )
        self._sentinel.write_text(self._mark[1], "utf-8")
        nodes = self._nodes()
        self.say(said="nodes", nodes=nodes)
        self._watcher = threading.Thread(target=self._watch, args=(nodes,), daemon=True)
        self._watcher.start()

    def do(self, asked: dict[str, Any]) -> None:
        """Carry one request out."""
        match asked["do"]:
            case "start":
                self._start(asked)
            case "stop":
                self._stop(asked["names"], asked["kill"])
            case other:
                raise ValueError(f"no request: {other}")

    def leave(self) -> None:
        """Leave the cluster, and end it where it is ours."""
        import ray

        self._left.set()
        if self._watcher:
            self._watcher.join(NODES_S)
        self._sentinel.unlink(missing_ok=True)
        ray.shutdown()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, asked: dict[str, Any]) -> None:
        import ray

        name, needs = asked["name"], asked["needs"]
        task: Any = ray.remote(_ray_task.carry_out).options(
            name=name,
            num_cpus=needs["threads"],
            num_gpus=needs["gpus"],
            memory=needs["memory_bytes"] or None,
            max_retries=0,
            scheduling_strategy="SPREAD",
            enable_task_events=False,
        )
        needed = (needs["threads"], needs["gpus"])
        given = [str(self._study), asked["cell"], asked["attempt"], asked["token"], asked["output"], needed]
        ref = task.remote(*given, self._asked["folder"], self._mark, asked["store"])
        self._refs[name] = ref
        ref.future().add_done_callback(lambda future: self._ended(name, future))

    def _stop(self, names: list[str], kill: bool) -> None:
        import ray

        for name in names:
            if (ref := self._refs.get(name)) is not None:
                ray.cancel(ref, force=kill)

    def _ended(self, name: str, future: Future[_ray_task.Said]) -> None:
        self._refs.pop(name, None)
        self.say(said="ended", name=name, **how_it_ended(future))

    def _watch(self, known: list[dict[str, Any]]) -> None:
        """Tell of nodes that come and go."""
        while not self._left.wait(NODES_S):
            nodes = self._nodes()
            if nodes != known:
                known = nodes
                self.say(said="nodes", nodes=nodes)

    def _nodes(self) -> list[dict[str, Any]]:
        """Return who is in the cluster and can carry anything out; new nodes are asked whether they see the study."""
        import ray

        alive = {each["NodeID"]: each for each in ray.nodes() if each["Alive"] and each["Resources"].get("CPU")}
        asked = {node: self._asked_of(node) for node in alive if node not in self._looked}
        until = time.monotonic() + LOOK_S
        for node, ref in asked.items():
            if (wrong := self._wrong(ref, max(0.1, until - time.monotonic()))) is not None:
                self._looked[node] = wrong
            (self._study / f"{self._sentinel.name}-{node}").unlink(missing_ok=True)
        return [_node(each, self._looked[node]) for node, each in alive.items() if node in self._looked]

    def _asked_of(self, node: str) -> Any:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        task: Any = ray.remote(_ray_task.look).options(
            num_cpus=0,
            max_retries=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
            enable_task_events=False,
        )
        answer = self._study / f"{self._sentinel.name}-{node}"
        return task.remote(self._mark, str(answer))

    def _wrong(self, ref: Any, seconds: float) -> str | None:
        """Return what is wrong with a node that was asked; empty if nothing is, None if it left in the meantime."""
        import ray
        from ray.exceptions import TaskUnschedulableError

        try:
            version, python, sees = ray.get(ref, timeout=seconds)
        except TaskUnschedulableError:  # Ray lists a dead node for a while
            return None
        except Exception as error:
            return _line(error)
        if not sees:
            return f"it does not see {self._study}, or cannot write there"
        if version != installed(PROJECT):
            return f"it has moloch {version}, not {installed(PROJECT)}"
        ours = ".".join(map(str, sys.version_info[:2]))
        return f"it has Python {python}, not {ours}" if python != ours else ""


def _node(said: dict[str, Any], wrong: str) -> dict[str, Any]:
    resources = said["Resources"]
    return {
        "name": said["NodeManagerHostname"] or said["NodeManagerAddress"],
        "address": said["NodeManagerAddress"],
        "cpus": int(resources["CPU"]),
        "gpus": int(resources.get("GPU", 0)),
        "memory_bytes": int(resources.get("memory", 0)),
        "wrong": wrong,
    }


def how_it_ended(future: Future[_ray_task.Said]) -> dict[str, Any]:
    """Return how a task came to an end: ``lost``, ``detail`` and ``peak_bytes``, as :class:`analysis.studies.work.tasks.TaskEnd` has them."""
    from ray.exceptions import OutOfDiskError, OutOfMemoryError, TaskCancelledError, WorkerCrashedError

    try:
        lost, detail, peak = future.result()
    except (TaskCancelledError, CancelledError):
        return {"lost": "interrupted", "detail": "it was stopped", "peak_bytes": 0}
    except WorkerCrashedError:
        return {"lost": "node", "detail": "its process is gone", "peak_bytes": 0}
    except Exception as error:
        kinds = {OutOfMemoryError: "memory", OutOfDiskError: "disk"}
        lost = next((lost for kind, lost in kinds.items() if isinstance(error, kind)), "node")
        return {"lost": lost, "detail": _line(getattr(error, "cause", None) or error), "peak_bytes": 0}
    return {"lost": lost, "detail": detail, "peak_bytes": peak}


def _line(error: BaseException) -> str:
    """Return an error in one line; Ray's have many."""
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0][:300]}" if said else type(error).__name__


if __name__ == "__main__":
    main()
