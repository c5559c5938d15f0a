"""Bytes that were cut, changed or moved: recovered exactly, or refused without a change; never believed."""

from __future__ import annotations

import itertools
import random
import shutil
from pathlib import Path

import pytest

from abm.events import Reacted, Recovered, Repaired
from abm.log import Fork, create, open_log, read_events, repair, verify
from abm.log.about import standing
from abm.log.codec import PREAMBLE
from abm.log.fork import fork_point
from abm.log.segments import Segment, blocks
from moloch.errors import CorruptLog, LogError
from tests.faults.children import events
from tests.support.memory import in_memory  # noqa: F401 (a fixture)

pytestmark = pytest.mark.usefixtures("in_memory")


@pytest.fixture
def run(in_memory: Path) -> Path:  # noqa: F811
    """Where a run will be, in memory."""
    return in_memory / "run"


def write(run: Path, sizes: tuple[int, ...], *, fork: Fork | None = None) -> None:
    """Write commits of these sizes."""
    with create(run, {"seed": 1}, fork=fork) as log:
        for size in sizes:
            log.append(events(size, log.head().seq))


def files(run: Path) -> list[Path]:
    return sorted((run / "log").iterdir())


def places(path: Path) -> list[tuple[int, int]]:
    """Return the byte ranges of a segment's commits."""
    return [(block.start, block.end) for block in blocks(Segment(path, int(path.name[:20])), None)]


def own(run: Path) -> list[int]:
    """Return what the events say about their places, without those of recovery and repair."""
    return [event.persona for event in read_events(run) if isinstance(event, Reacted)]


class TestCuts:
    """The last three commits, cut at every byte, followed by nothing, zeros or garbage."""

    @pytest.mark.parametrize("tail", ["nothing", "zeros", "garbage"])
    @pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.faults)])
    def test_the_whole_commits_stay(self, run, in_memory, tail, step):  # noqa: F811
        """Recovery keeps exactly the whole commits; what it refuses it does not touch, and repair keeps exactly those too."""
        write(run, (2, 3, 2, 1, 4))
        whole = files(run)[0].read_bytes()
        commits = places(files(run)[0])
        ends = list(itertools.accumulate((2, 3, 2, 1, 4)))
        noise = random.Random(1)
        for cut in range(commits[2][0], len(whole), step):
            rest = len(whole) - cut
            junk = {"nothing": b"", "zeros": bytes(rest), "garbage": noise.randbytes(rest)}[tail]
            kept = sum(end <= cut for _, end in commits)
            copy = in_memory / "copy"
            shutil.copytree(run, copy)
            files(copy)[0].chmod(0o644)
            files(copy)[0].write_bytes(whole[:cut] + junk)
            start = commits[kept][0]
            try:
                open_log(copy, write=True).close()
            except CorruptLog:
                assert tail != "nothing", f"cut at {cut}: an incomplete end was refused"
                assert files(copy)[0].read_bytes() == whole[:cut] + junk and not (copy / "quarantine").exists()
                assert isinstance(repair(copy), Repaired)
            else:
                assert tail == "nothing", f"cut at {cut}: {tail} behind it were taken for an end"
            assert own(copy) == list(range(ends[kept - 1])), f"cut at {cut}"
            if cut > start or junk:
                kinds = [type(e) for e in read_events(copy)][ends[kept - 1] :]
                assert kinds in ([Recovered], [Repaired])
                (aside,) = (copy / "quarantine").iterdir()
                assert aside.read_bytes() == whole[start:cut] + junk
            shutil.rmtree(copy)


class TestMissing:
    """What is missing is said: a part of the last commit, or the whole log."""

    def test_a_cut_inside_a_commit_is_said(self, run):
        """Wherever the last commit is cut, the log is not whole, and it says so."""
        write(run, (2, 3))
        whole, (start, end) = files(run)[0].read_bytes(), places(files(run)[0])[-1]
        for cut in range(start + 1, end):
            files(run)[0].write_bytes(whole[:cut])
            assert standing(run).why_not_whole and standing(run).incomplete_bytes == cut - start, f"cut at {cut}"
        files(run)[0].write_bytes(whole)
        assert not standing(run).why_not_whole

    @pytest.mark.parametrize("kept", [None, 0, len(PREAMBLE), 40])
    def test_a_log_that_is_gone_does_not_begin_again(self, run, kept):
        """Whatever is left of its first segment, if that is no event, something else in the folder shows what was there."""
        write(run, (2, 3))
        (run / "snap").mkdir()
        (run / "snap" / "5.json").write_text("{}")
        if kept is None:
            files(run)[0].unlink()
        else:
            files(run)[0].write_bytes(files(run)[0].read_bytes()[:kept])
        with pytest.raises(CorruptLog, match="log is gone"):
            open_log(run, write=True)


class TestFlips:
    """One bit, anywhere, in any file of a run of several segments."""

    @pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.faults)])
    def test_no_flip_is_believed(self, run, monkeypatch, step):
        """Verifying says so; so does opening, where the flip is in what a writer reads."""
        monkeypatch.setattr("abm.log.writer.SEAL_EVENTS", 6)
        write(run, (3, 3, 4, 2, 3, 2))
        last = files(run)[-1]
        assert len(files(run)) == 3
        for path in (*files(run), run / "run.json"):
            whole = path.read_bytes()
            path.chmod(0o644)
            for at in range(0, len(whole), step):
                path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
                with pytest.raises(LogError if path.name == "run.json" else CorruptLog):  # "format 3" is no damage
                    verify(run)
                if path == last:
                    with pytest.raises(CorruptLog):
                        open_log(run, write=True)
            path.write_bytes(whole)
        assert verify(run).seq == 17


class TestSplices:
    """Whole, valid commits in another place, and segments of another run."""

    def test_a_commit_of_another_run(self, run, in_memory):  # noqa: F811
        """A commit with the same place in another run's chain is not taken for this run's."""
        write(run, (2, 2, 2))
        other = in_memory / "other"
        with create(other, {"seed": 2}) as log:
            for size in (2, 2, 2):
                log.append(events(size, log.head().seq))
        ours, theirs = files(run)[0], files(other)[0]
        (start, end), (from_, to) = places(ours)[1], places(theirs)[1]
        data = ours.read_bytes()
        ours.write_bytes(data[:start] + theirs.read_bytes()[from_:to] + data[end:])
        with pytest.raises(CorruptLog, match="it continues"):
            verify(run)
        with pytest.raises(CorruptLog):
            open_log(run, write=True)

    def test_every_order_of_four_commits(self, run):
        """Swapped, doubled, left out: only the written order is believed, and its prefixes."""
        write(run, (1, 1, 1, 1))
        path = files(run)[0]
        data = path.read_bytes()
        parts = [data[start:end] for start, end in places(path)]
        for count in range(1, 5):
            for order in itertools.product(range(4), repeat=count):
                path.write_bytes(PREAMBLE + b"".join(parts[i] for i in order))
                if order == tuple(range(count)):
                    assert verify(run).seq == count
                else:
                    with pytest.raises(CorruptLog):
                        verify(run)

    def test_segments_left_out_doubled_or_swapped(self, run, monkeypatch):
        """Any arrangement of the segments but the written one is refused."""
        monkeypatch.setattr("abm.log.writer.SEAL_EVENTS", 4)
        write(run, (4, 4, 4, 4))
        whole = {path: path.read_bytes() for path in files(run)}
        for order in itertools.product(range(4), repeat=4):
            if order == (0, 1, 2, 3):
                continue
            for path, source in zip(whole, order, strict=True):
                path.chmod(0o644)
                path.write_bytes(list(whole.values())[source])
            with pytest.raises(CorruptLog):
                verify(run)
        for path, data in whole.items():
            path.write_bytes(data)
        assert verify(run).seq == 16


class TestForks:
    """A fork holds the run that it comes from to what it was."""

    def test_a_parent_written_again(self, run, in_memory):  # noqa: F811
        """Another history of the same length and settings is noticed."""
        from abm.events import StepEnded

        def parent(thought: str) -> None:
            with create(run, {"seed": 1}) as log:
                log.append([Reacted(contest="c", persona=0, order=[0], choice=0, thought=thought)])
                log.append([StepEnded(step=0, state_hash="")])

        parent("because")
        child = in_memory / "fork"
        write(child, (2, 2), fork=fork_point(run, 1, child))
        assert verify(child).seq == 6
        shutil.rmtree(run)
        parent("besides")
        with pytest.raises(CorruptLog, match="does not lead to"):
            verify(child)
        with pytest.raises(CorruptLog, match="does not lead to"):
            list(read_events(child))

    def test_flips_in_the_shared_part(self, run, in_memory):  # noqa: F811
        """A bit that is flipped before the fork is an error of the fork, one behind it is not."""
        from abm.events import StepEnded

        with create(run, {"seed": 1}) as log:
            log.append(events(3, 0))
            log.append([StepEnded(step=0, state_hash="")])
            log.append(events(3, 4))
        child = in_memory / "fork"
        write(child, (2,), fork=fork_point(run, 1, child))
        whole, limit = files(run)[0].read_bytes(), places(files(run)[0])[1][1]
        for at in range(0, len(whole), 5):
            files(run)[0].write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
            if at < limit:
                with pytest.raises(CorruptLog):
                    verify(child)
            else:
                assert verify(child).seq == 6
