"""A cell has one owner, however many want it, and an owner that comes back too late stops."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

import msgspec
import pytest

from abm.log import create, open_log, verify
from analysis.studies.record.claims import Claims, Place, Watch, born, here
from analysis.studies.record.layout import Layout
from analysis.studies.work import worker
from tests.faults.children import events

FORK = multiprocessing.get_context("fork")
ELSEWHERE = Place("other", "another boot", 1, 1)


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path)


def grab(folder: Path, number: int, cells: int, all_looked: Barrier) -> None:
    """Take every cell whose owner is dead, and note each that was got."""
    layout = Layout(folder)
    claims, watch = Claims(layout), Watch(layout)
    for cell in (f"c{i}" for i in range(cells)):
        claim = claims.current(cell)
        if claim is not None and watch.is_alive(claim):
            continue
        if claims.take(cell, claim.attempt + 1 if claim else 1) is not None:
            (folder / f"{cell}-{number}").touch()
    all_looked.wait(60)  # its claims are alive until then


def dead(layout: Layout, cell: str, attempt: int = 1) -> None:
    """Leave the claim of a process that is gone."""
    process = FORK.Process(target=Claims(layout).take, args=(cell, attempt))
    process.start()
    process.join()


class TestRaces:
    """Many processes want the same cells."""

    @pytest.mark.system
    @pytest.mark.parametrize("abandoned", [False, True], ids=["new", "abandoned"])
    def test_each_cell_is_got_once(self, layout, abandoned):
        """Whether nobody had it before, or a process that died."""
        for i in range(20 if abandoned else 0):
            dead(layout, f"c{i}")
        all_looked = FORK.Barrier(6)
        processes = [FORK.Process(target=grab, args=(layout.folder, number, 20, all_looked)) for number in range(6)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        assert sorted(path.name.split("-")[0] for path in layout.folder.glob("c*-*")) == sorted(
            f"c{i}" for i in range(20)
        )

    def test_a_claim_is_whole_or_not_there(self, layout):
        """Whoever sees one can read it."""
        claims = Claims(layout)
        assert claims.current("a") is None
        held = claims.take("a", 1)
        assert held and claims.current("a") == held.claim and claims.take("a", 1) is None
        assert [path.name for path in layout.claims.iterdir()] == ["a.1.json"]


class TestOwners:
    """Whether one is alive is seen from its process, or from its touch."""

    def test_a_process_that_is_seen(self, layout):
        """By its number and when it began: a number that is used again is another process."""
        held, watch = Claims(layout).take("a", 1), Watch(layout)
        assert held and watch.is_alive(held.claim)
        again = msgspec.structs.replace(here(), born=here().born + 1)
        assert not watch.is_alive(msgspec.structs.replace(held.claim, place=again))
        dead(layout, "b")
        claim = Claims(layout).current("b")
        assert claim and not watch.is_alive(claim)

    def test_one_that_nobody_buried(self, layout):
        """Is dead, though its number is still in use."""
        if (pid := os.fork()) == 0:
            os._exit(0)
        try:
            deadline = time.monotonic() + 5
            while born(pid) and time.monotonic() < deadline:
                time.sleep(0.01)
            assert born(pid) == 0
        finally:
            os.waitpid(pid, 0)

    def test_one_that_is_not_seen(self, layout):
        """Is believed in until it was silent for long, by the watcher's own clock."""
        now = 0.0
        watch = Watch(layout, silence=60, clock=lambda: now)
        held = Claims(layout).take("a", 1)
        assert held
        claim = msgspec.structs.replace(held.claim, place=ELSEWHERE)
        os.utime(held.path, (1, 1))  # whatever its clock says
        assert watch.is_alive(claim)
        now = 59.0
        assert watch.is_alive(claim)
        os.utime(held.path, (2, 2))
        now = 118.0
        assert watch.is_alive(claim)
        now = 178.5
        assert not watch.is_alive(claim)

    def test_one_that_let_go(self, layout):
        """Is over at once."""
        claims = Claims(layout)
        held = claims.take("a", 1)
        assert held
        held.release()
        claim = claims.current("a")
        assert claim and claim.state == "over" and not Watch(layout).is_alive(claim)


class TestHandedOn:
    """A controller makes the claim, and its worker takes it over."""

    def test_by_who_has_the_token(self, layout):
        """And by nobody else."""
        claims = Claims(layout)
        held = claims.take("a", 1)
        assert held and claims.take_over("a", 1, "another") is None
        assert claims.take_over("a", 1, held.claim.token)

    def test_not_once_it_is_lost(self, layout):
        """A worker that begins late finds the next attempt."""
        claims = Claims(layout)
        held = claims.take("a", 1)
        assert held and claims.take("a", 2)
        assert claims.take_over("a", 1, held.claim.token) is None and held.is_lost and not held.touch()


def write(folder: Path, token: str) -> None:
    """Work as a worker does: append for ever, under a claim."""
    held = Claims(Layout(folder)).take_over("a", 1, token)
    assert held
    with worker.touched(held, every=0.05), open_log(Layout(folder).cell("a"), write=True) as log:
        while True:
            log.append(events(1, log.head().seq))
            time.sleep(0.001)


def test_an_owner_that_wakes_up_too_late_changes_nothing(layout):
    """It was stopped, lost its claim and, as between machines, held no lock that anybody saw: its log stays whole."""
    create(layout.cell("a"), {}).close()
    claims = Claims(layout)
    held = claims.take("a", 1)
    assert held
    owner = FORK.Process(target=write, args=(layout.folder, held.claim.token))
    owner.start()
    assert owner.pid
    try:
        while verify(layout.cell("a")).seq < 5:
            time.sleep(0.01)
        os.kill(owner.pid, signal.SIGSTOP)
        claim = claims.current("a")
        assert claim and claim.place.pid == owner.pid and Watch(layout).is_alive(claim)
        (layout.cell("a") / "LOCK").unlink()
        assert claims.take("a", 2)
        with open_log(layout.cell("a"), write=True) as log:
            head = log.append(events(1, log.head().seq))
            os.kill(owner.pid, signal.SIGCONT)
            owner.join(10)
            head = log.append(events(1, log.head().seq))
        assert owner.exitcode in (worker.TAKEN, 1), "it goes on"
        assert verify(layout.cell("a")) == head
    finally:
        owner.kill()
        owner.join()


def test_a_claim_that_cannot_be_read_is_over(layout):
    """As after a crash of the machine: the next attempt is made."""
    layout.claims.mkdir()
    layout.claim("a", 1).write_bytes(b"")
    claim = Claims(layout).current("a")
    assert claim and claim.attempt == 1 and not Watch(layout).is_alive(claim) and Claims(layout).take("a", 2)
