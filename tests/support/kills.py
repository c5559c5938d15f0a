"""kill -9 of the processes that work on a study, at moments that are drawn: controllers, workers, and what else is named."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from analysis.studies.record.claims import Claim, Claims, born
from analysis.studies.record.layout import Layout
from tests.support.fast_study import durable
from tests.support.ray_nodes import TwoNodes

Kill = Callable[[], bool]
"""Kills something, and returns whether there was anything to kill."""
LOOK_S = 0.05
"""Seconds between two looks."""


def claims_held(folder: Path) -> list[Claim]:
    """Return the claims of those who work on cells, and live."""
    layout = Layout(folder)
    if not layout.claims.is_dir():
        return []
    names = {path.name.rsplit(".", 2)[0] for path in layout.claims.glob("[!.]*.json")}
    with contextlib.suppress(msgspec.MsgspecError):
        claims = [Claims(layout).current(name) for name in sorted(names)]
        return [claim for claim in claims if claim and claim.state == "held" and born(claim.place.pid)]
    return []


class StudyCommand:
    """``moloch study run`` as somebody would give it: again after every kill, until it ends by itself.

    Args:
        page: the study's, and ``folder``: where it is carried out.
        options: of the command.
        draw: of who is killed and when.

    Attributes:
        kills: of what, and how often.
        begun: how often the command was given.
    """

    def __init__(self, page: Path, folder: Path, options: Sequence[str], draw: random.Random) -> None:
        self._command = [sys.executable, "-m", "moloch", "study", "run", str(page), "--out", str(folder), *options]
        self._folder, self._draw = folder, draw
        self._process: subprocess.Popen[bytes] | None = None
        self.kills: Counter[str] = Counter()
        self.begun, self._since = 0, 0.0

    def carry_out(self, plan: Sequence[str], over_s: float, others: Mapping[str, Kill] | None = None) -> float:
        """Give the command until every cell has ended; return the seconds that it took.

        Args:
            plan: what is killed: ``controller``, ``worker``, or one of ``others``; in an order that is drawn.
            over_s: seconds over which the moments are drawn, one in each of as many equal parts. A kill that meets nothing waits until it does,
                and does not keep others waiting; on a busy machine cells may have ended before it does.
        """
        began = time.monotonic()
        ways = {"controller": self._kill_controller, "worker": self._kill_worker} | dict(others or {})
        moments = [over_s * (part + self._draw.random()) / len(plan) for part in range(len(plan))]
        due = list(zip(moments, self._draw.sample(plan, len(plan)), strict=True))
        try:
            while True:
                if self._ended() and self._process is not None and self._process.returncode == 0:
                    return time.monotonic() - began
                self._give()
                met = next((each for each in due if time.monotonic() - began > each[0] and ways[each[1]]()), None)
                if met is not None:
                    due.remove(met)
                    self.kills[met[1]] += 1
                time.sleep(LOOK_S)
        finally:
            self._leave_nothing()

    def _leave_nothing(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _give(self) -> None:
        """Give the command, again where it was killed; no other end is expected."""
        if not self._ended():
            return
        code = self._process.returncode if self._process is not None else -signal.SIGKILL
        assert code == -signal.SIGKILL, f"the command ended with {code}; see {self._log}"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.begun, self._since = self.begun + 1, time.time()

    @property
    def _log(self) -> Path:
        return self._folder.with_name(f"{self._folder.name}.txt")

    def _kill_controller(self) -> bool:
        assert self._process is not None
        if not any(claim.since >= self._since for claim in claims_held(self._folder)):
            return False  # it has taken no cell yet
        self._process.kill()
        self._process.wait()
        return True

    def _kill_worker(self) -> bool:
        assert self._process is not None
        workers = [claim.place.pid for claim in claims_held(self._folder) if claim.place.pid != self._process.pid]
        if not workers:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._draw.choice(workers), signal.SIGKILL)
            return True
        return False


def kill_of_node(nodes: TwoNodes, folder: Path, events: int) -> Kill:
    """Return the kill of a Ray node in the middle of a cell, in whose place another one comes.

    Args:
        nodes: of the cluster.
        folder: the study's.
        events: that a cell of the node has in its log by then.
    """
    layout = Layout(folder)

    def kill() -> bool:
        its = [claim.cell for claim in claims_held(folder) if nodes.has(claim.place.pid)]
        if not any(len(durable(layout, cell)) > events for cell in its):
            return False
        nodes.kill()
        nodes.start()
        return True

    return kill
