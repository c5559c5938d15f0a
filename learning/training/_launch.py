"""Starts the processes of one training, waits for all, and ends all when one fails. Knows no torch."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from learning.training._job import Job, Trained
from learning.training.measured import TrainingDiverged, TrainingMeasures
from moloch.errors import InputError, MolochError

POLL_S = 0.2
_LAUNCHERS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


class Outcome(msgspec.Struct, frozen=True):
    """How a process ended: with what was trained, or with an error in one line.

    Attributes:
        diverged: what was measured until the loss was no number any more, where that is the error.
    """

    trained: Trained | None = None
    error: str = ""
    why: str = ""
    fix: str = ""
    diverged: TrainingMeasures | None = None

    @classmethod
    def failed(cls, error: MolochError) -> Outcome:
        """Return the outcome of a process that an error ended."""
        measured = error.measured if isinstance(error, TrainingDiverged) else None
        return cls(error=error.what, why=error.why, fix=error.fix, diverged=measured)

    def raised(self) -> MolochError:
        """Return the error that ended the process."""
        if self.diverged is None:
            return MolochError(self.error, why=self.why, fix=self.fix)
        error = TrainingDiverged(self.error, why=self.why, fix=self.fix)
        error.measured = self.diverged
        return error


def learn_in_processes(job: Job) -> Trained:
    """Carry out ``job`` in ``settings.processes`` processes of this machine, one GPU each, or on the CPU without any.

    Raises:
        InputError: there are fewer GPUs than processes.
        MolochError: a process failed; the others were ended and no adapter is written.
    """
    size = job.settings.processes
    gpus = _gpus(size)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "job.json").write_bytes(msgspec.json.encode(job))
        running = [_start(folder, rank, size, gpus) for rank in range(size)]
        try:
            failed = _wait(running)
        finally:
            for process in running:
                process.kill()
                process.wait()
        return _outcome(folder, size, failed)


def _gpus(size: int) -> list[str]:
    """Return the names of the GPUs to use, as CUDA_VISIBLE_DEVICES has them; none if there are none."""
    import torch

    count = torch.cuda.device_count()  # asks the driver, takes no memory
    if count and count < size:
        raise InputError(
            f"{size} processes need one GPU each",
            where="lora.processes",
            why=f"there are {count}",
            fix=f"Set lora.processes to at most {count}.",
        )
    named = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return (named or [str(number) for number in range(count)])[:size] if count else []


def _start(folder: Path, rank: int, size: int, gpus: list[str]) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in _LAUNCHERS}
    if gpus:
        environment["CUDA_VISIBLE_DEVICES"] = gpus[rank]
    command = [sys.executable, "-m", "learning.training._worker", str(folder), str(rank), str(size)]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    with (folder / f"{rank}.log").open("wb") as log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def _wait(running: list[subprocess.Popen[bytes]]) -> int | None:
    """Return when all have ended well, or the number of one that did not: the others would wait for it for ever."""
    while True:
        codes = [process.poll() for process in running]
        for rank, code in enumerate(codes):
            if code:
                return rank
        if all(code == 0 for code in codes):
            return None
        time.sleep(POLL_S)


def _outcome(folder: Path, size: int, failed: int | None) -> Trained:
    outcomes = [_said(folder, rank) for rank in range(size)]
    if failed is None and outcomes[0].trained is not None:
        return outcomes[0].trained
    if wrong := next((outcome for outcome in outcomes if outcome.error), None):
        raise wrong.raised()
    lines = (folder / f"{failed}.log").read_text("utf-8", "replace").strip().splitlines()
    raise MolochError(
        f"training process {failed} of {size} ended early",
        why=lines[-1] if lines else "it gave no message",
        fix="Run the same command again; with lora.processes=1 it trains in this process.",
    )


def _said(folder: Path, rank: int) -> Outcome:
    """Return the outcome that a process reported; an empty one if it ended before it could report."""
    path = folder / f"{rank}.json"
    return msgspec.json.decode(path.read_bytes(), type=Outcome) if path.is_file() else Outcome()
