"""Machines that write one study's log and do not see each other's locks, killed at any moment: no acknowledged event is lost."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from abm.log import read_events, verify
from abm.study_events import PlannedCell, StudyLooked, StudyPlanned
from analysis.studies.record.layout import Layout
from analysis.studies.record.study_log import StudyLog

FORK = multiprocessing.get_context("fork")
PLANNED = StudyPlanned(name="x", page={}, page_id="p", cells=[PlannedCell("c", {}, 1, "s")], versions={})


def elsewhere() -> None:
    """Be on another machine: locks are taken, and nobody sees them."""
    fcntl.flock = lambda descriptor, how: None


def write(folder: Path, name: str, number: int) -> None:
    """Append events, and note each one that was acknowledged."""
    elsewhere()
    log = StudyLog(folder)
    log.begin(PLANNED)
    with (folder.parent / f"{name}.acknowledged").open("a", buffering=1) as acknowledged:
        for i in range(number):
            log.append([StudyLooked(door=f"{name}/{i}", ended=0, of=1)])
            acknowledged.write(f"{name}/{i}\n")


def acknowledged(folder: Path) -> list[str]:
    return [line for path in folder.parent.glob("*.acknowledged") for line in path.read_text().splitlines()]


def logged(folder: Path) -> Counter[str]:
    verify(Layout(folder).log)
    return Counter(event.door for event in read_events(Layout(folder).log) if isinstance(event, StudyLooked))


class TestWithoutLocks:
    """Writers that see the folder, and not each other."""

    @pytest.mark.system
    @pytest.mark.parametrize("writers", [2, 4])
    def test_what_was_acknowledged_is_there_once(self, tmp_path, writers):
        """Whole, in one chain, from the log's first event on, over several segments."""
        folder, number = tmp_path / "study", 160 // writers
        processes = [FORK.Process(target=write, args=(folder, f"w{w}", number)) for w in range(writers)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0] * writers
        said = acknowledged(folder)
        assert len(said) == writers * number and logged(folder) == Counter(said)
        assert len([event for event in read_events(Layout(folder).log) if isinstance(event, StudyPlanned)]) == 1

    @pytest.mark.parametrize("kills", [6, pytest.param(60, marks=pytest.mark.faults)])
    def test_killed_and_stopped(self, tmp_path, kills):
        """An event that nobody acknowledged may be there, too; a process that wakes up late changes nothing."""
        folder, draw = tmp_path / "study", random.Random(kills)
        processes = [FORK.Process(target=write, args=(folder, f"w{w}-0", 10_000)) for w in range(3)]
        for process in processes:
            process.start()
        for kill in range(kills):
            time.sleep(0.05 + draw.random() * 0.1)
            victim = draw.randrange(3)
            pid = processes[victim].pid
            assert pid
            if draw.random() < 0.5:
                os.kill(pid, signal.SIGSTOP)
                time.sleep(0.05)
                os.kill(pid, signal.SIGCONT)
                continue
            processes[victim].kill()
            processes[victim].join()
            processes[victim] = FORK.Process(target=write, args=(folder, f"w{victim}-{kill + 1}", 10_000))
            processes[victim].start()
        for process in processes:
            process.kill()
            process.join()
        StudyLog(folder).append([StudyLooked(door="last", ended=0, of=1)])  # finishes what was settled
        found, said = logged(folder), acknowledged(folder)
        assert len(said) > 10 and set(said) <= found.keys() and set(found.values()) == {1}
        assert found["last"] == 1
