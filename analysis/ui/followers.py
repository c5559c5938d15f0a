"""Logs read as they grow, while a page shows what they say; and one society's frames, which pages get at most twice a
second, less often where showing them takes long.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable
from itertools import islice
from pathlib import Path
from typing import TypeVar

from abm.events import Event
from abm.log import Head, open_log
from abm.log.recovery import head_after
from abm.log.tail import Tail
from analysis.readings.reading import read
from analysis.readings.society import SocietyKey
from analysis.ui.data.frames import Frames
from analysis.ui.data.society import SocietyReading
from moloch.errors import MolochError
from moloch.plain_text import near_paths

POLL_S = 0.25
"""Seconds between looks at a log."""
BEAT_S = 0.5
"""Least seconds between two updates of a page."""
SHARE = 5
"""At most one part in this many of the time goes into updating a page."""
AT_ONCE = 1_000
"""Events that are taken while pages that look at the frames wait."""
T = TypeVar("T")


def pause(took: float) -> float:
    """Return how long to wait after an update that took this many seconds."""
    return max(BEAT_S, (SHARE - 1) * took)


class Following(ABC):
    """Reads a log in a separate thread while a page looks, each event once; the next look resumes where the last one ended.

    Attributes:
        error: why reading stopped; the next look tries again.
    """

    def __init__(self, path: Path, kinds: Collection[type[Event]]) -> None:
        self.path, self.error = path, ""
        self._kinds = kinds
        self._tail: Tail | None = None
        self._looking: list[Callable[[], None]] = []
        self._gate, self._reading, self._ended = threading.Lock(), False, threading.Event()

    @property
    def watched(self) -> bool:
        """Whether a page looks."""
        return bool(self._looking)

    def look(self, changed: Callable[[], None] = lambda: None) -> Callable[[], None]:
        """Read on from now, and report new events to ``changed``; returns how to stop. Reading continues while any page looks."""
        with self._gate:
            self._looking.append(changed)
            if not self._reading:
                self._reading = True
                threading.Thread(target=self._follow, name=f"follow {self.path.name}", daemon=True).start()

        def leave() -> None:
            with self._gate:
                if changed in self._looking:
                    self._looking.remove(changed)

        return leave

    def end(self) -> None:
        """Stop reading, even while a page looks."""
        self._ended.set()

    @abstractmethod
    def take(self, events: Iterable[Event], head: Head) -> None:
        """Take a commit's events, without those of other types; the log stands at ``head`` after them."""

    @abstractmethod
    def rested(self) -> None:
        """Called whenever everything was read, or reading failed."""

    def _follow(self) -> None:
        while self._go_on():
            complete = True
            try:
                complete = self._read()
            except MolochError as error:
                self.error = near_paths(str(error))
            except Exception as error:  # an unforeseen log must not leave a page waiting
                self.error = f"the log cannot be understood: {type(error).__name__}: {error}"
            if complete:
                self.rested()
            if self.error:
                with self._gate:
                    self._reading = False
                return
            self._ended.wait(POLL_S)

    def _go_on(self) -> bool:
        with self._gate:
            self._reading = bool(self._looking) and not self._ended.is_set()
            return self._reading

    def _read(self) -> bool:
        """Take new events; returns whether all of them were taken, not only those before the last page left."""
        if self._tail is None:
            self._tail = open_log(self.path, write=False).tail()
        self.error = ""
        for block in self._tail.new():
            self.take(block.events(self._kinds), head_after(block))
            if not self._looking or self._ended.is_set():
                return False
        return True


class Watcher(Following):
    """Follows one society of a run.

    Attributes:
        ready: whether the log, as it was at first, is read.
        events: read so far.
    """

    def __init__(self, path: Path, key: SocietyKey) -> None:
        super().__init__(path, SocietyReading.TAKES)
        self.ready, self.events = False, 0
        self._society, self._lock = SocietyReading(key), threading.Lock()
        self._due, self._known = 0.0, (False, -1, "")

    def read(self, look: Callable[[Frames | None], T]) -> T:
        """Return what ``look`` makes of the frames as they are now."""
        with self._lock:
            return look(self._society.result())

    def frames(self) -> Frames:
        """Return the frames as they are now.

        Raises:
            ValueError: the society has not begun.
        """
        current = self.read(lambda frames: frames.copy() if frames is not None else None)
        if current is None:
            raise ValueError("no frame yet")
        return current

    def take(self, events: Iterable[Event], head: Head) -> None:
        """Take a commit's events, and notify pages now and then."""
        waiting = iter(events)
        while some := list(islice(waiting, AT_ONCE)):
            with self._lock:
                read(some, self._society)
        self.events = head.seq
        self._tell()

    def rested(self) -> None:
        """Notify pages: immediately when the existing log is read."""
        if not self.ready:
            self.ready, self._due = True, 0.0
        self._tell()

    def _tell(self) -> None:
        length = self.read(lambda frames: len(frames) if frames is not None else 0)
        fresh = (self.ready, length if self.ready else self.events, self.error)
        began = time.monotonic()
        if fresh != self._known and began >= self._due:
            self._known = fresh
            for changed in list(self._looking):
                changed()
            now = time.monotonic()
            self._due = now + pause(now - began)
