"""A real Ray cluster of two nodes on this machine, with a token of its own; a node is killed as a machine that loses its power."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from analysis.studies.engines.local import NAMED

CPUS = 1
"""Of each node."""


class TwoNodes:
    """A head and another node, held by a process of their own: Ray settles who may speak with it when it is imported.

    Args:
        process: that runs :func:`hold`.

    Attributes:
        address: of the head.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.address, self._raylet = self._answer()

    def has(self, pid: int) -> bool:
        """Tell whether the node that can be killed started a process, or a process that did."""
        while pid > 1 and pid != self._raylet:
            pid = parent(pid)
        return pid == self._raylet

    def kill(self) -> None:
        """Kill the node that is not the head."""
        self._ask("kill")

    def start(self) -> None:
        """Start another one in its place."""
        self._ask("start")

    def wait_for(self, number: int) -> None:
        """Wait until so many nodes are there."""
        self._ask(str(number))

    def _ask(self, what: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        self.address, self._raylet = self._answer()

    def _answer(self) -> tuple[str, int]:
        assert self._process.stdout
        address, raylet = json.loads(self._process.stdout.readline())
        return address, raylet


@contextlib.contextmanager
def two_nodes(preloaded: Sequence[str] = ()) -> Iterator[TwoNodes]:
    """Start a cluster, and end it; while it runs, its token stands in the environment.

    Args:
        preloaded: modules that nodes import for cells, in place of all that most cells use.
    """
    with tempfile.TemporaryDirectory(prefix="moloch-") as folder, pytest.MonkeyPatch.context() as patch:
        Path(folder, "ray").mkdir()  # Ray notes the cluster's address there, and makes no folder for that
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        named = {NAMED: ",".join(preloaded)} if preloaded else {}
        own = named | {"RAY_TMPDIR": folder, "RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.ray_nodes"],
            env=os.environ | own, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        with process:
            yield TwoNodes(process)


def hold() -> None:
    """Hold a cluster of two nodes until our input ends; say its address and the process of the second node."""
    from ray.cluster_utils import Cluster

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what Ray prints
    shared: dict[str, Any] = {"num_cpus": CPUS, "include_log_monitor": False}
    cluster = Cluster(initialize_head=True, head_node_args=shared | {"include_dashboard": False})

    other: Any = None

    def say(raylet: int) -> None:
        print(json.dumps([cluster.address, raylet]), file=answers, flush=True)

    def start() -> None:
        nonlocal other
        other = cluster.add_node(**shared)
        say(other.all_processes["raylet"][0].process.pid)

    try:
        start()
        for line in sys.stdin:
            match line.strip():
                case "start":
                    start()
                case "kill":
                    cluster.remove_node(other, allow_graceful=False)
                    say(0)
                case number:
                    while len(cluster.global_state._live_node_ids()) != int(number):
                        time.sleep(0.2)
                    say(other.all_processes["raylet"][0].process.pid)
    finally:
        cluster.shutdown()


@contextlib.contextmanager
def blind_node(address: str, hidden: Path) -> Iterator[None]:
    """Start a node that has another, empty folder under the name of one of ours.

    Raises:
        pytest.skip.Exception: this user may not hide a folder.
    """
    hide = ["unshare", "--mount", *(["--map-root-user"] if os.getuid() else []), "sh", "-c"]
    mount = f'mount -t tmpfs none "{hidden}" && '
    if subprocess.run([*hide, f"{mount}true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount anything")
    ray = Path(sys.executable).with_name("ray")
    start = f'{mount}exec "{ray}" start --block --address={address} --num-cpus={CPUS} --disable-usage-stats'
    with tempfile.TemporaryDirectory(prefix="moloch-") as folder:
        process = subprocess.Popen(
            [*hide, start],
            env=os.environ | {"RAY_TMPDIR": folder},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def parent(pid: int) -> int:
    """Return the process that started one; 0 if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])


if __name__ == "__main__":
    hold()
