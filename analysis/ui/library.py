"""The runs that the pages show, each read once by a thread that follows its log. Shared by all open pages; writes nothing."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from abm.errors import InputError, MolochError
from abm.log import EventLog, open_log
from analysis.ui.data.book import Book
from analysis.ui.data.runs import Descriptions, RunInfo, describe, find_runs, keys
from analysis.ui.interview import Interviewer

POLL_S = 0.25
"""Seconds between looks at a log."""
T = TypeVar("T")


class Follower:
    """One run: its book, kept up to date.

    Attributes:
        version: grows whenever the book does; ``ready``: set once what stood in the log at first is read, or cannot be.
        error: why reading stopped.
    """

    def __init__(self, key: str, path: Path) -> None:
        self.key, self.path, self._seen = key, path, _identity(path)
        self.version, self.error = 0, ""
        self.ready = threading.Event()
        self._book, self._lock, self._closed = Book(), threading.Lock(), threading.Event()
        self._memory: dict[object, object] = {}
        self._thread = threading.Thread(target=self._follow, name=f"follow {key}", daemon=True)
        self._thread.start()

    def read(self, look: Callable[[Book], T]) -> T:
        """Return what ``look`` makes of the book as it is now."""
        with self._lock:
            return look(self._book)

    def once(self, key: object, make: Callable[[], T]) -> T:
        """Return what ``make`` made for this key before, or make it; a few newest are kept."""
        with self._lock:
            if key in self._memory:
                return self._memory[key]  # pyright: ignore[reportReturnType]
        made = make()
        with self._lock:
            self._memory[key] = made
            while len(self._memory) > 32:
                self._memory.pop(next(iter(self._memory)))
        return made

    def info(self) -> RunInfo:
        """Return the run from outside, as it is now."""
        return describe(self.key, self.path)

    @property
    def replaced(self) -> bool:
        """Whether another run lies in the folder than the one that was read, or one is there again."""
        now = _identity(self.path)
        return now is not None and now != self._seen

    def close(self) -> None:
        """Stop reading."""
        self._closed.set()

    def _follow(self) -> None:
        def stop() -> bool:
            return self._closed.is_set()

        try:
            log = open_log(self.path, write=False)
            there = end_of(log)
            if not there:
                self.ready.set()
            for event in log.follow(poll=POLL_S, stop=stop):
                with self._lock:
                    self._book.take(event)
                self.version += 1
                if event.seq + 1 >= there:
                    self.ready.set()
                if stop():
                    return
        except MolochError as error:
            self.error = str(error)
        except Exception as error:  # a log that nobody foresaw must not leave a page waiting
            self.error = f"the log cannot be understood: {type(error).__name__}: {error}"
        finally:
            self._seen = _identity(self.path) and self._seen
            self.version += 1
            self.ready.set()


def end_of(log: EventLog) -> float:
    """Return the next event's seq; infinity where the log is damaged: it is read up to there."""
    try:
        return log.head().seq
    except MolochError:
        return math.inf


def _identity(run: Path) -> tuple[int, int] | None:
    """Return what tells a run's folder from another one of that name; None where there is no run."""
    try:
        found = (run / "run.json").stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


class Library:
    """All runs, by key."""

    def __init__(self, runs: Iterable[Path], folder: Path | None = None, llm: str = "") -> None:
        self.folder, self.interviewer = folder, Interviewer(llm)
        self._given = list(runs)
        self._followers: dict[str, Follower] = {}
        self._descriptions = Descriptions()
        self._lock = threading.Lock()

    def paths(self) -> dict[str, Path]:
        """Return key -> folder of every run that is there now."""
        found = find_runs(self.folder) if self.folder is not None else []
        return keys([*self._given, *found])

    def runs(self) -> list[RunInfo]:
        """Return every run's description."""
        return [self._descriptions.of(key, path) for key, path in self.paths().items()]

    def follower(self, key: str) -> Follower | None:
        """Return the one that reads a run, begun when it is first asked for; None where there is no such run."""
        path = self.paths().get(key)
        if path is None:
            return None
        with self._lock:
            found = self._followers.get(key)
            if found is not None and (found.path != path or found.replaced):
                found.close()
                found = None
            if found is None:
                found = self._followers[key] = Follower(key, path)
            return found

    def close(self) -> None:
        """Stop reading."""
        for follower in self._followers.values():
            follower.close()


_open: Library | None = None


def open_library(runs: Iterable[Path], folder: Path | None = None, llm: str = "") -> Library:
    """Make the library that this process's pages show, and return it."""
    global _open
    _open = Library(runs, folder, llm)
    return _open


def library() -> Library:
    """Return the library that this process's pages show.

    Raises:
        InputError: none was opened; pages are started by ``moloch ui``.
    """
    if _open is None:
        raise InputError("no runs to show", mend="Start the pages with `moloch ui`.")
    return _open
