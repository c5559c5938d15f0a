"""What commands do when nobody reads their output, or it cannot be written: one line or silence, and an exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.learning.test_loop import NETWORKED, carry_out

FULL = Path("/dev/full")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small run."""
    folder = tmp_path_factory.mktemp("output") / "run"
    carry_out(folder, NETWORKED)
    return folder


COMMANDS = (
    ["--help"], ["log", "verify", "--help"], ["log", "verify", "RUN", "--json"], ["log", "info", "RUN"],
    ["log", "tail", "RUN", "-n", "500"], ["show", "RUN"], ["replay", "RUN", "--json"], ["run", "--dry-run"],
)  # fmt: skip


def call(command, run, **streams) -> subprocess.CompletedProcess:
    """Run a command with its output going elsewhere."""
    words = [str(run) if word == "RUN" else word for word in command]
    given = {"stderr": subprocess.PIPE, **streams}
    return subprocess.run([sys.executable, "-m", "moloch", *words], text=True, check=False, **given)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
class TestStdout:
    """Results that cannot be written."""

    @pytest.mark.system
    def test_a_full_disk_is_one_line(self, run, command):
        """And exit code 1; not a traceback."""
        with FULL.open("w") as full:
            done = call(command, run, stdout=full)
        assert (done.returncode, done.stderr) == (1, "moloch: cannot write the output: No space left on device\n")

    @pytest.mark.system
    def test_a_closed_pipe_is_silence(self, run, command):
        """As of ``| head -1``; the exit code is the shell's for that signal."""
        read, write = os.pipe()
        os.close(read)
        done = call(command, run, stdout=write)
        os.close(write)
        assert (done.returncode, done.stderr) == (141, "")


class TestStderr:
    """Messages that cannot be written."""

    @pytest.mark.system
    def test_the_command_goes_on(self, run):
        """Its results are there, and its exit code is what it would have been."""
        with FULL.open("w") as full:
            done = call(["log", "verify", "RUN", "--json"], run, stdout=subprocess.PIPE, stderr=full)
            assert done.returncode == 0 and '"whole": true' in done.stdout
            assert call(["log", "verify", "nowhere"], run, stderr=full).returncode == 2

    @pytest.mark.system
    def test_both_are_closed(self, run):
        """Nothing can be said, and nothing fails."""
        closed = 'exec "$0" -m moloch log verify "$1" >&- 2>&-'
        assert subprocess.run(["sh", "-c", closed, sys.executable, str(run)], check=False).returncode == 0
