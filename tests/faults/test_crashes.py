"""Killed at any moment: nothing acknowledged is lost, nothing is there twice, no answer in the log is paid again."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from abm.events import LLMReplied, Reacted
from abm.log import create, open_log, read_events, repair, verify
from abm.log.segments import read_manifest, walk
from learning import run as carry_out_run
from tests.faults.children import events
from tests.learning.test_loop import CONFIG
from tests.learning.test_lost import ByCall, damaged
from tests.support.fakes import FakeTrainer
from tests.support.forked import Forked


class TestKills:
    """kill -9, again and again, while it writes, seals, takes snapshots, and recovers."""

    @pytest.mark.system
    @pytest.mark.parametrize("cycles", [10, pytest.param(500, marks=pytest.mark.faults)])
    def test_what_was_acknowledged_is_there(self, run, forked, cycles):
        """Every head that was acknowledged is in the chain; every event has the place it was written for."""
        create(run, {}).close()
        draw, acknowledged = random.Random(cycles), []
        for cycle in range(cycles):
            process = forked("write", run, cycle)
            lines = [process.stdout.readline()]  # "opening": the kill may come while it recovers
            for _ in range(draw.choice((0, 1, 5, 40))):
                lines.append(process.stdout.readline())
            time.sleep(draw.random() * 0.02)
            process.send_signal(signal.SIGKILL)
            lines += process.stdout.read().splitlines(keepends=True)
            process.wait()
            whole = [line.split() for line in lines if line.endswith("\n")]
            acknowledged += [(int(seq), hashed) for what, seq, hashed in (w for w in whole if len(w) == 3)]
            heads = {(b.commit.seq + b.commit.n, b.commit.hash) for b in walk(run, read_manifest(run).genesis)}
            heads.add((0, read_manifest(run).genesis))
            assert not set(acknowledged) - heads, f"cycle {cycle}: an acknowledged commit is gone"
        with open_log(run, write=True) as log:
            found = list(log.read())
        assert [event.seq for event in found] == list(range(verify(run).seq))
        assert all(event.persona == event.seq for event in found if isinstance(event, Reacted))
        torn = len(list((run / "quarantine").glob("*.bin"))) if (run / "quarantine").exists() else 0
        assert torn, "no kill found a commit half written: the test shows less than it says"


class TestPaidAnswers:
    """A run whose model is paid by the call, killed while it asks."""

    @pytest.mark.parametrize("runs", [1, pytest.param(12, marks=pytest.mark.faults)])
    def test_only_answers_on_their_way_are_paid_again(self, tmp_path, forked, runs):
        """What is asked for again had been asked for, but was not durable when the process died; the digest is one."""
        want = forked("study", tmp_path / "whole", tmp_path / "free", 0).stdout.read().split()[-1]
        for number in range(runs):
            digest, paid_again = self.killed_four_times(tmp_path / f"run-{number}", forked, random.Random(number))
            assert digest == want
            assert paid_again <= 4 * 8, f"{paid_again} answers were on their way in 4 kills"

    @pytest.mark.parametrize("times", [2, pytest.param(20, marks=pytest.mark.faults)])
    def test_answers_behind_a_damage_are_not_paid_again(self, tmp_path, times):
        """A bit flips anywhere in the log of a run that has ended; repaired, it asks for the answers of that commit only."""
        done = carry_out_run(CONFIG, tmp_path / "whole", llm=ByCall(), trainer=FakeTrainer())
        for number in range(times):
            run = tmp_path / f"run-{number}"
            lost = damaged(done.path, run, random.Random(number).random() * 0.9)
            repair(run)
            llm = ByCall()
            assert carry_out_run(CONFIG, run, llm=llm, trainer=FakeTrainer()).digest == done.digest
            assert sorted(llm.asked) == sorted(lost), "an answer that was not damaged was paid for again"

    def killed_four_times(self, run: Path, forked, draw: random.Random) -> tuple[str, int]:
        """Carry out a run that is killed four times while it asks; return its digest, and how many answers it paid twice."""
        paid, asked, said = run.with_suffix(".paid"), [], ""
        for kills_left in (4, 3, 2, 1, 0):
            durable = {e.site for e in read_events(run) if isinstance(e, LLMReplied)} if run.exists() else set()
            process = forked("study", run, paid, 0.002)
            assert process.stdout.readline() == "open\n", process.stderr.read()
            if kills_left:
                wait_for_lines(paid, len(asked) + draw.randint(3, 12), process)
                assert process.poll() is None, "the run ended before it was killed"
                process.send_signal(signal.SIGKILL)
            said = process.stdout.read()
            process.wait()
            now = paid.read_text().splitlines()
            assert not durable & set(now[len(asked) :]), "a durable answer was paid for again"
            asked = now
        assert said.startswith("digest"), process.stderr.read()
        return said.split()[-1], len(asked) - len(set(asked))


def wait_for_lines(path: Path, count: int, process: Forked) -> None:
    """Wait until ``path`` has so many lines, or the process has ended."""
    while process.poll() is None and (not path.exists() or path.read_text().count("\n") < count):
        time.sleep(0.001)


class TestBatches:
    """A run whose model computes in this process, in batches, killed while it computes."""

    @pytest.mark.parametrize("kills", [(5,), pytest.param((5, 6, 4, 7), marks=pytest.mark.faults)])
    def test_only_the_batch_on_its_way_is_computed_again(self, tmp_path, forked, kills):
        """Killed within the second batch of a step, and after it: the same batches again, the same digest."""
        want = forked("study", tmp_path / "whole", tmp_path / "free", 0, "batch").stdout.read().split()[-1]
        run, paid, asked = tmp_path / "run", tmp_path / "paid", 0
        for more in kills:
            process = forked("study", run, paid, 0.02, "batch")
            assert process.stdout.readline() == "open\n", process.stderr.read()
            wait_for_lines(paid, asked + more, process)
            process.send_signal(signal.SIGKILL)
            process.wait()
            now = paid.read_text().splitlines()
            durable = {event.site for event in read_events(run) if isinstance(event, LLMReplied)}
            assert len(set(now) - durable) <= 3, "more than a batch is lost"
            assert len(now) - asked >= more, "the run ended before it was killed"
            asked = len(now)
        digest = forked("study", run, paid, 0, "batch").stdout.read().split()[-1]
        again = paid.read_text().splitlines()[asked:]
        assert not durable & set(again), "a durable answer was computed again"
        assert digest == want


class TestRetry:
    """A caller that was not heard, or does not know whether it was."""

    @pytest.mark.system
    @pytest.mark.parametrize(("died", "there"), [("acknowledging", 5), ("writing", 2)])
    def test_the_process_died(self, run, child, died, there):
        """Whether its events were durable or never arrived, retries with the same key in new processes append them once."""
        process = child("die", run, died)
        assert process.wait() == 9, process.stderr.read()
        for head in (there, 5):
            with open_log(run, write=True) as log:
                assert log.head().seq == head
                assert log.append(events(3, 2), key="mine").seq == 5
        assert [event.persona for event in read_events(run)] == list(range(5))
