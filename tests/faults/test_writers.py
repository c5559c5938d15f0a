"""Two writers, many readers, many runs: one wins, nobody sees what is not there, nobody disturbs another."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from abm.events import Reacted, Repaired
from abm.log import create, disk, open_log, read_events, repair, verify
from moloch.errors import Conflict, Locked, LogError
from tests.faults.children import events


class TestTwoWriters:
    """A run has one writer, whatever the second one tries."""

    @pytest.mark.system
    def test_another_process_is_refused(self, run, child):
        """The lock holds across processes, and is free again when its holder dies."""
        create(run, {}).close()
        process = child("write", run, 1)
        assert [process.stdout.readline() for _ in range(3)][1].startswith("open ")
        with pytest.raises(Locked, match="being written"):
            open_log(run, write=True)
        process.send_signal(signal.SIGKILL)
        process.wait()
        open_log(run, write=True).close()

    def test_a_forked_child_is_refused(self, run):
        """A child that inherits the log can neither append nor close it for its parent."""
        with create(run, {}) as log:
            log.append(events(1, 0))
            child = os.fork()
            if child == 0:
                try:
                    log.append(events(1, 1))
                    os._exit(0)
                except LogError:
                    log.close()
                    os._exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
            assert log.append(events(1, 1)).seq == 2
        assert verify(run).seq == 2

    @pytest.mark.parametrize("first", [0, 1])
    def test_a_bypassed_lock(self, run, monkeypatch, first):
        """Where the lock does nothing, the second writer finds another size, and writes nothing."""
        create(run, {}).close()
        monkeypatch.setattr(disk, "lock", lambda run: os.open(run / "LOCK", os.O_RDWR | os.O_CREAT))
        with open_log(run, write=True) as one, open_log(run, write=True) as two:
            logs = (one, two)
            logs[first].append(events(2, 0))
            with pytest.raises(Conflict, match="another process changed the log"):
                logs[1 - first].append(events(2, 0))
            logs[first].append(events(2, 2))
        assert [e.persona for e in read_events(run)] == [0, 1, 2, 3]  # type: ignore[attr-defined]

    def test_a_repair_that_comes_second(self, run, monkeypatch):
        """A repair that waited for another one, and for what was written since, cuts nothing of it."""
        with create(run, {}) as log:
            for _ in range(3):
                log.append(events(2, log.head().seq))
        (path,) = (run / "log").iterdir()
        data = bytearray(path.read_bytes())
        data[-9] ^= 1
        path.write_bytes(data)
        real = disk.lock

        def late(folder):
            monkeypatch.setattr(disk, "lock", real)
            assert isinstance(repair(run), Repaired)
            with open_log(run, write=True) as log:
                log.append(events(2, log.head().seq))
            return real(folder)

        monkeypatch.setattr(disk, "lock", late)
        repair(run)
        assert [e.persona for e in read_events(run) if isinstance(e, Reacted)] == [0, 1, 2, 3, 5, 6]
        assert sum(isinstance(e, Repaired) for e in read_events(run)) == 1


class TestReaders:
    """Four readers while a writer commits, dies and comes back."""

    @pytest.mark.system
    @pytest.mark.parametrize(
        ("kills", "commits", "size"), [(2, 300, 5), pytest.param(30, 100_000, 3, marks=pytest.mark.faults)]
    )
    def test_they_see_a_prefix_in_order(self, run, child, tmp_path, kills, commits, size):
        """No reader sees a gap, an event twice, or one that is not there later; at the end all have seen everything."""
        create(run, {}).close()
        stop = tmp_path / "stop"
        readers = [child("follow", run, stop, how) for how in ("follow", "follow", "read", "read")]
        for reader in readers:
            assert reader.stdout.readline() == "reading\n"
        for cycle in range(kills):
            process = child("write", run, cycle, 60)
            for _ in range(12):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
            process.wait()
        done = child("append", run, commits, size)
        said, problem = done.communicate()
        assert said.startswith("done"), problem
        stop.touch()
        final = verify(run).seq
        for reader in readers:
            said, problem = reader.communicate(timeout=120)
            assert said == f"seen {final}\n", problem[-600:]

    @pytest.mark.parametrize("how", ["read", "follow"])
    def test_a_segment_that_was_just_made(self, run, monkeypatch, how):
        """Empty when a reader first looks, written when it looks again: that is no damage."""
        with create(run, {}) as log:
            log.append(events(2, 0))
        (path,) = (run / "log").iterdir()
        whole = path.read_bytes()
        path.write_bytes(b"")
        opening = Path.open

        class Late(io.FileIO):
            def readinto(self, buffer):
                size = super().readinto(buffer)
                path.write_bytes(whole)  # the writer goes on after the reader's first look
                return size

        def late(self, *args, **options):
            if self != path or args != ("rb",):
                return opening(self, *args, **options)
            monkeypatch.setattr(Path, "open", opening)
            return io.BufferedReader(Late(self))

        monkeypatch.setattr(Path, "open", late)
        log = open_log(run, write=False)
        found = log.read() if how == "read" else log.follow(stop=lambda: True)
        assert [event.persona for event in found] in ([], [0, 1])  # type: ignore[attr-defined]

    @pytest.mark.parametrize("how", ["read", "follow"])
    def test_a_recovery_behind_a_slow_reader(self, run, how):
        """A reader that had seen the incomplete end before a recovery put other bytes there goes on with those, or stops."""
        with create(run, {}) as log:
            for _ in range(4):
                log.append(events(9, log.head().seq))
        (path,) = (run / "log").iterdir()
        path.write_bytes(path.read_bytes()[:-20])
        log = open_log(run, write=False)
        reader = log.read() if how == "read" else log.follow(stop=lambda: True)
        seen = [next(reader).seq]
        with open_log(run, write=True) as writer:
            for _ in range(4):
                writer.append(events(9, writer.head().seq))
        seen += [event.seq for event in reader]
        assert seen == list(range(len(seen))) and len(seen) >= 27


class TestManyRuns:
    """Runs share nothing."""

    @pytest.mark.parametrize("runs", [20, pytest.param(200, marks=pytest.mark.faults)])
    def test_at_once_in_one_process(self, tmp_path, runs):
        """Each run's log is whole, and holds what was given to it."""
        failures: list[BaseException] = []
        begin = threading.Barrier(runs)

        def work(which: int) -> None:
            try:
                begin.wait(60)
                with create(tmp_path / str(which), {"seed": which}) as log:
                    for i in range(12):
                        log.append(events(300, i * 300))
                        log.submit(events(1, 3600 + i))
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(which,)) for which in range(runs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        for which in range(runs):
            assert verify(tmp_path / str(which)).seq == 12 * 301
            assert sum(1 for _ in read_events(tmp_path / str(which))) == 12 * 301

    def test_many_who_submit_to_one(self, run):
        """Groups from many threads keep each thread's order and lose nothing."""
        with create(run, {}) as log:

            def work(which: int) -> None:
                for i in range(30):
                    log.submit(events(1, which * 1000 + i))
                    time.sleep(0)

            threads = [threading.Thread(target=work, args=(which,)) for which in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        found = [e.persona for e in read_events(run)]  # type: ignore[attr-defined]
        assert len(found) == 300
        assert all([p for p in found if p // 1000 == w] == [w * 1000 + i for i in range(30)] for w in range(10))
