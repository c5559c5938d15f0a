"""A study on a file system that is really full, at one size after another: one clear error, nothing acknowledged lost, and with room it goes on."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from abm.log import read_events, verify
from analysis.frames import of_run
from analysis.probes import battery
from analysis.studies.findings.results import study_results
from analysis.studies.frames.study_frames import study_frame
from analysis.studies.record.layout import Layout, is_study
from analysis.studies.record.study_log import StudyLog
from learning import run
from moloch.errors import LogError, MolochError
from tests.analysis.studies.conftest import fast_trainer  # noqa: F401 (for every test here: what computes with threads cannot be forked)
from tests.faults.test_studies import control, study

FORK = multiprocessing.get_context("fork")
CELLS = 2
SIZES = range(16, 260, 12)
"""Of the file system, in kB: from one that does not hold the study's log to one that holds all."""


@pytest.fixture
def sized(tmp_path) -> Iterator[Callable[[int], Path]]:
    """Make a file system of so many kB, or give the one that is there another size; return where it is."""
    mount = tmp_path / "mount"
    mount.mkdir()

    def size(kb: int) -> Path:
        options = f"size={kb}k" if not mount.is_mount() else f"remount,size={kb}k"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(mount)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting a file system needs rights that this machine does not give")
        return mount

    yield size
    while mount.is_mount():
        subprocess.run(["umount", "-l", str(mount)], check=False)


def attempt(folder: Path, told: Path) -> dict[str, str]:
    """Work on the study in a process of its own, as a command does; return the kind of error that ended it, and what it said."""

    def work() -> None:
        said = {"kind": "", "what": ""}
        try:
            control(folder, CELLS)
        except MolochError as error:
            said = {"kind": "told", "what": str(error)}
        except BaseException:
            said = {"kind": "raw", "what": traceback.format_exc()}
        told.write_text(json.dumps(said))

    process = FORK.Process(target=work)
    process.start()
    process.join()
    return json.loads(told.read_text())


def fill(path: Path) -> None:
    """Leave no room."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        with pytest.raises(OSError, match="No space"):
            while True:
                os.write(file, bytes(4096))
    finally:
        os.close(file)


def durable(folder: Path) -> dict[str, list[object]]:
    """Return what every log of the study holds: folder of the log -> its events."""
    logs = [path.parent for path in folder.rglob("run.json")]
    return {str(log): list(read_events(log)) for log in logs}


@pytest.fixture
def want(tmp_path) -> dict[str, str]:
    """Return each cell's digest where there is room."""
    folder = tmp_path / "quiet"
    cells = study(folder / "study", CELLS).cells
    return {cell.name: run(cell.config, folder / cell.name, probes=battery).digest for cell in cells}


@pytest.mark.system
@pytest.mark.parametrize(
    "sizes", [SIZES[4::9], pytest.param(SIZES, marks=pytest.mark.faults)], ids=["two sizes", "all sizes"]
)
def test_it_goes_on_with_room(sized, tmp_path, monkeypatch, want, sizes):
    """Study log, claims, settings, words of workers, runs: whichever is refused first, no error is a traceback, and nothing is lost."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    refused = 0
    for number, kb in enumerate(sizes):
        folder = sized(kb) / str(number)
        said = attempt(folder, tmp_path / "told.json")
        assert said["kind"] != "raw", said["what"]
        before = durable(folder)
        failed = [f for c in StudyLog(folder).state().cells.values() for f in c.failures] if is_study(folder) else []
        assert {failure.origin for failure in failed} <= {"disk", "node"}, [f.message for f in failed]
        refused += bool(said["kind"] or failed)
        sized(4096)
        assert attempt(folder, tmp_path / "told.json") == {"kind": "", "what": ""}
        after = durable(folder)
        assert all(after[log][: len(events)] == events for log, events in before.items()), (
            "what was acknowledged is gone"
        )
        state = StudyLog(folder).state()
        assert {name: cell.digest for name, cell in state.cells.items()} == want
        assert all(verify(Layout(folder).cell(name)).hash == cell.head for name, cell in state.cells.items())
        subprocess.run(["rm", "-rf", str(folder)], check=True)
    assert refused


@pytest.mark.system
def test_frames_and_results_without_room(sized, tmp_path, monkeypatch):
    """Parquet that cannot be written is held in memory: frames and results are the same, and no log is touched."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = sized(4096) / "study"
    assert attempt(folder, tmp_path / "told.json")["kind"] == ""
    for path in folder.rglob("*.parquet"):
        path.unlink()
    fill(folder.parent / "filler")
    heads = {log: verify(Path(log)) for log in durable(folder)}
    full = {name: study_frame(folder, name).collect() for name in ("votes", "contests", "cells")}
    told = study_results(folder).as_dict()
    runs = [of_run(path, "votes").collect() for path in sorted((folder / "cells").iterdir())]
    assert not list(folder.rglob("*.parquet")) and {log: verify(Path(log)) for log in heads} == heads
    (folder.parent / "filler").unlink()
    assert all(study_frame(folder, name).collect().equals(frame) for name, frame in full.items())
    assert study_results(folder).as_dict() == told and sum(frame.height for frame in runs) == full["votes"].height
    assert list(folder.rglob("*.parquet"))


def test_what_is_spent_without_room(sized, tmp_path):
    """No call is sent that the ledger and what all cells share do not have: both refuse, and go on with room."""
    from abm.llm.lease import Lease
    from abm.llm.ledger import Cost, Ledger

    folder = sized(64) / "run"
    folder.mkdir()
    ledger, lease = Ledger(folder), Lease(folder / "budget", "run", (None, None, 100.0))
    ledger.reserve(Cost(1, 10, 0.1))
    assert lease.take(Cost(1, 10, 0.1), Cost(1, 10, 0.1))
    told = Cost(1, 10, 0.1)
    fill(folder.parent / "filler")
    with pytest.raises(LogError, match=r"No call was sent"):
        for calls in range(2, 100_000):
            ledger.reserve(Cost(calls, 10, 0.1))
            told = Cost(calls, 10, 0.1)
    assert Ledger(folder).read() == told
    taken = Cost(1, 10, 0.1)
    with pytest.raises(LogError, match=r"No call was sent"):
        for calls in range(2, 100_000):
            lease.take(Cost(calls, 10, 0.1), Cost(calls, 10, 0.1))
            taken = Cost(calls, 10, 0.1)
    other = Lease(folder / "budget", "another", (None, None, 100.0))
    assert other.elsewhere() == taken
    (folder.parent / "filler").unlink()
    ledger.reserve(told.plus(told))
    assert Ledger(folder).read() == told.plus(told), "half a line stood in the way"
    assert (
        lease.take(taken.plus(taken), taken.plus(taken))
        == Lease(folder / "budget", "another", (None, None, 100.0)).elsewhere()
    )
