"""A commit that is settled is written by the next writer; a log of several machines has one chain."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from abm.log import create, disk, open_log, read_events, verify
from abm.log.commit_files import FOLDER, CommitFiles
from abm.log.recovery import repair
from abm.study_events import StudyLooked
from moloch.durable import make_once
from moloch.errors import Conflict, CorruptLog

SEAL = 4


def looked(door: str) -> StudyLooked:
    return StudyLooked(door=door, ended=0, of=1)


def doors(run: Path) -> list[str]:
    verify(run)
    return [event.door for event in read_events(run) if isinstance(event, StudyLooked)]


@pytest.fixture
def run(tmp_path) -> Path:
    with create(tmp_path / "log", {}, seal_events=SEAL) as log:
        log.append([looked("first")])
    return tmp_path / "log"


@pytest.fixture
def unlocked(monkeypatch):
    """Locks that nobody sees, as between machines."""
    monkeypatch.setattr(disk.fcntl, "flock", lambda descriptor, how: None)


class TestMadeOnce:
    """Of many who try, one makes it."""

    def test_the_first_one(self, tmp_path):
        """What it says stays, and nothing else is left."""
        assert make_once(tmp_path / "a", b"one") and not make_once(tmp_path / "a", b"two")
        assert (tmp_path / "a").read_bytes() == b"one" and [path.name for path in tmp_path.iterdir()] == ["a"]

    def test_an_answer_that_was_lost(self, tmp_path, monkeypatch):
        """Over a network the link may be made and reported as there already: it is ours."""
        link = os.link

        def again(new: Path, path: Path) -> None:
            link(new, path)
            raise FileExistsError

        monkeypatch.setattr(os, "link", again)
        assert make_once(tmp_path / "a", b"one") and [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.usefixtures("unlocked")
class TestTwoWriters:
    """Both have the log open, and see no lock."""

    def test_one_is_refused(self, run):
        """Before anything of it is written; the other's event stays."""
        with open_log(run, write=True, seal_events=SEAL) as one, open_log(run, write=True, seal_events=SEAL) as two:
            one.append([looked("one")])
            with pytest.raises(Conflict):
                two.append([looked("two")])
        assert doors(run) == ["first", "one"]

    def test_where_its_view_of_the_file_is_old(self, run, monkeypatch):
        """As over a network, where sizes are remembered for seconds."""
        with open_log(run, write=True, seal_events=SEAL) as one, open_log(run, write=True, seal_events=SEAL) as two:
            old = next((run / "log").iterdir()).stat()
            one.append([looked("one")])
            monkeypatch.setattr(os, "fstat", lambda descriptor: old)
            with pytest.raises(Conflict, match="event 1 is there"):
                two.append([looked("two")])
        monkeypatch.undo()
        assert doors(run) == ["first", "one"]

    def test_both_finish_the_same_commit(self, run):
        """However late: the same bytes at the same place."""
        segment = next((run / "log").iterdir())
        before = segment.stat().st_size
        with open_log(run, write=True, seal_events=SEAL) as log:
            log.append([looked("one")])
        whole = segment.read_bytes()
        file = disk.open_placing(segment)
        disk.write_at(file, (run / FOLDER / f"{1:020d}.zst").read_bytes(), before)
        os.close(file)
        assert segment.read_bytes() == whole and doors(run) == ["first", "one"]


class TestSettled:
    """Who was killed had settled its commit, and not written it, or a part of it."""

    def settle(self, run: Path, events: int, written: float) -> None:
        """Leave the log as a writer that was killed does, which had written that share of its last commit."""
        with open_log(run, write=True, seal_events=SEAL) as log:
            for i in range(events - 1):
                log.append([looked(str(i))])
            before = {path: path.stat().st_size for path in (run / "log").iterdir()}
            log.append([looked("last")])
        for path in (run / "log").iterdir():
            size, after = before.get(path, 0), path.stat().st_size
            os.truncate(path, size + int((after - size) * written))

    @pytest.mark.parametrize("events", [1, 3, 4, 5])
    @pytest.mark.parametrize("written", [0.0, 0.1, 0.9, 1.0])
    def test_the_next_one_writes_it(self, run, events, written):
        """In the same segment or as the first of another; nothing is set aside."""
        self.settle(run, events, written)
        with open_log(run, write=True, seal_events=SEAL) as log:
            log.append([looked("next")])
        assert doors(run) == ["first", *map(str, range(events - 1)), "last", "next"]
        assert not (run / "quarantine").exists()

    def test_all_of_it(self, run):
        """Even where the whole log was lost: its commits are all there."""
        self.settle(run, 9, 1.0)
        want = doors(run)
        for path in (run / "log").iterdir():
            path.unlink()
        open_log(run, write=True, seal_events=SEAL).close()
        assert doors(run) == want

    def test_of_another_log(self, run, tmp_path):
        """It is refused, and nothing is written."""
        with create(tmp_path / "other", {"other": 1}, seal_events=SEAL) as log:
            log.append([looked("first"), looked("second")])
        stray = tmp_path / "other" / FOLDER / f"{0:020d}.zst"
        (run / FOLDER / f"{1:020d}.zst").write_bytes(stray.read_bytes())
        with pytest.raises(CorruptLog, match="does not follow event 0"):
            open_log(run, write=True, seal_events=SEAL)
        assert doors(run) == ["first"]


class TestRepair:
    """Of a log that is damaged within."""

    @pytest.mark.parametrize("event", [2, 4, 9])
    def test_it_is_written_again(self, run, event):
        """From its commits: not an event is lost, in whichever segment the damage is, and it is written on."""
        with open_log(run, write=True, seal_events=SEAL) as log:
            for i in range(10):
                log.append([looked(str(i))])
        want, head = doors(run), verify(run)
        block = next(block for block in open_log(run, write=False).blocks() if block.commit.seq == event)
        damaged = bytearray(block.path.read_bytes())
        damaged[(block.start + block.end) // 2] ^= 1
        block.path.chmod(0o644)
        block.path.write_bytes(damaged)
        with pytest.raises(CorruptLog):
            verify(run)
        done = repair(run)
        assert done and done.seq == event and verify(run) == head and doors(run) == want
        assert all((run / "quarantine" / name).exists() for name in done.files)
        with open_log(run, write=True, seal_events=SEAL) as log:
            log.append([looked("next")])
        assert doors(run) == [*want, "next"]

    def test_where_a_commit_is_lost_besides(self, run):
        """What came before it stays, what follows is set aside, and it is written on."""
        with open_log(run, write=True, seal_events=SEAL) as log:
            for i in range(10):
                log.append([looked(str(i))])
        block = next(block for block in open_log(run, write=False).blocks() if block.commit.seq == 6)
        damaged = bytearray(block.path.read_bytes())
        damaged[(block.start + block.end) // 2] ^= 1
        block.path.chmod(0o644)
        block.path.write_bytes(damaged)
        (run / FOLDER / f"{6:020d}.zst").unlink()
        assert repair(run)
        with open_log(run, write=True, seal_events=SEAL) as log:
            log.append([looked("next")])
        assert doors(run) == ["first", *map(str, range(5)), "next"]


class TestCaughtUp:
    """A log at rest goes on behind what others wrote."""

    def test_without_opening_it(self, run, monkeypatch):
        """In the same segment nothing is read twice."""
        one = open_log(run, write=True, seal_events=SEAL)
        one.rest()
        two = open_log(run, write=True, seal_events=SEAL)
        two.append([looked("two")])
        two.rest()
        monkeypatch.setattr("abm.log.writer.find_end", lambda *_: pytest.fail("it is opened again"))
        assert one.resume() and one.head() == verify(run)
        one.append([looked("one")])
        one.rest()
        assert two.resume()
        two.append([looked("two again")])
        two.rest()
        one.close()
        two.close()
        assert doors(run) == ["first", "two", "one", "two again"]

    def test_over_a_new_segment(self, run):
        """It is to be opened again."""
        one = open_log(run, write=True, seal_events=SEAL)
        one.rest()
        with open_log(run, write=True, seal_events=SEAL) as two:
            for i in range(SEAL + 1):
                two.append([looked(str(i))])
        assert not one.resume()
        one.close()

    def test_a_commit_that_is_not_whole(self, run):
        """It is to be opened again, which finishes it."""
        one = open_log(run, write=True, seal_events=SEAL)
        one.rest()
        with open_log(run, write=True, seal_events=SEAL) as two:
            two.append([looked("two")])
        segment = next((run / "log").iterdir())
        os.truncate(segment, segment.stat().st_size - 5)
        assert not one.resume()
        one.close()
        open_log(run, write=True, seal_events=SEAL).close()
        assert doors(run) == ["first", "two"]


def test_a_run_has_no_such_files(tmp_path):
    """One process writes it, under a claim."""
    with create(tmp_path / "run", {}) as log:
        log.append([looked("first")])
    assert not (tmp_path / "run" / FOLDER).exists() and CommitFiles(tmp_path / "run").after(*log.head()) is None
