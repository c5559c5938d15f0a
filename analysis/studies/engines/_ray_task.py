"""What runs on a node of a Ray cluster: one process per task, and a look at what the node can see.

A task of Ray is a process that Ray keeps for the next one. The cell's worker is a child of it, so that its end is its own; and it
dies with its parent, so that a node which Ray has lost carries nothing on.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from abm.llm.versions import PROJECT, installed

LEASH = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
os.getppid() == int(sys.argv[1]) or sys.exit("its parent is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Asks the kernel for a signal when the parent goes (``PR_SET_PDEATHSIG``, which outlives ``exec``), then becomes the worker."""
GRACE = 60.0
"""Seconds that a worker which was asked to stop has to leave its log in order."""
GLANCE = 0.05
"""Seconds between two looks for a request to stop: Ray's exception comes between two steps of Python only."""

Said = tuple[int, int, str]
"""Exit status as ``waitpid`` has it, memory at most in bytes, and what to add in words."""


def carry_out(
    arguments: list[str], environment: dict[str, str], folder: str, output: str, sentinel: str, secret: str
) -> Said:
    """Run a worker until it ends; a request of Ray to cancel the task ends it in order.

    Args:
        arguments: of ``python -m analysis.studies.worker``.
        environment: what it has besides this process's.
        folder: where it starts, if this node has it.
        output: file for what it prints.
        sentinel: file of the study that this node must see, with ``secret`` in it.

    Returns:
        Numbers and words alone: Ray pickles what goes through it.
    """
    if not sees(sentinel, secret):
        raise FileNotFoundError(f"{socket.gethostname()} does not see {Path(sentinel).parent}")
    kills = _kills_for_memory()
    command = [sys.executable, "-m", "analysis.studies.worker", *arguments]
    if sys.platform == "linux":
        command = [sys.executable, "-ISc", LEASH, str(os.getpid()), *command]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}  # its token among them
    with Path(output).open("ab") as file:
        worker = subprocess.Popen(
            command,
            env=clean | environment,
            cwd=folder if Path(folder).is_dir() else None,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    status, peak = _waited(worker)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    return status, peak, "memory" if killed and _kills_for_memory() > kills else ""


def look(sentinel: str, secret: str, answer: str) -> tuple[str, str, bool]:
    """Return this node's versions of moloch and Python, and whether it sees a study and can write there.

    Args:
        answer: file that is to be written, for whoever asks to see it.
    """
    seen = sees(sentinel, secret)
    if seen:
        try:
            Path(answer).write_text(secret, "utf-8")
        except OSError:
            seen = False
    return installed(PROJECT), ".".join(map(str, sys.version_info[:2])), seen


def sees(sentinel: str, secret: str) -> bool:
    """Tell whether this node sees the file that was put into the study's folder."""
    try:
        return Path(sentinel).read_text("utf-8") == secret
    except OSError:
        return False


def _waited(worker: subprocess.Popen[bytes]) -> tuple[int, int]:
    """Return exit status and memory of a worker once it is gone."""
    until = None
    ended = os.pidfd_open(worker.pid) if hasattr(os, "pidfd_open") else None
    try:
        while True:
            try:
                pid, status, usage = os.wait4(worker.pid, os.WNOHANG)
                if pid:
                    worker.returncode = os.waitstatus_to_exitcode(status)
                    return status, usage.ru_maxrss * 1024
                if until and time.monotonic() > until:
                    worker.kill()
                select.select([] if ended is None else [ended], [], [], GLANCE)
            except KeyboardInterrupt:
                worker.terminate()
                until = time.monotonic() + GRACE
    finally:
        if ended is not None:
            os.close(ended)


def _kills_for_memory() -> int:
    """Return how often this machine's kernel killed for memory."""
    try:
        lines = Path("/proc/vmstat").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
