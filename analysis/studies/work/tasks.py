"""What an engine is to a study: something that starts tasks and says how they came to an end.

A task is one attempt at one cell. It is a process of its own, whatever the engine, that runs :func:`Task.command`: it takes
over the claim that the controller made, carries the run out, and writes what became of it to ``output/CELL.N.json``, which the
controller reads. So an engine moves no results: it must start a process where the study's folder can be reached, say when it is
gone, and how. Knows nothing of runs, of the study's log, or of which cell comes next.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")
"""Variables by which libraries know how many threads to have."""


@dataclass(frozen=True)
class Needs:
    """What a task needs of the machine that carries it out.

    Attributes:
        threads: of the CPU, at least 1.
        gpus: devices of its own, 0 or 1, where there are any.
        memory_bytes: as much as cells of the study took so far; 0 where none has ended.
    """

    threads: int = 1
    gpus: int = 0
    memory_bytes: int = 0


@dataclass(frozen=True)
class Task:
    """One attempt at a cell.

    Attributes:
        study: the study's folder, absolute.
        cell: name of the cell.
        attempt: 1, 2, ...; also the number of its claim.
        token: by which the claim is known; who has it may take the claim over.
        output: file for what the process prints.
        store: URL of a folder in object storage for the cell's log; empty for none.
    """

    study: Path
    cell: str
    attempt: int
    token: str
    output: Path
    needs: Needs = field(default_factory=Needs)
    store: str = ""

    @property
    def arguments(self) -> list[str]:
        """Arguments of ``python -m analysis.studies.work.worker``."""
        said = [str(self.study), self.cell, "--attempt", str(self.attempt), "--token", self.token]
        return [*said, "--store", self.store] if self.store else said

    @property
    def command(self) -> list[str]:
        """The process, where no process that is ready can be had more cheaply."""
        return [sys.executable, "-m", "analysis.studies.work.worker", *self.arguments]

    @property
    def environment(self) -> dict[str, str]:
        """What the process has in its environment besides what the controller has, before Python starts."""
        return dict.fromkeys(THREADS, str(self.needs.threads)) | {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1"}


Lost = Literal["", "memory", "node", "disk", "interrupted"]


@dataclass(frozen=True)
class TaskEnd:
    """How a task's process came to an end.

    Attributes:
        task: which.
        lost: empty where the process ended by itself, and its own word for it stands in the outcome file; else why it could not:
            ``memory`` it was killed for it, ``node`` its machine or its process is gone, ``interrupted`` :meth:`Engine.stop`.
        detail: in words, one line: ``exit code 1``, ``killed by signal 9``, ``node 10.0.0.7 left the cluster``.
        peak_bytes: memory of the process at most; 0 where the engine did not see it.
    """

    task: Task
    lost: Lost = ""
    detail: str = ""
    peak_bytes: int = 0


@runtime_checkable
class Engine(Protocol):
    """Carries out tasks. Used by one thread; an engine may have threads of its own.

    Attributes:
        name: as ``--engine`` has it.
        threads: of the CPU for each task, at least 1; the controller asks for as many in :class:`Needs`.
    """

    name: str
    threads: int

    def room(self, needs: Needs) -> int:
        """Return how many more tasks of such needs may be started now."""
        ...

    def start(self, task: Task) -> None:
        """Start a task; returns before it is carried out, and need not wait until it is begun.

        Raises:
            MolochError: the engine cannot start any, and will not.
        """
        ...

    def ended(self, timeout: float) -> list[TaskEnd]:
        """Return the tasks that came to an end since the last call, each once; wait for one at most ``timeout`` seconds."""
        ...

    def fewer(self) -> bool:
        """Carry out fewer tasks at a time from now on, since one ran out of memory; return whether that is possible."""
        ...

    def stop(self, tasks: list[Task], *, kill: bool = False) -> None:
        """Ask tasks to come to an end, or kill them; :meth:`ended` tells of each. What they wrote is kept."""
        ...

    def close(self) -> None:
        """Let go of everything, killing what still goes on; closing twice does nothing."""
        ...
