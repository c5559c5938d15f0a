"""Controllers and workers of a study, killed at any moment: every cell ends as it would have, and none is carried out twice at once."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from abm.log import read_events, verify
from abm.study_events import CellFailed, CellStarted
from analysis.probes import battery
from analysis.studies.frames.equality import equal_frames
from analysis.studies.record.layout import is_study
from analysis.studies.record.study_log import StudyLog
from analysis.studies.study import Study
from analysis.studies.work.controller import Controller
from analysis.studies.work.rules import Rules
from learning import run
from tests.analysis.studies.conftest import fast_trainer  # noqa: F401 (for every test here: what computes with threads cannot be forked)
from tests.support import fast_cells  # noqa: F401 (an extension)
from tests.support.fork_engine import ForkEngine
from tests.support.kills import claims_held

FORK = multiprocessing.get_context("fork")
BASE = {
    "epochs": 1, "train_anchors": 3, "held_out_anchors": 2, "train_personas": 3, "held_out_personas": 2, "arms": ["rft"],
    "extensions": ["tests.support.fast_cells"], "serving": {"llm": "fast", "options": {"slow": 0.02}},
}  # fmt: skip
SOON = {"node": 0.0, "disk": 0.0, "backend": 0.0}


def study(folder: Path, cells: int) -> Study:
    return Study(name="killed", base=BASE, seeds=cells, out=folder, stop={"failed_share": 1})


def control(folder: Path, cells: int) -> None:
    """Work on a study as a command does."""
    engine, of = ForkEngine(2), study(folder, cells)
    try:
        of.begin()
        Controller(
            StudyLog(folder), {cell.name: cell for cell in of.cells}, engine, Rules(of.page.stop, pauses=SOON)
        ).run()
    finally:
        engine.close()


def ended(folder: Path) -> bool:
    """Tell whether a cell has ended."""
    if not is_study(folder):
        return False
    return any(cell.state == "ended" for cell in StudyLog(folder).state().cells.values())


def wait_for(what: Callable[[], bool]) -> bool:
    """Wait for it, but not for long; return whether it came."""
    until = time.monotonic() + 10
    while not (came := what()) and time.monotonic() < until:
        time.sleep(0.02)
    return came


def killed_worker(folder: Path, draw: random.Random) -> bool:
    """Kill one of those that carry out a cell; return whether there was one."""
    held = claims_held(folder)
    with contextlib.suppress(ProcessLookupError):
        if held:
            os.kill(draw.choice(held).place.pid, signal.SIGKILL)
            return True
    return False


class TestKills:
    """kill -9, again and again, of every process that works on it."""

    @pytest.mark.system
    @pytest.mark.parametrize(
        ("cells", "kills"),
        [(3, 2), pytest.param(5, 5, marks=pytest.mark.slow), pytest.param(16, 80, marks=pytest.mark.faults)],
    )
    def test_the_results_are_those_of_a_study_that_nobody_disturbed(self, tmp_path, monkeypatch, cells, kills):
        """Digest by digest, frame by frame; each attempt has one worker, and no two work on a cell at once."""
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        folder, draw = tmp_path / "study", random.Random(kills)
        want = {
            cell.name: run(cell.config, tmp_path / cell.name, probes=battery).digest
            for cell in study(folder, cells).cells
        }
        controllers = []
        for number in range(kills):
            while len(controllers) < 2:
                controllers.append(FORK.Process(target=control, args=(folder, cells)))
                controllers[-1].start()
            wait_for(lambda: ended(folder))  # at first two that are not disturbed: they share the cells
            many = min(draw.randint(1, 4), cells - 1)
            wait_for(lambda many=many: len(claims_held(folder)) >= many)
            time.sleep(draw.random() * 0.2)
            if number % 2 or not wait_for(lambda: killed_worker(folder, draw)):
                controllers[draw.randrange(2)].kill()
            controllers = [
                each for each in controllers if each.exitcode is None and not each.join(0.01) and each.is_alive()
            ]
        for each in controllers:
            each.join()
        control(folder, cells)  # the same command again
        state, events = StudyLog(folder).state(), list(read_events(folder / "study-log"))
        assert {name: cell.digest for name, cell in state.cells.items()} == want
        assert all(verify(folder / "cells" / name).hash == cell.head for name, cell in state.cells.items())
        for name in want:
            assert equal_frames(tmp_path / name, folder / "cells" / name).differences == ()
        begun = Counter((event.cell, event.attempt) for event in events if isinstance(event, CellStarted))
        assert set(begun.values()) == {1}, "an attempt was made twice"
        failed = [event for event in events if isinstance(event, CellFailed)]
        assert failed, "no kill met a worker: the test shows less than it says"
        assert not [event for event in failed if "being written" in event.message], "two worked on a cell at once"
