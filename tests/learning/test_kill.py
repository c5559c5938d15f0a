"""A killed run goes on: the real command, the pocket model, SIGKILL at random moments."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = (
    "run", "--seed", "5", "--set", "train_anchors=16", "--set", "held_out_anchors=16", "--set", "batch=8",
    "--set", "lora.repeat=1", "--json",
)  # fmt: skip
KILLS = int(os.environ.get("MOLOCH_KILLS", "6"))


def moloch(out: Path, *, seconds: float | None = None) -> subprocess.CompletedProcess | None:
    """Run the command to its end, or kill it after ``seconds``; None if it was killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from analysis.cli import main; main()", *COMMAND, "--out", str(out)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return None
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


@pytest.mark.slow
def test_kill_at_random_moments_ends_in_the_digest_of_an_uninterrupted_run(tmp_path):
    """While loading, generating, voting, training or evaluating: the same command goes on and decides the same."""
    began = time.perf_counter()
    whole = moloch(tmp_path / "whole")
    assert whole is not None and whole.returncode == 0, whole
    seconds = time.perf_counter() - began
    wanted = json.loads(whole.stdout)["digest"]
    random_ = random.Random(7)
    kills = 0
    for _ in range(KILLS * 3):
        done = moloch(tmp_path / "killed", seconds=random_.uniform(0.15, 0.6) * seconds)
        if done is not None:
            break
        kills += 1
        if kills == KILLS:
            done = moloch(tmp_path / "killed")
            break
    assert done is not None and done.returncode == 0, done
    assert kills >= 2, "the run was too short to be killed"
    assert json.loads(done.stdout)["digest"] == wanted
