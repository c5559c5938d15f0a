"""Whether a run lives: from its log's end, its lock and its files' times. Takes no lock, reads no event."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Literal

State = Literal["running", "waiting", "ended", "stopped", "empty", "damaged"]
SAYS: dict[State, str] = {
    "running": "Being written now; pages follow it.",
    "waiting": "Its process is running, but has written nothing for a minute: it learns, waits for a model, or is held between two steps.",
    "ended": "Finished.",
    "stopped": "Stopped before its plan was done, and no process is writing it; the same command resumes it.",
    "empty": "Nothing has been written yet, and no process is writing it.",
    "damaged": "The log is damaged; everything before the damage is shown.",
}
LIVE: tuple[State, ...] = ("running", "waiting")
"""States in which more may come."""
WAITING_S = 60.0
"""Seconds without a commit after which a run is said to wait."""
LOCKS, PROCESSES = Path("/proc/locks"), Path("/proc")


def state_of(path: Path, events: int, ended: bool) -> State:
    """Return the state of a run whose log can be read.

    Args:
        events: in its log.
        ended: whether the last of them is the run's end.
    """
    if ended:
        return "ended"
    if written_now(path):
        return "running" if time.time() - last_written(path) < WAITING_S else "waiting"
    return "stopped" if events else "empty"


def written_now(path: Path) -> bool:
    """Return whether a living process holds the run's lock. It is never tried: that could keep a run from starting.

    Linux lists who holds which lock; elsewhere the process that took it last has to be alive.
    """
    lock = path / "LOCK"
    try:
        pid, inode = int(lock.read_text().strip() or 0), lock.stat().st_ino
        if pid <= 0:
            return False
        if LOCKS.is_file():
            held = (line.split() for line in LOCKS.read_text().splitlines() if " FLOCK " in line and "->" not in line)
            ours = any(row[5].rpartition(":")[2] == str(inode) and row[4] == str(pid) for row in held if len(row) > 5)
            return ours and _lives(pid)  # a child may hold the lock of a writer that was killed
        os.kill(pid, 0)
    except PermissionError:  # it is another user's
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return True


def _lives(pid: int) -> bool:
    """Return whether a process is there, and not only its exit status."""
    try:
        state = (PROCESSES / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except PermissionError:  # hidden from other users
        return True
    except (OSError, IndexError):
        return False
    return state not in "ZX"


def last_written(path: Path) -> float:
    """Return when a file of the log was last written, or where there is none yet when the run began; in seconds since 1970."""
    times = [0.0]
    for folder in (path / "log", path):
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            times += [entry.stat().st_mtime for entry in entries if entry.is_file() and entry.name != "LOCK"]
    return max(times)
