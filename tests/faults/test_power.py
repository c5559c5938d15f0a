"""The power goes, or a call is refused, at every single call to the system: nothing acknowledged is lost."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from abm.events import Repaired
from abm.log import Head, create, open_log, read_events, repair, verify
from abm.log.segments import read_manifest, walk
from moloch.errors import CorruptLog, LogError
from tests.faults.children import events
from tests.faults.system import ForgetfulDisk, watch


class Died(BaseException):
    """The process is no more."""


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """A folder in memory, where syncs are made and cost nothing."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def small_segments(monkeypatch):
    """Segments of four events, not projected: what projecting does to the disk is of no concern here."""
    monkeypatch.setattr("abm.log.writer.SEAL_EVENTS", 4)
    monkeypatch.setattr("abm.log.projection.project", lambda run, segment: None)


def live(run: Path, told: Callable[[Head], Any], commits: int = 4) -> None:
    """One life of a writer: begin or go on, and append ``commits`` commits of two events, each with a key of its place."""
    there = (run / "run.json").exists()
    with open_log(run, write=True) if there else create(run, {"seed": 1}) as log:
        for _ in range(commits):
            place = log.head().seq
            told(log.append(events(2, place), place, key=f"at {place}"))


def heads(run: Path) -> set[tuple[int, str]]:
    """Return every head that the run has had."""
    return {(b.commit.seq + b.commit.n, b.commit.hash) for b in walk(run, read_manifest(run).genesis)}


class Power:
    """Lets a life run on a forgetful disk, and looks after each call what a power cut would leave."""

    def __init__(self, root: Path, every: int = 1) -> None:
        self.disk, self.told, self.calls = ForgetfulDisk(root), [], 0
        self._every, self._dies, self._left = every, -1, root.parent / "left"
        self.looks = False

    def before(self, name: str, path: Path, args: tuple[Any, ...]) -> None:
        self.calls += 1
        if self.calls == self._dies:
            self._dies = -1
            raise Died

    def after(self, name: str, path: Path, args: tuple[Any, ...]) -> None:
        self.disk.follow(name, path, args)
        if self.looks and self.calls % self._every == 0:
            self.look()

    def die_at(self, call: int) -> None:
        """Let the call with this number, counted from now, be one that is never made."""
        self.calls, self._dies = 0, call

    def tell(self, head: Head) -> None:
        """Take note of what the log has acknowledged; then look, for this is what a power cut must not undo."""
        self.told.append(head)
        if self.looks:
            self.look()

    def look(self) -> None:
        """Cut the power here, in every way; what is left opens, and holds all that was acknowledged."""
        looking, self.looks = self.looks, False
        for case in self.disk.CASES:
            self.disk.after_power_cut(case, self._left)
            run = self._left / "run"
            if (run / "run.json").exists():
                open_log(run, write=True).close()
                missing = set(self.told) - heads(run)
                assert not missing, f"call {self.calls}, {case}: {missing} was acknowledged, and is gone"
                verify(run)
            else:
                assert not self.told
            shutil.rmtree(self._left)
        self.looks = looking


class TestPowerCuts:
    """The power goes at any call of a life, which may follow one that was killed at any call."""

    def test_within_a_life(self, memory_folder, monkeypatch):
        """From beginning the run to its third segment: all that was acknowledged is there, and the log opens."""
        root = memory_folder / "disk"
        root.mkdir()
        power = Power(root)
        power.looks = True
        watch(monkeypatch, root, power.before, power.after)
        live(root / "run", power.tell, 6)
        assert power.calls > 30 and len(power.told) == 6

    @pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.faults)])
    def test_after_a_killed_life(self, memory_folder, monkeypatch, step):
        """What a killed writer wrote and did not sync is not taken for durable by the next."""
        for dies in range(8, 60, step):
            root = memory_folder / f"disk {dies}"
            root.mkdir()
            power = Power(root, every=step)
            with monkeypatch.context() as patched:
                watch(patched, root, power.before, power.after)
                power.die_at(dies)
                try:
                    live(root / "run", power.tell)
                except Died:
                    pass
                else:
                    assert dies > 30
                    return
                power.looks = True
                live(root / "run", power.tell)
            shutil.rmtree(root)
        pytest.fail("no life was long enough")

    def test_a_retry_after_a_kill(self, memory_folder, monkeypatch):
        """A retry whose events are in the file, but were never synced, is acknowledged after a sync."""
        root = memory_folder / "disk"
        root.mkdir()
        power = Power(root)
        run = root / "run"
        watch(monkeypatch, root, power.before, power.after)
        log = create(run, {"seed": 1})
        with monkeypatch.context() as killed:
            killed.setattr("abm.log.disk.sync_data", lambda file: _die())
            with pytest.raises(Died):
                log.append(events(2, 0), key="mine")
        log.close()
        power.looks = True
        with open_log(run, write=True) as log:
            power.tell(log.append(events(2, 0), key="mine"))
        assert verify(run).seq == 2


def _die() -> None:
    raise Died


class Refusals:
    """Refuses the call with one number: the disk is full, or broken."""

    def __init__(self, number: int, code: int) -> None:
        self.left, self.code, self.refused = number, code, ""

    def before(self, name: str, path: Path, args: tuple[Any, ...]) -> None:
        self.left -= 1
        if self.left == 0:
            self.refused = f"{name} {path.name}"
            raise OSError(self.code, os.strerror(self.code))


def handles() -> int:
    """Return how many files this process holds open."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def tear(run: Path) -> None:
    """Leave half a commit behind the end, as a killed writer does."""
    if path := max((run / "log").glob("*.zst"), default=None):
        path.write_bytes((whole := path.read_bytes()) + whole[9 : 9 + 60])


class TestEveryCall:
    """Each call to the system is refused once: while beginning, appending, sealing, recovering, repairing."""

    @pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted in /proc")
    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
    def test_two_lives(self, memory_folder, monkeypatch, code):
        """A clear error or none, no file left open, and the next attempt goes on with all that was acknowledged."""
        for number in range(1, 200):
            run, told = memory_folder / str(number) / "run", []
            before = handles()
            refusals = Refusals(number, code)
            with monkeypatch.context() as patched:
                watch(patched, run.parent, refusals.before)
                try:
                    live(run, told.append)
                    tear(run)
                    live(run, told.append)
                except LogError as error:
                    assert os.strerror(code) in str(error), refusals.refused
            assert handles() == before, f"{refusals.refused}: a file stays open"
            live(run, told.append, 1)
            assert not set(told) - heads(run), refusals.refused
            assert verify(run).seq == told[-1].seq
            if not refusals.refused:
                assert number > 60
                return
        pytest.fail("there are more calls than were tried")

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
    def test_repair(self, memory_folder, monkeypatch, code):
        """A repair that is refused leaves a log that repair fixes, which says so, and every byte that it cut is kept."""
        whole = memory_folder / "whole"
        live(whole, lambda head: None, 5)
        first, damaged, last = sorted((whole / "log").iterdir())
        for path in (first, damaged, last):
            path.chmod(0o644)
        data = damaged.read_bytes()
        damaged.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
        for number in range(1, 100):
            run = memory_folder / str(number)
            shutil.copytree(whole, run)
            refusals = Refusals(number, code)
            with monkeypatch.context() as patched:
                watch(patched, run, refusals.before)
                try:
                    repair(run)
                except LogError as error:
                    assert os.strerror(code) in str(error), refusals.refused
            try:
                open_log(run, write=True).close()
                list(read_events(run))
            except CorruptLog:
                repair(run)
            found = list(read_events(run))
            assert [type(event) for event in found[6:]] == [Repaired], f"{refusals.refused}: nothing says what was cut"
            kept = [path.read_bytes() for path in (run / "quarantine").iterdir()]
            assert last.read_bytes() in kept
            if not refusals.refused:
                assert number > 10
                return
        pytest.fail("there are more calls than were tried")


class TestKeysAfterRepair:
    """What a repair cuts away, it cuts away alone."""

    def test_keys_before_the_cut_are_known(self, run):
        """A retry of what is still in the log appends nothing, wherever the cut was."""
        live(run, lambda head: None, 3)
        last = max((run / "log").iterdir())
        data = bytearray(last.read_bytes())
        data[40] ^= 1
        last.write_bytes(data)
        assert isinstance(repair(run), Repaired)
        with open_log(run, write=True) as log:
            seq = log.head().seq
            assert log.append(events(2, 2), key="at 2").seq == seq
