"""A run is shown as living while its process does, and no longer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from abm.events import RunEnded, RunResumed
from abm.log import create, open_log
from analysis.ui.data.life import LIVE, LOCKS, SAYS, WAITING_S, state_of, written_now
from analysis.ui.library import Library

linux = pytest.mark.skipif(not LOCKS.is_file(), reason="locks are listed on Linux alone")
WRITER = """
import os, sys, time
from abm.events import RunConfigured
from abm.log import create
log = create(sys.argv[1], {})
log.append([RunConfigured(config={})])
child = os.fork() if "child" in sys.argv else -1
if child != 0:
    print(child, flush=True)
time.sleep(600)
"""


@pytest.fixture
def writer(tmp_path):
    """Begin a run in a process of its own; returns its folder, the process, and the process's child if one is wanted."""
    begun, children = [], []

    def begin(*options: str) -> tuple[Path, subprocess.Popen[str], int]:
        command = [sys.executable, "-c", WRITER, str(tmp_path / "run"), *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        begun.append(process)
        assert process.stdout is not None
        child = int(process.stdout.readline())
        children.extend([child] if child > 0 else [])
        return tmp_path / "run", process, child

    yield begin
    for process in begun:
        process.kill()
        process.wait()
    for child in children:
        os.kill(child, signal.SIGKILL)


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    latest = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < latest
        time.sleep(0.01)


class TestStates:
    """What is said of a run."""

    def test_each_is_explained(self, tmp_path):
        """Ended, stopped and empty runs have no process; the end counts only where it is the last event."""
        with create(tmp_path / "run", {}) as log:
            assert state_of(tmp_path / "run", 0, False) == "running"
            log.append([RunEnded(digest="d", seconds=1.0)])
        assert state_of(tmp_path / "run", 1, True) == "ended" and state_of(tmp_path / "run", 1, False) == "stopped"
        assert state_of(tmp_path / "run", 0, False) == "empty" and set(LIVE) < set(SAYS)

    def test_one_that_writes_nothing_waits(self, tmp_path):
        """Its process lives, and its last commit is long ago; the next one shows it running again."""
        run = tmp_path / "run"
        with create(run, {}) as log:
            log.append([RunResumed(versions={})])
            long_ago = time.time() - 2 * WAITING_S
            for path in (run / "run.json", *(run / "log").iterdir()):
                os.utime(path, (long_ago, long_ago))
            assert state_of(run, 1, False) == "waiting"
            log.append([RunResumed(versions={})])
            assert state_of(run, 2, False) == "running"

    @linux
    def test_a_killed_one_is_stopped(self, writer):
        """As soon as its process is gone, though nothing in its log says so."""
        run, process, _ = writer()
        assert state_of(run, 1, False) == "running"
        process.kill()
        process.wait()
        assert state_of(run, 1, False) == "stopped"

    @linux
    def test_a_dead_writers_child_is_no_writer(self, writer):
        """A process that it began may still hold its lock; before and after somebody takes its exit status."""
        run, process, child = writer("child")
        assert written_now(run)
        os.kill(process.pid, signal.SIGKILL)
        until(lambda: not written_now(run))
        process.wait()
        assert not written_now(run) and f"FLOCK  ADVISORY  WRITE {process.pid} " in LOCKS.read_text()
        assert Path(f"/proc/{child}").is_dir()


class TestFollower:
    """The follower that all pages of a run share."""

    @linux
    def test_it_hears_of_a_death(self, writer):
        """It says that the run has stopped, and what it knew of it stays."""
        run, process, _ = writer()
        follower = Library([run]).follower("run")
        assert follower is not None
        leave = follower.look()
        try:
            until(follower.ready.is_set)
            assert follower.state() == follower.info().state == "running"
            process.kill()
            process.wait()
            assert follower.state() == follower.info().state == "stopped" and follower.version > 0
        finally:
            leave()

    @pytest.mark.system
    def test_it_knows_an_end(self, isolated):
        """A finished run lives no longer, whatever holds its lock."""
        follower = Library([isolated]).follower("isolated")
        assert follower is not None
        leave = follower.look()
        try:
            until(follower.ready.is_set)
            with open_log(isolated, write=True):
                assert follower.state() == "ended"
        finally:
            leave()
