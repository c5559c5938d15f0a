"""The promise of the pages: they only read logs, take nothing from a run, and read each event once."""

from __future__ import annotations

import builtins
import fcntl
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from abm.events import Event
from abm.log import create, open_log, read_events
from abm.log.segments import Block
from analysis.readings.book import Book
from analysis.readings.evaluation import EvaluationReading, read_evaluation
from analysis.readings.reading import result_of
from analysis.readings.society import SocietyKey
from analysis.tables.evaluation import probe_table, win_rate
from analysis.ui import followers, lookups
from analysis.ui.data.persona import Person, find_person, first_of
from analysis.ui.data.runs import describe
from analysis.ui.data.society import SocietyReading
from analysis.ui.data.story import StoryReading, read_story
from analysis.ui.data.told import story_rows
from analysis.ui.library import Follower, Library
from tests.support.ui_server import ROOT

KEY = SocietyKey("evaluate", "rft")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Looks at a log follow one another at once."""
    monkeypatch.setattr(followers, "POLL_S", 0.001)


@pytest.fixture
def decoded(monkeypatch) -> dict[frozenset, list[int]]:
    """Every event that is decoded from now on: its place, by the types that were asked for."""
    found: dict[frozenset, list[int]] = {}
    decode = Block.events

    def counted(self: Block, kinds=None) -> list[Event]:
        events = decode(self, kinds)
        found.setdefault(frozenset(kinds or ()), []).extend(event.seq for event in events)
        return events

    monkeypatch.setattr(Block, "events", counted)
    return found


class Growing:
    """A run that is written in parts, and a library that shows it."""

    def __init__(self, source: Path, folder: Path, parts: int = 12) -> None:
        self.path, self.events = folder / "live", list(read_events(source))
        self.log = create(self.path, json.loads((source / "run.json").read_text())["config"])
        self.library = Library([self.path])
        self._at, self._part = 0, -(-len(self.events) // parts)

    def grow(self) -> bool:
        """Append the next part; returns whether there was one."""
        new = self.events[self._at : self._at + self._part]
        if new:
            self.log.append(new)
        self._at += len(new)
        return bool(new)

    @property
    def follower(self) -> Follower:
        found = self.library.follower("live")
        assert found is not None
        return found

    def visit(self) -> None:
        """Open a page, wait until it shows all that was written, and leave."""
        follower = self.follower
        watcher = follower.watcher(KEY)
        leave = [follower.look(), watcher.look(lambda: None)]
        until(lambda: follower.read(lambda book: book.seq) == watcher.events == self._at)
        for away in leave:
            away()
        until(lambda: not (follower._reading or watcher._reading))

    def close(self) -> None:
        self.log.close()
        self.library.close()


def first_person(book: Book) -> Person | None:
    """Return the first persona of the society that is looked at."""
    return find_person(book, first_of(book, KEY.phase))


def until(done) -> None:
    """Wait for other threads; fails rather than waiting for ever."""
    end, pause = time.monotonic() + 60, threading.Event()
    while not done():
        assert time.monotonic() < end, "it never came"
        pause.wait(0.002)


@pytest.fixture
def growing(networked, tmp_path):
    """The networked run, nothing of it written yet."""
    found = Growing(networked, tmp_path)
    yield found
    found.close()


class TestOnce:
    """However often pages come and go, each event is decoded once for each thing that is shown."""

    def test_pages_that_come_and_go(self, growing, decoded):
        """A book, a society, the evaluation and a persona's story, looked at after every part that a writer adds."""
        while growing.grow():
            growing.visit()
            lookups.evaluation(growing.follower)
            person = growing.follower.read(first_person)
            if person is not None:
                lookups.story(growing.follower, person, KEY)
            growing.library.runs(), growing.follower.info()
        for kinds in (Book.TAKES, SocietyReading.TAKES, EvaluationReading.TAKES, StoryReading.TAKES):
            seqs = decoded[kinds]
            assert len(seqs) == len(set(seqs)) == sum(type(event) in kinds for event in growing.events)

    def test_nothing_is_read_while_nobody_looks(self, growing, decoded):
        """A run that goes on after everybody went away is not read on."""
        growing.grow()
        growing.visit()
        before = {kinds: list(seqs) for kinds, seqs in decoded.items()}
        while growing.grow():
            pass
        until(lambda: growing.follower._looking == [])
        assert decoded == before

    def test_the_list_of_runs_reads_what_is_new(self, growing, decoded, monkeypatch):
        """Of a log that has grown the list reads the commits since it looked last, not the segment again."""
        growing.grow()
        growing.library.runs()
        seen: list[int] = []
        events = Block.events
        monkeypatch.setattr(
            Block, "events", lambda self, kinds=None: seen.append(self.commit.seq) or events(self, kinds)
        )
        while growing.grow():
            growing.library.runs()
        assert len(seen) == len(set(seen)) > 5
        assert growing.library.runs() == [describe("live", growing.path)]


class TestTheSame:
    """Reading on gives what reading everything gives."""

    def test_only_what_is_shown_is_decoded(self, networked, isolated):
        """A book, a society's frames, an evaluation and a story from the types that they take alone."""
        for run in (networked, isolated):
            events = list(read_events(run))
            for make in (Book, lambda: SocietyReading(KEY), EvaluationReading):
                whole, part = make(), make()
                for event in events:
                    whole.take(event)
                    if type(event) in part.TAKES:
                        part.take(event)
                if isinstance(part, Book):
                    part.seq = len(events)
                assert shown(part) == shown(whole)

    def test_an_evaluation_read_on(self, growing):
        """Win rates and probes after every part are those of the log so far; nothing new gives the same object."""
        while growing.grow():
            growing.visit()
            found = lookups.evaluation(growing.follower)
            whole = read_evaluation(read_events(growing.path))
            assert [c.contest for c in found.contests] == [c.contest for c in whole.contests]
            assert found.panel.tolist() == whole.panel.tolist()
            assert repr(probe_table(found)) == repr(probe_table(whole))
            if found.contests:
                assert repr(win_rate(found, "rft")) == repr(win_rate(whole, "rft"))
            assert lookups.evaluation(growing.follower) is found
        assert found.contests

    def test_stories_read_on(self, growing):
        """What each persona saw is what the whole log says of it."""
        book = result_of(growing.events, Book())
        first = first_of(book, KEY.phase)
        people = [person for i in range(first, first + 4) if (person := find_person(book, i)) is not None]
        found = []
        while growing.grow():
            growing.visit()
            found = [lookups.story(growing.follower, person, KEY) for person in people]
        whole = [read_story(growing.events, book, person, KEY) for person in people]
        assert [(story_rows(story, 0, 99), story.opinions) for story in found] == [
            (story_rows(story, 0, 99), story.opinions) for story in whole
        ]
        assert any(story.encounters for story in found)

    def test_the_header(self, growing):
        """What the header says of a run that was followed is what its log says."""
        while growing.grow():
            growing.visit()
            assert replace(growing.follower.info(), written=0) == replace(describe("live", growing.path), written=0)
        growing.log.close()
        assert growing.follower.info().state == "ended"


def shown(fold) -> str:
    """Return all that a fold holds, as text."""
    if isinstance(fold, SocietyReading):
        frames = fold.frames
        assert frames is not None and len(frames)
        arrays = [each.tobytes() for kept in (frames.choices, frames.exposures, frames.opinions) for each in kept]
        return repr((arrays, frames.labels, frames.marks, frames.formed, frames.cut))
    return repr(fold.result() if isinstance(fold, EvaluationReading) else fold)


class TestOnlyReading:
    """Nothing of a run is locked, written or synced."""

    def test_files_are_opened_for_reading_alone(self, growing, monkeypatch):
        """Every file that pages open below the run is opened for reading; no lock is tried, and nothing is synced."""
        growing.grow()
        done: list[str] = []

        def refused(name):
            return lambda *args, **kwargs: done.append(name)

        def opened(real):
            def wrapper(file, mode="r", *args, **kwargs):
                if str(file).startswith(str(growing.path)) and set(mode) & set("wax+"):
                    done.append(f"{file} {mode}")
                return real(file, mode, *args, **kwargs)

            return wrapper

        for name in ("fsync", "fdatasync"):
            monkeypatch.setattr(os, name, refused(name))
        monkeypatch.setattr(fcntl, "flock", refused("flock"))
        monkeypatch.setattr(builtins, "open", opened(builtins.open))
        monkeypatch.setattr(io, "open", opened(io.open))
        before = {path: path.stat().st_mtime_ns for path in growing.path.rglob("*")}
        growing.visit()
        lookups.evaluation(growing.follower)
        lookups.verdicts(growing.follower)
        growing.library.runs(), growing.follower.info()
        assert done == []
        assert {path: path.stat().st_mtime_ns for path in growing.path.rglob("*")} == before

    def test_no_file_stays_open_and_no_lock_is_held(self, growing):
        """While pages look, a run can end, another process can take its lock, and its files can be moved away."""
        growing.grow()
        growing.visit()
        leave = growing.follower.look()
        names = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.exists()]
        ours = [name for name in names if name.startswith(str(growing.path)) and "/log/" in name]
        assert len(ours) == 1  # the writer's own
        growing.log.close()
        with open_log(growing.path, write=True) as again:
            again.append(growing.events[growing._at :])
            until(lambda: growing.follower.read(lambda book: book.seq) == len(growing.events))
        leave()


class TestEnding:
    """The server leaves nothing behind."""

    @pytest.mark.system
    @pytest.mark.parametrize(
        "number",
        [signal.SIGTERM, *(pytest.param(each, marks=pytest.mark.slow) for each in (signal.SIGINT, signal.SIGHUP))],
    )
    def test_a_signal_ends_it_and_its_folder(self, isolated, tmp_path, number):
        """Told to end, it ends with its temporary folder; beside a run it has a lower priority."""
        pytest.importorskip("solara", reason="the ui extra is not installed")
        environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
        command = [sys.executable, "-c", "from analysis.cli import main; main()", "ui", "--no-browser", "--port", "0"]
        process = subprocess.Popen(
            [*command, str(isolated)],
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # which ``nohup`` has these tests ignore
            env=environment,
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None and process.stderr is not None
        assert "http://" in process.stdout.readline()
        assert list(tmp_path.glob("moloch-ui-*"))
        until(lambda: os.getpriority(os.PRIO_PROCESS, process.pid) >= min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10))
        process.send_signal(number)
        assert process.wait(timeout=30) == (0 if number == signal.SIGINT else 128 + signal.SIGTERM)
        assert not list(tmp_path.glob("moloch-ui-*"))
        assert "Traceback" not in process.stderr.read()
