"""Runs as a list: what each is, how far it came, and whether somebody writes it now. Reads the ends of logs only."""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeGuard

from abm.errors import MolochError
from abm.events import Event, RunEnded
from abm.log import EventLog, Head, open_log
from abm.log.about import lineage
from abm.log.recovery import head_after
from abm.log.tail import Tail

State = Literal["running", "ended", "stopped", "empty", "damaged"]
SAYS: dict[State, str] = {
    "running": "Being written now; pages follow it.",
    "ended": "Finished.",
    "stopped": "Stopped before its plan was done; the same command goes on.",
    "empty": "Nothing was written yet.",
    "damaged": "The log is damaged; what stands before the damage is shown.",
}


@dataclass(frozen=True)
class RunInfo:
    """One run from outside.

    Attributes:
        key: what the page's address calls it.
        head: hash of the chain; ``digest``: what a finished run ended with.
        forked: the run that it was forked from, and how many of its events they share.
        error: what is wrong with the log.
    """

    key: str
    path: Path
    config: dict[str, Any]
    state: State
    events: int = 0
    head: str = ""
    digest: str = ""
    forked: tuple[str, int] | None = None
    error: str = ""

    @property
    def audience(self) -> str:
        """Who reacts."""
        return Path(str(self.config.get("audience", ""))).name


def quoted(path: Path) -> str:
    """Return a run's folder as a command line takes it: from here, if it is below."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def find_runs(folder: Path) -> list[Path]:
    """Return the runs in a folder and in the folders of it (a study's seeds), by name."""
    found = [path.parent for depth in ("*/run.json", "*/*/run.json") for path in folder.glob(depth)]
    return sorted(set(found))


def keys(paths: Iterable[Path]) -> dict[str, Path]:
    """Return key -> run; a key is the folder's name, or as much of its path as no other run has."""
    listed = [path.resolve() for path in paths]
    found: dict[str, Path] = {}
    for path in dict.fromkeys(listed):
        parts, take = path.parts, 1
        while take < len(parts) and sum(other.parts[-take:] == parts[-take:] for other in set(listed)) > 1:
            take += 1
        found["/".join(part.strip("/") for part in parts[-take:])] = path
    return found


def describe(key: str, path: Path) -> RunInfo:
    """Return a run's description; a damaged or unreadable one is described as such."""
    return Ends().describe(key, path)


def seen_from(key: str, path: Path, head: Head, digest: str) -> RunInfo:
    """Return the description of a run whose log ends at ``head``, with the digest of its end if it has ended.

    Raises:
        MolochError: ``run.json``, or that of the run that it was forked from, cannot be read.
    """
    config, past = open_log(path, write=False).config, lineage(path)
    forked = (Path(past[0]["run"]).name, int(past[0]["seq"])) if past else None
    state: State = "ended" if digest else "running" if written_now(path) else "stopped" if head.seq else "empty"
    return RunInfo(key, path, config, state, head.seq, head.hash, digest, forked)


class Ends:
    """Where logs end; each look reads only what was appended since the last one."""

    def __init__(self) -> None:
        self._ends: dict[tuple[Path, int], _End] = {}
        self._lock = threading.Lock()

    def describe(self, key: str, path: Path) -> RunInfo:
        """Return a run's description; a damaged or unreadable one is described as such."""
        try:
            log = open_log(path, write=False)
        except MolochError as error:
            return RunInfo(key, path, {}, "damaged", error=str(error))
        try:
            with self._lock:  # the file's number: another run may come to stand in the same place
                end = self._ends.setdefault((path, (path / "run.json").stat().st_ino), _End(log))
                end.look()
                head, digest = end.head, end.digest
            return seen_from(key, path, head, digest)
        except (MolochError, OSError) as error:
            return RunInfo(key, path, log.config, "damaged", error=str(error))


class _End:
    """Where one log ended when it was looked at last; begins with its last segment."""

    def __init__(self, log: EventLog) -> None:
        self.head, self.digest = Head(0, ""), ""
        self._log = log
        self._tail: Tail | None = None

    def look(self) -> None:
        if self._tail is None:
            next(self._log.blocks(), None)  # the first commit shows whether run.json was edited
            self.head = self._log.head()
            self._tail = self._log.tail(max(0, self.head.seq - 1))
        for block in self._tail.new():
            self.head = head_after(block)
            last = block.events({RunEnded})[-1:]
            self.digest = next((event.digest for event in last if _ends(event, self.head)), "")


def _ends(event: Event, head: Head) -> TypeGuard[RunEnded]:
    """Return whether a run's end is the last that its log holds."""
    return isinstance(event, RunEnded) and event.seq == head.seq - 1


LOCKS = Path("/proc/locks")


def written_now(path: Path) -> bool:
    """Return whether a process holds the run's lock. It is never tried: that could keep a run from starting.

    Linux lists who holds which lock; elsewhere the process that took it last has to be alive.
    """
    lock = path / "LOCK"
    try:
        pid, inode = int(lock.read_text().strip() or 0), lock.stat().st_ino
        if pid <= 0:
            return False
        if LOCKS.is_file():
            held = (line.split() for line in LOCKS.read_text().splitlines() if " FLOCK " in line and "->" not in line)
            return any(row[5].rpartition(":")[2] == str(inode) and row[4] == str(pid) for row in held if len(row) > 5)
        os.kill(pid, 0)
    except PermissionError:  # it is another user's
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return True
