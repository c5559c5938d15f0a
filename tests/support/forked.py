"""A function in a fork of this process, which has imported everything: a child to be killed that begins at once."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import TextIO


class Forked:
    """A child that carries out a function; as far as tests use one, it is what :class:`subprocess.Popen` is.

    Args:
        function: what the child does; it ends with 0, or with 1 and the traceback on ``stderr``.
    """

    def __init__(self, function: Callable[..., object], *arguments: str) -> None:
        (out, into), (err, to_err) = os.pipe(), os.pipe()
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            _carry_out(function, arguments, into, to_err)
        for end in (into, to_err):
            os.close(end)
        self.stdout: TextIO = os.fdopen(out)
        self.stderr: TextIO = os.fdopen(err)

    def poll(self) -> int | None:
        """Return how it ended, or nothing yet."""
        return self._wait(os.WNOHANG)

    def wait(self) -> int | None:
        """Wait for its end; return its exit code, or minus the signal that ended it."""
        return self._wait(0)

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it is known to have ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _wait(self, how: int) -> int | None:
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, how)
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def _carry_out(function: Callable[..., object], arguments: tuple[str, ...], into: int, to_err: int) -> None:
    """Carry out the function with pipes in place of what it prints to, and leave nothing of the parent's to do at the end."""
    code = 1
    try:
        os.dup2(into, 1)
        os.dup2(to_err, 2)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
        function(*arguments)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
