"""The runs that the pages show, each read once by a thread that follows its log while a page shows it. Shared by all open
pages; writes nothing.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from abm.events import Event
from abm.log import Head
from analysis.readings.book import Book
from analysis.readings.folded import Folded, R
from analysis.readings.reading import read
from analysis.readings.society import SocietyKey
from analysis.ui.data.life import State, state_of
from analysis.ui.data.runs import Ends, RunInfo, cells_folder, find_runs, find_studies, keys, seen_from
from analysis.ui.followers import Following, Watcher
from analysis.ui.interview import Interviewer
from analysis.ui.studies import ShownStudy
from analysis.ui.summaries import Summaries
from moloch.errors import InputError, MolochError
from moloch.plain_text import near_paths

KEPT = 8
"""Readings of a run that are kept for the next page that asks."""
SOCIETIES = 2
"""Societies that are kept with their frames though no page shows them."""
T = TypeVar("T")


class Follower(Following):
    """One run: its book, kept up to date while a page looks.

    Attributes:
        version: grows whenever the book does; ``ready``: set once the log, as it was at first, is read, or reading failed.
        error: why reading stopped.
    """

    def __init__(self, key: str, path: Path, ends: Ends) -> None:
        super().__init__(path, Book.TAKES)
        self.key, self.version, self._seen = key, 0, _identity(path)
        self.ready = threading.Event()
        self._book, self._lock, self._ends = Book(), threading.Lock(), ends
        self._head = Head(0, "")
        self._memory: dict[object, object] = {}
        self._folds: dict[object, Folded[Any]] = {}
        self._watchers: dict[SocietyKey, Watcher] = {}

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
            _forget(self._memory, 4 * KEPT)
        return made

    def fold(self, key: object, make: Callable[[], R], look: Callable[[R], T]) -> T:
        """Return what ``look`` makes of a reading that is as far as the book; it resumes where the last look ended.

        Args:
            make: makes the reading where there is none for ``key``; a few newest are kept.
        """
        with self._lock:
            folded, seq = self._folds.pop(key, None) or Folded(self.path, make()), self._book.seq
            self._folds[key] = folded
            _forget(self._folds, KEPT)
        return folded.look(look, seq)

    def watcher(self, key: SocietyKey) -> Watcher:
        """Return the watcher of a society; pages that show the same society share it."""
        with self._lock:
            current = self._watchers.pop(key, None) or Watcher(self.path, key)
            self._watchers[key] = current
            idle = [each for each, watcher in self._watchers.items() if not watcher.watched and watcher is not current]
            for each in idle[: max(0, len(idle) - SOCIETIES)]:
                del self._watchers[each]
            return current

    def info(self) -> RunInfo:
        """Return the run from outside, as it is now; once it is read, no byte of the log is read for that."""
        if not self.ready.is_set() or self.error or not self._head.seq:
            return self._ends.describe(self.key, self.path)
        with self._lock:
            head, ended = self._head, self._book.ended
        digest = ended.digest if ended is not None and ended.seq == head.seq - 1 else ""
        try:
            return seen_from(self.key, self.path, head, digest)
        except MolochError as error:
            return RunInfo(self.key, self.path, {}, "damaged", error=near_paths(str(error)))

    def state(self) -> State:
        """Return the run's state, as it is now; no byte of its log is read for that."""
        if self.error:
            return "damaged"
        with self._lock:
            head, ended = self._head, self._book.ended
        return state_of(self.path, head.seq, ended is not None and ended.seq == head.seq - 1)

    @property
    def replaced(self) -> bool:
        """Whether the folder now holds another run than the one that was read, or holds one again."""
        now = _identity(self.path)
        return now is not None and now != self._seen

    @property
    def is_there(self) -> bool:
        """Whether the folder holds a run."""
        return _identity(self.path) is not None

    def close(self) -> None:
        """Stop reading, even while a page looks."""
        self.end()
        for watcher in self._watchers.values():
            watcher.end()

    def take(self, events: Iterable[Event], head: Head) -> None:
        """Take a commit's events."""
        with self._lock:
            read(events, self._book)
            self._book.seq, self._head = head.seq, head
        self.version += 1

    def rested(self) -> None:
        """Everything was read, or reading failed."""
        if self.error or not self.ready.is_set():
            self._seen = _identity(self.path) and self._seen
            self.version += 1
        self.ready.set()


def _identity(run: Path) -> tuple[int, int] | None:
    """Return what distinguishes a run's folder from another of the same name; None where there is no run."""
    try:
        status = (run / "run.json").stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _forget(kept: dict[object, Any], most: int) -> None:
    while len(kept) > most:
        kept.pop(next(iter(kept)))


class Library:
    """All runs and studies, by key.

    Args:
        runs: folders of runs; ``folders``: those whose runs and studies are shown too, new ones as they come, but for runs that are
            ``hidden``; of a study that is, no effects are shown.
    """

    def __init__(
        self,
        runs: Iterable[Path],
        folders: Iterable[Path] = (),
        llm: str = "",
        hidden: Callable[[Path], bool] = lambda run: False,
    ) -> None:
        self.folders, self.interviewer, self._hidden = tuple(folders), Interviewer(llm), hidden
        self._given = list(runs)
        self._followers: dict[str, Follower] = {}
        self._studies: dict[str, ShownStudy] = {}
        self._lock, self._ends = threading.Lock(), Ends()
        self.summaries = Summaries()

    def paths(self) -> dict[str, Path]:
        """Return key -> folder of every run that is there now."""
        discovered = (run for folder in self.folders for run in find_runs(folder) if not self._hidden(run))
        return keys([*self._given, *discovered])

    def runs(self, patience_s: float = math.inf) -> list[RunInfo]:
        """Return every run's description, by key; of a log that has grown, only new events are read.

        Args:
            patience_s: seconds after which runs that were never described are left out; a later call has them.
        """
        wanted = sorted(self.paths().items())
        due = time.monotonic() + patience_s
        return [self._ends.describe(*each) for each in wanted if self._ends.knows(each[1]) or time.monotonic() < due]

    def studies(self) -> list[ShownStudy]:
        """Return every study that is there now."""
        return [self._study(key, path) for key, path in self._study_paths().items()]

    def study(self, key: str) -> ShownStudy | None:
        """Return a study; None where there is no such one."""
        path = self._study_paths().get(key)
        return self._study(key, path) if path is not None else None

    def study_of(self, run: Path) -> str:
        """Return the key of the study that a run is a cell of; empty for none that is shown."""
        folder = cells_folder(run)
        return next((key for key, path in self._study_paths().items() if path == folder), "") if folder else ""

    def follower(self, key: str) -> Follower | None:
        """Return the follower of a run, which reads while pages show it; None where there is no such run."""
        known = self._followers.get(key)
        if known is not None and not known.replaced and known.is_there and not self._hidden(known.path):
            return known  # a folder of a thousand runs need not be listed for that
        path = self.paths().get(key)
        if path is None:
            return None
        with self._lock:
            follower = self._followers.get(key)
            if follower is not None and (follower.path != path or follower.replaced):
                follower.close()
                follower = None
            if follower is None:
                follower = self._followers[key] = Follower(key, path, self._ends)
            return follower

    def close(self) -> None:
        """Stop reading."""
        self.summaries.close()
        for follower in self._followers.values():
            follower.close()

    def _study_paths(self) -> dict[str, Path]:
        return keys(study for folder in self.folders for study in find_studies(folder))

    def _study(self, key: str, path: Path) -> ShownStudy:
        with self._lock:
            shown = self._studies.get(key)
            if shown is None or shown.path != path:
                shown = self._studies[key] = ShownStudy(key, path, self._hidden, self._ends.damage)
            return shown


_open: Library | None = None


def open_library(
    runs: Iterable[Path],
    folders: Iterable[Path] = (),
    llm: str = "",
    hidden: Callable[[Path], bool] = lambda run: False,
) -> Library:
    """Open the library that this process's pages show, and return it."""
    global _open
    _open = Library(runs, folders, llm, hidden)
    return _open


def library() -> Library:
    """Return the library that this process's pages show.

    Raises:
        InputError: none was opened; ``moloch ui`` starts the pages.
    """
    if _open is None:
        raise InputError("no runs to show", fix="Start the pages with `moloch ui`.")
    return _open
