"""Who works on which cell: one small file per attempt, made as one whole or not at all.

The file of attempt N can be made once, by one process, on any file system on which a hard link is exclusive (NFS among them;
``flock`` is not trusted across machines). Nobody ever deletes or renames one: who takes a cell over from a dead owner makes that
of attempt N + 1, and the owner, should it wake up again, sees it and stops. So there is no moment in which a third party could
take away a claim that is not the one it looked at.

Where the owner's process can be seen, it shows whether the owner is alive; elsewhere the touches of the file do. The watcher
measures them by its own clock, so that clocks need not agree. Knows nothing of runs.
"""

from __future__ import annotations

import os
import platform
import socket
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Literal
from uuid import uuid4

import msgspec

from analysis.studies.record.layout import Layout
from moloch.durable import make_once, sync
from moloch.errors import LogError

BEAT = 5.0
"""Seconds between two touches of a claim by its owner."""
SILENCE = 60.0
"""Seconds without a touch after which an owner that cannot be seen counts as dead."""


class Place(msgspec.Struct, frozen=True):
    """Where a process is.

    Attributes:
        host: for people to read.
        boot: of the kernel and, where there is one, of the container: processes of one boot see each other. Empty where the
            system does not say.
        pid: and ``born``, when it began in ticks since the boot: a number that is used again is another process.
    """

    host: str
    boot: str
    pid: int
    born: int


class Claim(msgspec.Struct, frozen=True):
    """An attempt at a cell.

    Attributes:
        cell, attempt: which.
        token: known to the owner, who may hand it on.
        place: of the owner.
        state: ``held``, or ``over``: its owner has let go.
        since: seconds since 1970, for people to read.
    """

    cell: str
    attempt: int
    token: str
    place: Place
    state: Literal["held", "over"] = "held"
    since: float = 0.0


class HeldClaim:
    """A claim from its owner's side.

    Args:
        path: its file.
        claim: what it says.
        after: the file of the next attempt: once it is there, this one is lost.
    """

    def __init__(self, path: Path, claim: Claim, after: Path) -> None:
        self.path, self.claim, self._after = path, claim, after

    @property
    def is_lost(self) -> bool:
        """Whether somebody took the cell over."""
        return self._after.exists()

    def touch(self) -> bool:
        """Show that the owner is alive; return False once the claim is lost."""
        if self.is_lost:
            return False
        os.utime(self.path)
        return True

    def release(self) -> None:
        """Let go: the next attempt may begin at once."""
        _replace(self.path, msgspec.structs.replace(self.claim, state="over"))


class Claims:
    """The claims of a study.

    Args:
        layout: of the study.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def current(self, cell: str, known: int = 0) -> Claim | None:
        """Return the claim of the newest attempt at a cell; None if there was none.

        Args:
            known: an attempt that has been made.
        """
        attempt = known
        while self._layout.claim(cell, attempt + 1).exists():
            attempt += 1
        while attempt and not self._layout.claim(cell, attempt).exists():  # the log knows of one that was swept away
            attempt -= 1
        if not attempt:
            return None
        unreadable = Claim(cell, attempt, "", Place("", "", 0, 0), "over")  # the machine that made it crashed
        return _read(self._layout.claim(cell, attempt)) or unreadable

    def touched(self, cell: str, attempt: int) -> float:
        """Return when the owner of an attempt last showed that it is alive, in seconds since 1970; 0.0 where nobody knows."""
        try:
            return self._layout.claim(cell, attempt).stat().st_mtime
        except OSError:
            return 0.0

    def take(self, cell: str, attempt: int) -> HeldClaim | None:
        """Claim an attempt; None if somebody else has it. The caller has seen that the one before is over or its owner dead.

        Raises:
            LogError: it cannot be written.
        """
        path = self._layout.claim(cell, attempt)
        claim = Claim(cell, attempt, uuid4().hex, here(), since=round(time.time(), 3))
        try:
            if not _make(path, claim):
                return None
        except OSError as error:
            raise LogError("cannot claim a cell", where=str(path), why=error.strerror or str(error)) from error
        return self._held(claim)

    def take_over(self, cell: str, attempt: int, token: str) -> HeldClaim | None:
        """Make a claim that was handed on this process's; None if it is lost.

        Raises:
            LogError: it cannot be written.
        """
        path = self._layout.claim(cell, attempt)
        try:
            claim = _read(path)
            if claim is None or claim.token != token or claim.state == "over":
                return None
            held = self._held(msgspec.structs.replace(claim, place=here()))
            _replace(path, held.claim)
        except OSError as error:
            raise LogError("cannot take a claim over", where=str(path), why=error.strerror or str(error)) from error
        return None if held.is_lost else held

    def _held(self, claim: Claim) -> HeldClaim:
        paths = (self._layout.claim(claim.cell, claim.attempt + ahead) for ahead in (0, 1))
        path, after = paths
        return HeldClaim(path, claim, after)


class Watch:
    """What one process saw of the claims of others.

    Args:
        layout: of the study.
        silence: seconds; see :data:`SILENCE`.
        clock: seconds, of this process.
    """

    def __init__(self, layout: Layout, silence: float = SILENCE, clock: Callable[[], float] = time.monotonic) -> None:
        self._layout, self._silence, self._clock = layout, silence, clock
        self._seen: dict[str, tuple[tuple[str, int, int], float]] = {}

    def is_alive(self, claim: Claim) -> bool:
        """Tell whether somebody works on a cell. An owner that cannot be seen is believed in until it was silent for long."""
        if claim.state == "over":
            return False
        mine = here()
        if mine.boot and claim.place.boot == mine.boot:
            return claim.place.born == born(claim.place.pid) != 0
        try:
            stat = self._layout.claim(claim.cell, claim.attempt).stat()
        except OSError:
            return False
        sign, now = (claim.token, stat.st_ino, stat.st_mtime_ns), self._clock()
        before, since = self._seen.get(claim.cell, (None, now))
        if before != sign:
            self._seen[claim.cell] = (sign, now)
            return True
        return now - since < self._silence


def here() -> Place:
    """Return the place of this process."""
    return Place(socket.gethostname(), _boot(), os.getpid(), born(os.getpid()))


@cache
def _boot() -> str:
    if platform.system() != "Linux":
        return ""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def born(pid: int) -> int:
    """Return when a process began, in ticks since the boot; 0 if there is none, or one that is dead and not yet buried."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return 0
    state, *fields = stat[stat.rindex(b")") + 2 :].split()
    return 0 if state in b"ZX" else int(fields[18])


def _make(path: Path, claim: Claim) -> bool:
    """Make a file that is there whole or not at all; return False if it was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not make_once(path, msgspec.json.encode(claim)):
        return False
    sync(path.parent)
    return True


def _replace(path: Path, claim: Claim) -> None:
    new = path.with_name(f".{claim.token}.{os.getpid()}.new")
    new.write_bytes(msgspec.json.encode(claim))
    new.replace(path)


def _read(path: Path) -> Claim | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Claim)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
