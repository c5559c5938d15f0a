"""Cells as tasks of a Ray cluster: one that is named, or one of this machine's own. Never one that happens to be there.

The controller does not join the cluster itself; see :mod:`analysis.studies.engines._ray_driver`. Ray retries nothing: a task that
is lost comes back as lost, and the controller knows what to do with it. Paths, names and numbers go through Ray, nothing else.
"""

from __future__ import annotations

import json
import os
import queue
import secrets
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from analysis.studies.work.tasks import Needs, Task, TaskEnd
from moloch.errors import InputError, MolochError
from moloch.exit_codes import ExitCode
from moloch.extras import need

ABSENT_S = 300.0
"""Seconds without a node that could carry anything out, after which the study stops waiting for one."""
LEAVE_S = 20.0
"""Seconds that leaving a cluster may take."""


class ClusterLost(MolochError):
    """The cluster is gone, or cannot carry out what is asked of it; every cell's log is as it was."""

    exit_code = ExitCode.NOT_WHOLE


@dataclass(frozen=True)
class RayNode:
    """One machine of a cluster.

    Attributes:
        wrong: why it can carry nothing out; empty if it can.
    """

    name: str
    address: str
    cpus: int
    gpus: int
    memory_bytes: int
    wrong: str

    def room(self, needs: Needs) -> int:
        """Return how many tasks of such needs it can carry out at once."""
        room = self.cpus // needs.threads
        if needs.gpus:
            room = min(room, self.gpus // needs.gpus)
        if needs.memory_bytes:
            room = min(room, self.memory_bytes // needs.memory_bytes)
        return 0 if self.wrong else room


class RayEngine:
    """Carries tasks out on a Ray cluster.

    Args:
        study: the study's folder, which every node must see under the same path.
        address: ``HOST:PORT`` of a cluster's head; empty for one of this machine's own, which ends with the engine.
        jobs: tasks at a time; None for as many as the nodes have room for.
        threads: of a task; decides how many CPUs a cluster of our own has.

    Raises:
        InputError: Ray is not installed, the address is none, or there is no token.
        ClusterLost: the cluster cannot be joined.
        InputError: a node does not see the study; before any cell is begun.
    """

    name = "ray"

    def __init__(self, study: Path, address: str = "", *, jobs: int | None = None, threads: int = 1) -> None:
        need("ray", "the engine ray")
        self._check(address)
        self.threads = threads
        self._study, self._jobs = study.absolute(), jobs
        self._running: dict[str, Task] = {}
        self._ends: list[TaskEnd] = []
        self._nodes: list[RayNode] = []
        self._said: queue.Queue[dict[str, Any]] = queue.Queue()
        self._gone = ""
        self._since = time.monotonic()
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._process = self._started(
            address=address,
            study=str(self._study),
            folder=str(Path.cwd()),
            cpus=jobs * threads if jobs else max(cores, threads),
            gpus=None,
        )
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            self._join()
        except BaseException:
            self.close()
            raise

    def room(self, needs: Needs) -> int:
        """Return how many more tasks of such needs may be started now.

        Raises:
            ClusterLost: the cluster is gone, or no node of it could carry out such a task, and none came for long.
        """
        self._ends += self._heard()  # for :meth:`ended`
        if self._gone:
            raise ClusterLost("the Ray cluster is gone", why=self._gone, fix="Run the same command again.")
        room = sum(node.room(self._within(needs)) for node in self._nodes)
        if room:
            self._since = time.monotonic()
        elif not self._running and time.monotonic() - self._since > ABSENT_S:
            raise ClusterLost("no node of the Ray cluster can carry out a cell", why=self._why(needs))
        return max(0, min(room, self._jobs or room) - len(self._running))

    def start(self, task: Task) -> None:
        """Hand a task to the cluster.

        Raises:
            ClusterLost: it is gone.
        """
        name = f"{task.cell}.{task.attempt}"
        self._ask(
            do="start",
            name=name,
            cell=task.cell,
            attempt=task.attempt,
            token=task.token,
            output=str(task.output),
            needs=asdict(self._within(task.needs)),
            store=task.store,
        )
        self._running[name] = task

    def ended(self, timeout: float) -> list[TaskEnd]:
        """Return the tasks that came to an end since the last call; wait for one at most ``timeout`` seconds."""
        until = time.monotonic() + timeout
        ends, self._ends = self._ends + self._heard(), []
        while not ends and (left := until - time.monotonic()) > 0:
            ends = self._heard(left)
        return ends

    def fewer(self) -> bool:
        """Carry out half as many tasks at a time."""
        at_once = max(1, min(self._jobs or len(self._running), len(self._running)))
        self._jobs = max(1, at_once // 2)
        return at_once > 1

    def stop(self, tasks: list[Task], *, kill: bool = False) -> None:
        """Ask tasks to come to an end, or kill them."""
        with suppress(ClusterLost):
            self._ask(do="stop", names=[f"{task.cell}.{task.attempt}" for task in tasks], kill=kill)

    def close(self) -> None:
        """Leave the cluster; tasks that still go on are killed, and so is a cluster of our own."""
        if self._process.stdin and not self._process.stdin.closed:
            with suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _check(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        if address and not (host and port.isdecimal() and "/" not in host):
            raise InputError(
                f"{address!r} is not an address of a Ray cluster",
                why="a cluster is joined only where it is named: HOST:PORT of its head",
                fix="Give --ray-address 10.0.0.5:6379, or leave it out for a cluster of this machine's own.",
            )
        places = [os.environ.get("RAY_AUTH_TOKEN_PATH"), str(Path.home() / ".ray" / "auth_token")]
        token = os.environ.get("RAY_AUTH_TOKEN") or any(place and Path(place).is_file() for place in places)
        if address and os.environ.get("RAY_AUTH_MODE", "token") == "token" and not token:
            raise InputError(
                f"there is no token for the Ray cluster at {address}",
                why="anyone who reaches a cluster without a token can run anything on it",
                fix="Set RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH; RAY_AUTH_MODE=disabled joins a cluster that has none.",
            )

    def _started(self, **asked: Any) -> subprocess.Popen[str]:
        environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}
        environment.setdefault("RAY_AUTH_MODE", "token")
        environment.pop("RAY_ADDRESS", None)
        if not asked["address"]:
            environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        output = self._study / "output"
        output.mkdir(parents=True, exist_ok=True)
        with (output / "ray.txt").open("ab") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "analysis.studies.engines._ray_driver"],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                encoding="utf-8",
                start_new_session=True,  # an interrupt at the terminal is for us, who stop tasks in order
            )
        assert process.stdin
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        return process

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._said.put(json.loads(line))
        self._said.put({"said": "gone", "code": self._process.wait()})

    def _join(self) -> None:
        while not self._nodes:
            said = self._said.get()
            if said["said"] == "failed":
                raise ClusterLost(
                    "the Ray cluster cannot be joined",
                    why=said["why"],
                    fix=f"See {self._study / 'output' / 'ray.txt'}.",
                )
            self._hear(said)
            if self._gone:
                raise ClusterLost("the Ray cluster cannot be joined", why=self._gone)
            if said["said"] == "nodes" and not self._nodes:
                raise ClusterLost("the Ray cluster has no node with a CPU", fix="Start one, then run the same command.")
        if wrong := [node for node in self._nodes if node.wrong]:
            raise InputError(
                f"{len(wrong)} of {len(self._nodes)} nodes cannot take part",
                why="; ".join(f"{node.name} ({node.address}): {node.wrong}" for node in wrong),
                fix="Put the study where every node sees it under the same path, or take these nodes out.",
            )

    def _heard(self, timeout: float = 0.0) -> list[TaskEnd]:
        """Take in all that was said; wait for the first at most so long. Return the tasks that ended."""
        ends, wait = [], timeout
        while True:
            try:
                said = self._said.get(timeout=wait) if wait > 0 else self._said.get_nowait()
            except queue.Empty:
                return ends
            ends += self._hear(said)
            wait = 0.0

    def _hear(self, said: dict[str, Any]) -> list[TaskEnd]:
        match said["said"]:
            case "nodes":
                self._nodes = [RayNode(**each) for each in said["nodes"]]
            case "ended":
                task = self._running.pop(said["name"])
                return [TaskEnd(task, said["lost"], said["detail"], said["peak_bytes"])]
            case "gone":
                self._gone = (
                    f"the process that joined it ended with {said['code']}; see {self._study / 'output' / 'ray.txt'}"
                )
                tasks, self._running = list(self._running.values()), {}
                return [TaskEnd(task, "node", "the Ray cluster is gone") for task in tasks]
        return []

    def _ask(self, **asked: Any) -> None:
        try:
            assert self._process.stdin
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise ClusterLost("the Ray cluster is gone", why=self._gone, fix="Run the same command again.") from error

    def _within(self, needs: Needs) -> Needs:
        """Return needs as far as the cluster has it at all: a GPU is taken where there is one, and what one cell took of memory
        must not end the study."""
        nodes = [node for node in self._nodes if not node.wrong]
        gpus = min(needs.gpus, max((node.gpus for node in nodes), default=0))
        return Needs(
            needs.threads, gpus, min(needs.memory_bytes, max((node.memory_bytes for node in nodes), default=0))
        )

    def _why(self, needs: Needs) -> str:
        nodes = ", ".join(f"{n.name} ({n.wrong or f'{n.cpus} CPUs, {n.gpus} GPUs'})" for n in self._nodes) or "none"
        return f"a cell needs {needs.threads} CPUs; there are {nodes}"
