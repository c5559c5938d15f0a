"""What runs on a node of a Ray cluster: one attempt at a cell, by a local engine with room for one; and a look at what the node sees.

Ray keeps the process of a task for the next one, and so the local engine with its nursery: the second cell of a process begins
in milliseconds. Both end with the process, however it ends: a node that Ray has lost carries nothing on.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

from abm.llm.versions import PROJECT, installed
from analysis.studies.engines.local import LocalEngine
from analysis.studies.work.tasks import Needs, Task, TaskEnd

GRACE_S = 60.0
"""Seconds that a worker which was asked to stop has to leave its log in order."""
GLANCE_S = 0.1
"""Seconds between two moments in which Ray can ask for a stop: its exception comes between two steps of Python only."""

Said = tuple[str, str, int]
"""``lost``, ``detail`` and ``peak_bytes`` of :class:`~analysis.studies.work.tasks.TaskEnd`: words and numbers, since Ray pickles them."""

_kept: dict[tuple[int, str], LocalEngine] = {}
"""This process's local engine by threads and devices, which are settled when its nursery begins."""


def carry_out(
    study: str,
    cell: str,
    attempt: int,
    token: str,
    output: str,
    needs: tuple[int, int],
    folder: str,
    mark: tuple[str, str],
    store: str,
) -> Said:
    """Carry a task out, and return how it came to an end; when Ray cancels it, its worker stops in order.

    Args:
        study, cell, attempt, token, output: of the task.
        needs: threads and GPUs.
        folder: where the controller runs, from which relative paths start; used if this node has it.
        mark: a file in the study's folder and what it says: a node that does not see it has another folder of that name.
        store: URL in object storage for the cell's log; empty for none.
    """
    if not sees(*mark):
        raise FileNotFoundError(f"{socket.gethostname()} does not see {study}")
    task = Task(Path(study), cell, attempt, token, Path(output), Needs(*needs), store)
    engine = _engine(task.needs, folder)
    try:
        end = _end(engine, task)
    except BaseException:
        _let_go()
        raise
    return end.lost, end.detail, end.peak_bytes


def _end(engine: LocalEngine, task: Task) -> TaskEnd:
    """Carry a task out; stop it in order when Ray asks for that."""
    engine.start(task)
    asked, ends = 0.0, list[TaskEnd]()
    while not ends:
        try:
            ends = engine.ended(GLANCE_S)
            if asked and time.monotonic() > asked + GRACE_S:
                _let_go()
                return TaskEnd(task, "interrupted", "it did not stop, and was killed")
        except KeyboardInterrupt:
            engine.stop([task])
            asked = time.monotonic()
    return ends[0]


def look(mark: tuple[str, str], answer: str) -> tuple[str, str, bool]:
    """Return this node's versions of moloch and Python, and whether it sees the study and can write there.

    Args:
        answer: file that is to be written, for those who ask to see it.
    """
    seen = sees(*mark)
    if seen:
        try:
            Path(answer).write_text(mark[1], "utf-8")
        except OSError:
            seen = False
    return installed(PROJECT), ".".join(map(str, sys.version_info[:2])), seen


def sees(path: str, text: str) -> bool:
    """Tell whether this node sees the file that was put into the study's folder."""
    try:
        return Path(path).read_text("utf-8") == text
    except OSError:
        return False


def _engine(needs: Needs, folder: str) -> LocalEngine:
    key = (needs.threads, os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    if key not in _kept:
        _let_go()
        if Path(folder).is_dir():
            os.chdir(folder)
        _kept[key] = LocalEngine(jobs=1, threads=needs.threads)
    return _kept[key]


def _let_go() -> None:
    """End the local engine, and what it carries out."""
    while _kept:
        _kept.popitem()[1].close()
