"""The local engine with a nursery that is forked from this process, which has imported everything: tests of studies begin at once."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import IO, Any, cast

import torch  # noqa: F401 (which every fork would import anew, for seconds)

from analysis.studies.engines._nursery import Nursery
from analysis.studies.engines.local import LocalEngine


class _Forked:
    """A nursery's process, as :mod:`subprocess` has one."""

    def __init__(self) -> None:
        heard, told = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(heard[1])
                os.close(told[0])
                os.setsid()
                for each in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(each, signal.SIG_DFL)
                Nursery(heard[0], told[1], ()).work()
            finally:
                os._exit(0)
        os.close(heard[0])
        os.close(told[1])
        self.stdin: IO[bytes] = os.fdopen(heard[1], "wb", buffering=0)
        self.stdout: IO[bytes] = os.fdopen(told[0], "rb", buffering=0)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> None:
        os.waitpid(self.pid, 0)


class ForkEngine(LocalEngine):
    """Carries tasks out in forks of forks of this process."""

    def _opened(self) -> subprocess.Popen[bytes]:
        if self._nursery is None:
            self._nursery, self._rest = cast(Any, _Forked()), b""
        return cast(Any, self._nursery)
