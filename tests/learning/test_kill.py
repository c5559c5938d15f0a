"""A killed run goes on: the real command, the pocket model, SIGKILL at random moments."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = (
    "run", "--seed", "5", "--set", "train_anchors=16", "--set", "held_out_anchors=16", "--set", "batch=8",
    "--set", "lora.repeat=1", "--json",
)  # fmt: skip
KILLS = int(os.environ.get("MOLOCH_KILLS", "6"))


def moloch(
    out: Path, *, seconds: float | None = None, command: Sequence[str] = COMMAND
) -> subprocess.CompletedProcess | None:
    """Run the command to its end, or kill it after ``seconds``; None if it was killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from analysis.cli import main; main()", *command, "--out", str(out)],
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
    """While loading, generating, voting, training or evaluating: the same command resumes and decides the same."""
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


def written(run: Path) -> int:
    """Return the bytes of a run's log."""
    return sum(path.stat().st_size for path in run.glob("log/*"))


def killed_at(out: Path, nbytes: int, command: Sequence[str]) -> bool:
    """Run the command until its log has so many bytes, however long that takes, then kill it; return whether it was killed."""
    line = [sys.executable, "-c", "from analysis.cli import main; main()", *command, "--out", str(out)]
    process = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and written(out) < nbytes:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


RUINED = """
arms:
  hot: {method: rft, lora: {lr: 0.1}}
  placebo: {method: placebo, lora: {repeat: 1}}
  rft: {method: rft, lora: {repeat: 1}}
alarms: {action: stop}
head_to_head: all
train_anchors: 16
held_out_anchors: 12
batch: 8
seed: 5
"""
"""A rate thirty times the pocket model's, which ruins it within three steps, beside two arms that learn as they should."""


@pytest.mark.slow
def test_a_ruined_arm_is_stopped_whatever_is_killed(tmp_path):
    """The real trainer ruins one arm of three: it is stopped once, the others meet each other, and a killed run ends the same."""
    from abm.events import ArmFlagged, ArmStopped, RunEnded, StepStarted, TrainingMeasured
    from abm.log import read_events

    (tmp_path / "page.yaml").write_text(RUINED)
    command = ("run", str(tmp_path / "page.yaml"), "--json")
    whole = moloch(tmp_path / "whole", command=command)
    assert whole is not None and whole.returncode == 0, whole
    table = json.loads(whole.stdout)
    assert list(table["table"]["arms"]) == ["placebo", "rft"]
    assert [row["arm"] for row in table["table"]["head_to_head"]["strengths"]] == ["base", "placebo", "rft"]
    for share in (0.3, 0.6, 0.9):
        assert killed_at(tmp_path / "killed", int(share * written(tmp_path / "whole")), command)
    done = moloch(tmp_path / "killed", command=command)
    assert done is not None and done.returncode == 0, done
    assert json.loads(done.stdout)["digest"] == table["digest"]
    for name in ("whole", "killed"):
        events = list(read_events(tmp_path / name))
        stops = [event for event in events if isinstance(event, ArmStopped)]
        assert [(stop.arm, stop.epoch, stop.moment) for stop in stops] == [("hot", 1, "training")]
        assert {"kl", "loss_ratio"} <= set(stops[0].measures)
        assert not [event for event in events if isinstance(event, ArmFlagged)]
        measured = [(event.arm, event.epoch) for event in events if isinstance(event, TrainingMeasured)]
        assert measured == [("hot", 1), ("placebo", 1), ("rft", 1), ("placebo", 2), ("rft", 2)]
        assert "placebo-vs-rft" in {event.arm for event in events if isinstance(event, StepStarted)}
        assert sum(isinstance(event, RunEnded) for event in events) == 1
