"""What the log promises to many who submit at once, and to those who ask twice."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from abm.log import Head, create, disk, open_log, read_events, verify
from abm.log.segments import read_manifest, walk
from moloch.errors import Conflict, LogError


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch):
    """A disk whose syncs wait until they are let through; yields (entered, let_through)."""
    entered, gate, sync = threading.Semaphore(0), threading.Semaphore(0), disk.sync_data

    def wait(file: int) -> None:
        entered.release()
        assert gate.acquire(timeout=10)
        sync(file)

    monkeypatch.setattr(disk, "sync_data", wait)
    yield entered, gate


def commits(run) -> list[int]:
    """Return the number of events of each commit."""
    return [block.commit.n for block in walk(run, read_manifest(run).genesis)]


class TestGroups:
    """Submissions share commits, and stay whole and in order."""

    def test_what_comes_during_a_sync_shares_the_next(self, run, reactions, held):
        """One sync serves all who submitted while the last one was on its way."""
        entered, gate = held
        with create(run, {}) as log:
            first = log.submit(reactions(1))
            assert entered.acquire(timeout=10)
            rest = [log.submit(reactions(2, 1 + 2 * i)) for i in range(5)]
            gate.release(2)
            assert {future.result(10).seq for future in rest} == {11}
            assert first.result().seq == 1
        assert commits(run) == [1, 10]
        assert [event.persona for event in read_events(run)] == list(range(11))  # type: ignore[attr-defined]

    def test_nothing_is_acknowledged_before_its_sync(self, run, reactions, held):
        """A future stays open while the sync is on its way, and the head does not move."""
        entered, gate = held
        with create(run, {}) as log:
            future = log.submit(reactions(1))
            assert entered.acquire(timeout=10)
            assert not future.done() and log.head().seq == 0
            gate.release()
            assert future.result(10).seq == log.head().seq == 1

    def test_from_many_threads(self, run, reactions):
        """Whoever submits, each submission is one unbroken stretch of the log."""
        with create(run, {}) as log:

            def work(which: int) -> None:
                for i in range(20):
                    log.append(reactions(3, which * 1000 + i * 3))

            threads = [threading.Thread(target=work, args=(which,)) for which in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        found = [event.persona for event in read_events(run)]  # type: ignore[attr-defined]
        assert sorted(found) == sorted(w * 1000 + i for w in range(8) for i in range(60))
        assert all(found[i + 1] == found[i] + 1 == found[i + 2] - 1 for i in range(0, len(found), 3))
        for which in range(8):
            own = [p for p in found if p // 1000 == which]
            assert own == sorted(own), "a thread's submissions keep their order"

    def test_closing_commits_what_was_submitted(self, run, reactions):
        """Nothing that was given to an open log is dropped when it is closed."""
        log = create(run, {})
        futures = [log.submit(reactions(1, i)) for i in range(50)]
        log.close()
        assert [future.done() for future in futures] == [True] * 50
        assert verify(run).seq == 50
        with pytest.raises(LogError, match="closed"):
            log.submit(reactions(1))

    def test_a_large_group_is_cut(self, run, reactions, held, monkeypatch):
        """A commit is bounded, a single submission is not split."""
        monkeypatch.setattr("abm.log.writer.GROUP_EVENTS", 4)
        _entered, gate = held
        gate.release(100)
        with create(run, {}) as log:
            futures = [log.submit(reactions(n)) for n in (3, 3, 9, 1, 1)]
            [future.result(10) for future in futures]
        assert max(n for n in commits(run) if n != 9) <= 4 and 9 in commits(run)

    def test_a_fast_producer_waits(self, run, reactions, held, monkeypatch):
        """Queued events are bounded: submitting waits for the disk."""
        monkeypatch.setattr("abm.log.writer.QUEUED_EVENTS", 10)
        entered, gate = held
        with create(run, {}) as log:
            log.submit(reactions(1))
            assert entered.acquire(timeout=10)
            log.submit(reactions(11))
            late: list[Future[Head]] = []
            producer = threading.Thread(target=lambda: late.append(log.submit(reactions(1))))
            producer.start()
            producer.join(0.05)
            assert producer.is_alive() and not late
            gate.release(10)
            producer.join(10)
            assert late[0].result(10).seq == 13


class TestCancelling:
    """A submission can be taken back until its turn comes."""

    def test_before_and_after(self, run, reactions, held):
        """What was cancelled in time is not in the log; nobody else notices."""
        entered, gate = held
        with create(run, {}) as log:
            first = log.submit(reactions(1, 0))
            assert entered.acquire(timeout=10)
            second, third = log.submit(reactions(1, 1)), log.submit(reactions(1, 2))
            assert not first.cancel() and second.cancel()
            gate.release(10)
            assert third.result(10).seq == 2 and first.result(10).seq == 1
            log.append(reactions(1, 3))
        assert [event.persona for event in read_events(run)] == [0, 2, 3]  # type: ignore[attr-defined]

    def test_an_interrupt_before_the_commit_leaves_a_usable_log(self, run, reactions, monkeypatch):
        """Ctrl-C in the moment before writing begins: nothing is written, and closing does not wait for ever."""
        with create(run, {}) as log:
            commit = log._writer._commit_safely

            def interrupted(group):
                monkeypatch.undo()
                raise KeyboardInterrupt

            monkeypatch.setattr(log._writer, "_commit_safely", interrupted)
            with pytest.raises(KeyboardInterrupt):
                log.append(reactions(1))
            assert commit is not None and log.append(reactions(1)).seq == 1


class TestExpectedHead:
    """Optimistic concurrency within and across groups."""

    def test_it_counts_what_is_ahead_in_the_group(self, run, reactions, held):
        """The head that is expected is the one after all submissions before it."""
        _entered, gate = held
        gate.release(100)
        with create(run, {}) as log:
            futures = [log.submit(reactions(2), expected_head=2 * i) for i in range(10)]
            assert all(future.result(10) for future in futures)

    def test_a_conflict_harms_nobody_else(self, run, reactions, held):
        """Only the submission that expected another head is refused."""
        entered, gate = held
        with create(run, {}) as log:
            log.submit(reactions(1))
            assert entered.acquire(timeout=10)
            good, bad, after = (log.submit(reactions(1), head) for head in (1, 1, None))
            gate.release(10)
            with pytest.raises(Conflict, match="event 2 is next, not 1"):
                bad.result(10)
            assert good.result(10) == after.result(10)
        assert verify(run).seq == 3


class TestPoison:
    """After a refused write nothing more is accepted."""

    def test_all_who_wait_are_told(self, run, reactions, held, monkeypatch):
        """A failed sync fails its group and everything queued behind it."""
        entered, gate = held

        def fail(file: int) -> None:
            entered.release()
            assert gate.acquire(timeout=10)
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(disk, "sync_data", fail)
        with create(run, {}) as log:
            first = log.submit(reactions(1))
            assert entered.acquire(timeout=10)
            queued = log.submit(reactions(1))
            gate.release(10)
            for future in (first, queued):
                with pytest.raises(LogError, match="Input/output error"):
                    future.result(10)
            with pytest.raises(LogError, match="Input/output error"):
                log.submit(reactions(1))
            assert log.head().seq == 0


class TestKeys:
    """A caller that does not know whether it was heard asks again."""

    def test_the_same_key_appends_once(self, run, reactions):
        """Now, in the same group, and after the log was opened again."""
        with create(run, {}) as log:
            assert log.append(reactions(2), key="a").seq == 2
            assert log.append(reactions(2), key="a").seq == 2
            twice = [log.submit(reactions(1), key="b") for _ in range(2)]
            assert [future.result(10).seq for future in twice] == [3, 3]
        with open_log(run, write=True) as log:
            assert log.append(reactions(2), key="a").seq == 3
            assert log.append(reactions(1), key="c").seq == 4
        assert verify(run).seq == 4

    def test_a_retry_need_not_know_the_head(self, run, reactions):
        """A known key is acknowledged although the log has grown since."""
        with create(run, {}) as log:
            log.append(reactions(2), 0, key="a")
            log.append(reactions(1))
            assert log.append(reactions(2), 0, key="a").seq == 3

    def test_other_events_under_a_key_are_a_conflict(self, run, reactions):
        """A key names one content."""
        with create(run, {}) as log:
            log.append(reactions(2), key="a")
            with pytest.raises(Conflict, match="key 'a'"):
                log.append(reactions(2, 5), key="a")
            assert log.append(reactions(1)).seq == 3

    def test_across_segments(self, run, reactions, small_segments):
        """The key of a sealed segment is known to a writer that reads only the last one."""
        with create(run, {}) as log:
            log.append(reactions(4), key="a")
            log.append(reactions(1))
        with open_log(run, write=True) as log:
            assert log.append(reactions(4), key="a").seq == 5

    def test_only_the_newest_are_remembered(self, run, reactions, monkeypatch):
        """What is remembered is bounded."""
        monkeypatch.setattr("abm.log.recovery.KEYS", 3)
        with create(run, {}) as log:
            for i in range(5):
                log.append(reactions(1), key=str(i))
            assert log.append(reactions(1), key="2").seq == 5
            assert log.append(reactions(1), key="1").seq == 6

    def test_they_are_part_of_the_chain(self, run, reactions, segment):
        """A key cannot be changed unseen."""
        from abm.log import codec

        with create(run, {}) as log:
            log.append(reactions(1), key="a")
        block = next(walk(run, read_manifest(run).genesis))
        assert codec.chain(block.commit.prev, block.lines, block.commit.keys) == block.commit.hash
        assert codec.chain(block.commit.prev, block.lines, {"b": ""}) != block.commit.hash


class TestForkedProcess:
    """The log belongs to the process that opened it."""

    def test_a_child_is_refused_and_harms_nothing(self, run, reactions):
        """Neither its append nor its close touches the parent's log."""
        import os

        with create(run, {}) as log:
            log.append(reactions(1))
            child = os.fork()
            if child == 0:
                try:
                    log.append(reactions(1))
                except LogError:
                    log.close()
                    os._exit(7)
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
            log.append(reactions(1))
            with pytest.raises(LogError, match="being written"):
                open_log(run, write=True)
        assert verify(run).seq == 2
