"""What following a log promises: every event once, in order, while it is written."""

from __future__ import annotations

import os
import threading

import pytest

from abm.events import RunEnded, RunStarted
from abm.log import create, open_log, read_events
from abm.log.segments import read_manifest
from abm.log.tail import Tail
from moloch.errors import CorruptLog


def seqs(blocks) -> list[int]:
    return [seq for block in blocks for seq in range(block.commit.seq, block.commit.seq + block.commit.n)]


class TestTail:
    """Each look gives what came since the last one."""

    @pytest.mark.parametrize("start", [0, 1, 4, 5, 9])
    def test_new_commits_only(self, run, reactions, small_segments, start):
        """Nothing twice, nothing left out, across segments, from the commit that holds the first event wanted."""
        with create(run, {}) as log:
            tail = Tail(run, read_manifest(run), start)
            assert seqs(tail.new()) == []
            found = []
            for size in (3, 1, 4, 2, 2):
                log.append(reactions(size))
                found += seqs(tail.new())
                assert seqs(tail.new()) == []
        ends = [3, 4, 8, 10, 12]
        begin = max([0, *(end for end in ends if end <= start)])
        assert found == list(range(begin, 12))

    def test_an_incomplete_commit_waits(self, run, fill, segment):
        """What is half written is not seen until it is whole."""
        fill([2, 2])
        whole = segment.read_bytes()
        tail = Tail(run, read_manifest(run))
        for cut in range(len(whole)):
            segment.write_bytes(whole[:cut])
            assert set(seqs(tail.new())) <= {0, 1}
        segment.write_bytes(whole)
        assert seqs(tail.new()) == [2, 3]

    def test_only_new_bytes_are_read(self, run, fill, segment, monkeypatch):
        """A look costs what came, not what was."""
        fill([2])
        tail = Tail(run, read_manifest(run))
        assert seqs(tail.new()) == [0, 1]
        os.truncate(segment, 9)  # what was read before does not matter any more
        size = segment.stat().st_size
        assert size == 9 and seqs(tail.new()) == []

    def test_damage_is_said(self, run, fill, segment):
        """A changed byte is an error, not a pause."""
        fill([2, 2])
        data = bytearray(segment.read_bytes())
        data[-1] ^= 1
        segment.write_bytes(data)
        with pytest.raises(CorruptLog):
            list(Tail(run, read_manifest(run)).new())


class TestFollow:
    """Reading on as somebody writes."""

    def test_all_events_in_order(self, run, reactions, small_segments):
        """A follower sees what the writer appended, then stops when told."""
        done = threading.Event()
        with create(run, {}) as log:
            follower = open_log(run, write=False).follow(3, poll=0.001, stop=done.is_set)
            found: list[int] = []
            thread = threading.Thread(target=lambda: found.extend(event.seq for event in follower))
            thread.start()
            for i in range(40):
                log.append(reactions(1 + i % 3))
            done.set()
            thread.join(10)
            assert found == list(range(3, log.head().seq))

    def test_reading_may_stop_early(self, run, fill):
        """Leaving an iteration leaves no thread behind."""
        fill([5] * 50)
        before = threading.active_count()
        for _ in range(20):
            assert next(read_events(run)).seq == 0
        assert threading.active_count() <= before + 1


class TestEnding:
    """Whether a run has ended is asked of its log alone."""

    def test_a_run_has_ended_if_its_last_event_says_so(self, run, reactions, small_segments):
        """Not before, and not any more once something follows; a reader and the writer say the same."""
        ended = RunEnded(digest="d", seconds=1.0)
        with create(run, {}) as log:
            for events, want in (
                ([], ""),
                (reactions(3), ""),
                ([ended], "d"),
                (reactions(1), ""),
                ([*reactions(4), ended], "d"),
            ):
                if events:
                    log.append(events)
                for asked in (log, open_log(run, write=False)):
                    event = asked.ended()
                    assert (event.digest if event else "") == want

    def test_an_incomplete_commit_ends_nothing(self, run, segment):
        """Half a commit says nothing yet."""
        with create(run, {}) as log:
            log.append([RunStarted(versions={})])
            log.append([RunEnded(digest="d", seconds=1.0)])
        whole = segment.read_bytes()
        segment.write_bytes(whole[:-1])
        assert open_log(run, write=False).ended() is None
        segment.write_bytes(whole)
        assert open_log(run, write=False).ended() is not None

    def test_looking_again_reads_what_was_appended(self, run, reactions, segment):
        """The head and the last event follow the log; what was read before is not read again."""
        with create(run, {}) as log:
            log.append(reactions(3))
            ending = open_log(run, write=False).ending()
            assert ending.head == log.head() and ending.last.seq == 2 and ending.ended is None
            before = segment.read_bytes()
            log.append([RunEnded(digest="d", seconds=1.0)])
            after = segment.read_bytes()
            segment.write_bytes(bytes(len(before)) + after[len(before) :])
            ending.look()
            assert ending.head == log.head() and ending.ended.digest == "d"
