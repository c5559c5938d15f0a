"""The process that workers are forked from."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from analysis.studies.engines._nursery import Begun, Birth, Death
from analysis.studies.record.claims import born

ROOT = Path(__file__).parents[3]


@pytest.mark.system
def test_its_controller_is_killed(tmp_path):
    """It ends in order, without a traceback, though nobody hears any more what became of its workers."""
    nursery = subprocess.Popen(
        [sys.executable, "-m", "analysis.studies.engines._nursery"], cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with nursery:
        assert nursery.stdin and nursery.stdout and nursery.stderr
        nursery.stdout.close()
        birth = Birth(1, ["--help"], [sys.executable, "-c", ""], {}, str(tmp_path / "said.txt"))
        nursery.stdin.write(msgspec.json.encode(birth) + b"\n")
        nursery.stdin.close()
        said = nursery.stderr.read().decode()
    assert (nursery.returncode, said) == (0, "")


@contextmanager
def nursery(*modules: str) -> Iterator[subprocess.Popen[bytes]]:
    one_thread = {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "analysis.studies.engines._nursery", *modules], cwd=ROOT, bufsize=0,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | one_thread,
    )  # fmt: skip
    with process:
        assert process.stdin
        try:
            yield process
        finally:
            process.stdin.close()


def begun(of: subprocess.Popen[bytes], number: int, folder: Path) -> Begun:
    """Ask for a worker, and return what is said of it first."""
    assert of.stdin
    birth = Birth(number, ["--help"], [sys.executable, "-c", ""], {}, str(folder / "said.txt"))
    of.stdin.write(msgspec.json.encode(birth) + b"\n")
    said = heard(of)
    assert isinstance(said, Begun) and said.number == number
    return said


def heard(of: subprocess.Popen[bytes]) -> Begun | Death:
    assert of.stdout
    return msgspec.json.decode(of.stdout.readline(), type=Begun | Death)


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forks on Linux alone")
class TestForks:
    """Nobody waits for what only the system does."""

    @pytest.mark.system
    def test_a_worker_that_leaves(self, tmp_path):
        """Its end is reported as soon as it has said its last word, and once."""
        with nursery("tests.support.slow_leaver") as of:
            first = begun(of, 1, tmp_path)
            end = heard(of)
            assert isinstance(end, Death) and (end.number, end.code) == (1, 7) and end.peak_bytes > 0
            assert born(first.pid), "its end was told when it was gone"
            begun(of, 2, tmp_path)
            assert heard(of).number == 2

    @pytest.mark.system
    def test_a_worker_that_holds_a_device(self, tmp_path):
        """Its end is reported once the device is free, which is when it is gone."""
        with nursery("tests.support.holds_device") as of:
            first = begun(of, 1, tmp_path)
            end = heard(of)
            assert isinstance(end, Death) and end.code == 7 and not born(first.pid)

    @pytest.mark.system
    def test_the_fork_that_waits_is_killed(self, tmp_path):
        """Another one takes its place."""
        with nursery("tests.support.slow_leaver") as of:
            first = begun(of, 1, tmp_path)
            children = Path(f"/proc/{of.pid}/task/{of.pid}/children")
            assert isinstance(heard(of), Death)
            while len(forks := {int(pid) for pid in children.read_text().split()} - {first.pid}) != 1:
                time.sleep(0.01)
            (spare,) = forks
            os.kill(spare, signal.SIGKILL)
            while born(spare):
                time.sleep(0.01)
            second = begun(of, 2, tmp_path)
            assert second.pid not in (first.pid, spare) and heard(of).number == 2
