"""A nursery: a process that has imported these modules and forks a worker on request. ::

    python -m analysis.studies.engines._nursery MODULE ...

A worker then begins in milliseconds where a new Python takes seconds to import torch, and yet is a process of its own that shares
nothing with the next: the nursery computes nothing, has one thread, and is never changed by a worker. Where it has more threads
than one, or the system cannot fork safely, a worker is a new Python.

One fork waits for the next request, and a worker says that it leaves before the system takes its memory apart: each takes
tens of milliseconds where torch is loaded, in which nobody has to wait.

Lines of JSON on stdin tell it what to do, lines on stdout what happened; it ends when stdin does, and its workers with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, NoReturn

import msgspec

DEATH = 1  # PR_SET_PDEATHSIG
SETTLED_S = 0.2
"""Seconds without news after which the next worker is forked ahead."""


class Birth(msgspec.Struct, frozen=True, tag="start"):
    """Start a worker.

    Attributes:
        number: by which it is known from then on.
        arguments: of the worker; ``command``: the same as a process of its own.
        environment: what it has besides the nursery's.
        output: file for what it prints.
    """

    number: int
    arguments: list[str]
    command: list[str]
    environment: dict[str, str]
    output: str


class Call(msgspec.Struct, frozen=True, tag="signal"):
    """Send a worker, and all that it started, a signal."""

    number: int
    signal: int


class Begun(msgspec.Struct, frozen=True, tag="begun"):
    """A worker lives."""

    number: int
    pid: int


class Death(msgspec.Struct, frozen=True, tag="gone"):
    """A worker is gone.

    Attributes:
        code: exit code, or the negated number of the signal that killed it.
        peak_bytes: its memory at most.
    """

    number: int
    code: int
    peak_bytes: int


class Leaving(msgspec.Struct, frozen=True):
    """What a worker says last, to the nursery: all that it had to write is written, and nothing but its memory is left of it.

    Attributes:
        pid: its own; ``code`` and ``peak_bytes`` as of :class:`Death`.
    """

    pid: int
    code: int
    peak_bytes: int


class _Spare(NamedTuple):
    """A fork that waits for its birth, which is written into ``pipe``."""

    pid: int
    pipe: int


def main() -> None:
    """Do as stdin says until it ends."""
    said = sys.stdout.buffer
    sys.stdout = sys.stderr  # what an import may print
    Nursery(sys.stdin.fileno(), said.fileno(), sys.argv[1:]).work()


class Nursery:
    """Starts workers, and tells of their ends.

    Args:
        heard: descriptor of what to do; ``said``: of what happened.
        modules: imported before the first worker.
    """

    def __init__(self, heard: int, said: int, modules: Sequence[str]) -> None:
        self._heard, self._said = heard, said
        self._workers: dict[int, int] = {}
        self._forks = _prepare(modules)
        self._leaving = set[int]()
        self._spare: _Spare | None = None
        self._wake, self._words = os.pipe(), os.pipe()
        for end in (*self._wake, self._words[0]):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)

    def work(self) -> None:
        """Follow requests until nobody can send any."""
        rest, decoder = b"", msgspec.json.Decoder(Birth | Call)
        while True:
            waits = SETTLED_S if self._forks and self._spare is None else None
            ready, _, _ = select.select([self._heard, self._wake[0], self._words[0]], [], [], waits)
            if not ready:  # nobody begins or ends just now, who would have to share a core with it
                self._spare = self._another()
                continue
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake[0], 4096)
            self._listen()
            self._bury()
            if self._heard in ready:
                data = os.read(self._heard, 65536)
                if not data:
                    return
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._do(decoder.decode(line))

    def _do(self, what: Birth | Call) -> None:
        if isinstance(what, Birth):
            pid = self._fork(what) if self._forks else self._spawn(what)
            self._workers[pid] = what.number
            self._say(Begun(what.number, pid))
            return
        for pid, number in self._workers.items():
            if number == what.number:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, what.signal)

    def _listen(self) -> None:
        """Tell of workers that leave."""
        with contextlib.suppress(BlockingIOError):
            for line in os.read(self._words[0], 65536).splitlines():  # each was written as one whole
                word = msgspec.json.decode(line, type=Leaving)
                if (number := self._workers.pop(word.pid, None)) is not None:
                    self._leaving.add(word.pid)
                    self._say(Death(number, word.code, word.peak_bytes))

    def _bury(self) -> None:
        while self._workers or self._leaving:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            self._leaving.discard(pid)
            with contextlib.suppress(ProcessLookupError, PermissionError):  # what it started and left behind
                os.killpg(pid, signal.SIGKILL)
            if (number := self._workers.pop(pid, None)) is not None:
                peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
                self._say(Death(number, os.waitstatus_to_exitcode(status), peak))

    def _say(self, what: Begun | Death) -> None:
        with contextlib.suppress(BrokenPipeError):  # nobody is left to hear it, and soon there is nothing to do
            os.write(self._said, msgspec.json.encode(what) + b"\n")

    def _spawn(self, birth: Birth) -> int:
        with Path(birth.output).open("ab") as output:
            return subprocess.Popen(
                birth.command, env=os.environ | birth.environment, start_new_session=True, close_fds=True,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=_die_with_parent,
            ).pid  # fmt: skip

    def _fork(self, birth: Birth) -> int:
        """Hand a birth to the fork that waits for one; return its process."""
        spare, self._spare = self._spare or self._another(), None
        try:
            os.write(spare.pipe, msgspec.json.encode(birth) + b"\n")
            return spare.pid
        except BrokenPipeError:  # somebody killed it
            return self._fork(birth)
        finally:
            os.close(spare.pipe)

    def _another(self) -> _Spare:
        parent, (there, here) = os.getpid(), os.pipe()
        if pid := os.fork():
            os.close(there)
            with contextlib.suppress(OSError):  # both do it, so that it is done for both
                os.setpgid(pid, pid)
            return _Spare(pid, here)
        _become_worker(there, parent, self._words[1], here, self._heard, self._said, self._words[0], *self._wake)


def _become_worker(births: int, parent: int, words: int, *inherited: int) -> NoReturn:
    """In the fork: leave the nursery behind, wait for a birth, and carry the cell out."""
    code = 1
    try:
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _die_with_parent()
        if os.getppid() != parent:
            os._exit(1)
        nothing = os.open(os.devnull, os.O_RDWR)
        for at in (0, 1):
            os.dup2(nothing, at)
        for file in (nothing, *inherited):
            if file > 2:
                os.close(file)
        birth = _birth(births)
        os.environ.update(birth.environment)
        output = os.open(birth.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for at in (1, 2):
            os.dup2(output, at)
        os.close(output)
        sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        from analysis.studies.work.worker import main as work

        code = work(birth.arguments)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        for file in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                file.flush()
        with contextlib.suppress(Exception):
            _leave(words, code)
        os._exit(code)


def _birth(births: int) -> Birth:
    """Wait for the birth that the nursery writes."""
    with open(births, "rb") as pipe:
        line = pipe.readline()
    if not line:  # the nursery is gone
        os._exit(1)
    return msgspec.json.decode(line, type=Birth)


def _leave(words: int, code: int) -> None:
    """Say that this worker leaves, unless it holds a device, which is free only once the system has taken its memory apart."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        from analysis.studies.work.worker import peak_bytes

        os.write(words, msgspec.json.encode(Leaving(os.getpid(), code, peak_bytes())) + b"\n")


def _prepare(modules: Sequence[str]) -> bool:
    """Import what workers need, and read what all of them read; return whether forks of this process are safe."""
    for name in modules:
        with contextlib.suppress(Exception):  # its worker reports what a cell needs and lacks
            import_module(name)
    from abm.arenas import BUILT_IN, arena
    from abm.arenas.anchors import Anchor
    from analysis.probes import battery

    anchor = Anchor("", {}, {}, "It is blue.", "")
    for name in BUILT_IN:  # grammars and their patterns
        for probe in battery(arena(name)):
            with contextlib.suppress(Exception):
                probe.judge("It costs 3 coins.", anchor, arena(name))
    gc.collect()
    gc.freeze()
    return sys.platform == "linux" and len(list(Path("/proc/self/task").iterdir())) == 1


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(DEATH, signal.SIGKILL)


if __name__ == "__main__":
    main()
