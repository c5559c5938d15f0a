"""Cells in processes of this machine: as many at a time as its cores and its memory allow, GPU cells one per device.

Workers come from a nursery (:mod:`analysis.studies.engines._nursery`), each in a process group of its own, so that Ctrl-C in a
terminal reaches the controller alone. They end with the controller, however it ends: who kills it wants the machine back, and
nothing is lost, since a run goes on from what its log holds.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from analysis.studies.engines import machine
from analysis.studies.engines._nursery import Begun, Birth, Call, Death
from analysis.studies.work.tasks import THREADS, Lost, Needs, Task, TaskEnd
from moloch.errors import MolochError

GUESS = 2.0
"""Times the memory that a first cell has taken so far is what others are expected to take, until one has ended."""
PROBATION_S = 10.0
"""Seconds for which a first cell is alone before others are let in on that guess."""
PRELOADED = (
    "analysis.studies.work.worker",
    "learning.training._job",
    "abm.worlds.networked.world",
    "torch",
    "transformers",
    "peft",
    "datasets",
    "trl.trainer.sft_trainer",
    "trl.trainer.sft_config",
)
"""Modules that most cells use and that take long to import."""
NAMED = "MOLOCH_PRELOADED"
"""Variable of the environment that names others in their place, separated by commas."""
RESERVE = 0.1
"""Share of the memory that is free which stays free."""


@dataclass
class _Worker:
    task: Task
    device: str
    began: float
    kills: int
    pid: int = 0
    stopped: bool = False


class LocalEngine:
    """Carries tasks out in processes of this machine.

    Args:
        jobs: tasks at a time; None: as many as there are cores, and as memory allows by what cells take.
        preloaded: modules that are imported once, for all tasks; by default those that :data:`NAMED` names, or :data:`PRELOADED`.
        threads: of each task; None: as many as the cores, parted among the tasks, allow.
    """

    name = "local"

    def __init__(
        self, jobs: int | None = None, preloaded: Sequence[str] | None = None, threads: int | None = None
    ) -> None:
        self._preloaded = _named() if preloaded is None else preloaded
        self.jobs, self._by_memory = jobs or machine.cores(), jobs is None
        self.threads = threads or max(1, machine.cores() // self.jobs)
        self._devices = machine.gpus()
        self._workers: dict[int, _Worker] = {}
        self._number, self._nursery, self._rest = 0, None, b""
        self._closed = False

    def room(self, needs: Needs) -> int:
        """See :class:`~analysis.studies.work.tasks.Engine`; the nursery begins to import, since tasks are about to come."""
        self._opened()
        room = self.jobs - len(self._workers)
        if needs.gpus and self._devices:
            room = min(room, len(self._free_devices()))
        if self._by_memory and room > 0:
            room = min(room, self._room_in_memory(needs.memory_bytes))
        return max(0, room)

    def _room_in_memory(self, peak: int) -> int:
        """Return how many more may be started by what a task takes at most; one always, and alone where nobody knows that."""
        if not self._workers and not peak:
            return 1
        taken = {number: machine.peak_of(worker.pid) for number, worker in self._workers.items()}
        if not peak:
            if time.monotonic() - min(worker.began for worker in self._workers.values()) < PROBATION_S:
                return 0
            peak = int(max(taken.values(), default=0) * GUESS)
        free = machine.free_bytes()
        if not free or not peak:
            return self.jobs
        growth = sum(max(0, peak - each) for each in taken.values())
        return max(not self._workers, int((free * (1 - RESERVE) - growth) // peak))

    def start(self, task: Task) -> None:
        """See :class:`~analysis.studies.work.tasks.Engine`."""
        nursery = self._opened()
        self._number += 1
        device = next(iter(self._free_devices()), "") if task.needs.gpus else ""
        environment = {"CUDA_VISIBLE_DEVICES": device} if device else {}
        birth = Birth(self._number, task.arguments, task.command, environment, str(task.output))
        task.output.parent.mkdir(parents=True, exist_ok=True)
        self._workers[self._number] = _Worker(task, device, time.monotonic(), machine.memory_kills())
        self._tell(nursery, birth)

    def ended(self, timeout: float) -> list[TaskEnd]:
        """See :class:`~analysis.studies.work.tasks.Engine`."""
        if self._nursery is None or self._nursery.stdout is None:
            time.sleep(timeout)
            return []
        ready, _, _ = select.select([self._nursery.stdout], [], [], timeout)
        if not ready:
            return []
        data = os.read(self._nursery.stdout.fileno(), 65536)
        if not data:
            return self._bereft()
        *lines, self._rest = (self._rest + data).split(b"\n")
        ends = []
        for line in lines:
            what = msgspec.json.decode(line, type=Begun | Death)
            if isinstance(what, Begun):
                self._workers[what.number].pid = what.pid
            else:
                ends.append(self._end(what))
        return ends

    def fewer(self) -> bool:
        """See :class:`~analysis.studies.work.tasks.Engine`."""
        self.jobs, fewer = max(1, self.jobs // 2), self.jobs > 1
        return fewer

    def stop(self, tasks: list[Task], *, kill: bool = False) -> None:
        """See :class:`~analysis.studies.work.tasks.Engine`."""
        for number, worker in self._workers.items():
            if worker.task in tasks and self._nursery is not None:
                worker.stopped = True
                self._tell(self._nursery, Call(number, signal.SIGKILL if kill else signal.SIGTERM))

    def close(self) -> None:
        """See :class:`~analysis.studies.work.tasks.Engine`."""
        self._closed = True
        self._dismiss()

    def _end(self, death: Death) -> TaskEnd:
        worker = self._workers.pop(death.number)
        lost: Lost = ""
        detail = f"exit code {death.code}"
        if death.code < 0:
            with contextlib.suppress(ValueError):
                detail = f"killed by {signal.Signals(-death.code).name}"
            lost = "interrupted" if worker.stopped else "node"
            if -death.code == signal.SIGKILL and not worker.stopped and machine.memory_kills() > worker.kills:
                lost, detail = "memory", "killed by the system, which was out of memory"
        return TaskEnd(worker.task, lost, detail, death.peak_bytes)

    def _bereft(self) -> list[TaskEnd]:
        """Return all tasks as lost: the nursery is gone, and its workers with it."""
        self._dismiss()
        kills, workers = machine.memory_kills(), list(self._workers.values())
        self._workers.clear()
        detail = "the process that started its worker is gone"
        return [TaskEnd(each.task, "memory" if kills > each.kills else "node", detail) for each in workers]

    def _opened(self) -> subprocess.Popen[bytes]:
        if self._closed:
            raise MolochError("the engine is closed")
        if self._nursery is None:
            threads = dict.fromkeys(THREADS, str(self.threads)) | {"OPENBLAS_NUM_THREADS": "1"}
            quiet = {"OMP_WAIT_POLICY": "PASSIVE", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
            self._nursery = subprocess.Popen(
                [sys.executable, "-m", "analysis.studies.engines._nursery", *self._preloaded],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | threads | quiet,
                start_new_session=True, bufsize=0,
            )  # fmt: skip
            self._rest = b""
        return self._nursery

    def _tell(self, nursery: subprocess.Popen[bytes], what: Birth | Call) -> None:
        assert nursery.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it is gone, which is found out where tasks end
            nursery.stdin.write(msgspec.json.encode(what) + b"\n")

    def _dismiss(self) -> None:
        if self._nursery is not None:
            self._nursery.kill()
            self._nursery.wait()
            for pipe in (self._nursery.stdin, self._nursery.stdout):
                if pipe is not None:
                    pipe.close()
            self._nursery = None

    def _free_devices(self) -> list[str]:
        taken = {worker.device for worker in self._workers.values()}
        return [device for device in self._devices if device not in taken]


def _named() -> Sequence[str]:
    named = os.environ.get(NAMED)
    return PRELOADED if named is None else [each.strip() for each in named.split(",") if each.strip()]
