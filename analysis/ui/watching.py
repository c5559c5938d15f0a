"""One society read as its log grows: frames for a widget, which is told of new ones at most twice a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from abm.errors import MolochError
from abm.log import open_log
from analysis.ui.data.frames import Frames, Key
from analysis.ui.data.society import Reader
from analysis.ui.library import end_of

BEAT_S = 0.5
T = TypeVar("T")


class Watcher:
    """Follows one society of a run.

    Attributes:
        ready: whether what stood in the log at first is read.
        events: read so far.
    """

    def __init__(self, path: Path, key: Key, changed: Callable[[], None]) -> None:
        self.path, self.changed = path, changed
        self.ready, self.events, self.error = False, 0, ""
        self._reader, self._lock, self._closed = Reader(key), threading.Lock(), threading.Event()
        self._told, self._known = 0.0, (False, -1)

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._follow, daemon=True).start()

    def close(self) -> None:
        """Stop reading."""
        self._closed.set()

    def read(self, look: Callable[[Frames | None], T]) -> T:
        """Return what ``look`` makes of the frames as they are now."""
        with self._lock:
            return look(self._reader.frames)

    def frames(self) -> Frames:
        """Return the frames as they are now.

        Raises:
            ValueError: the society has not begun.
        """
        found = self.read(lambda frames: frames.copy() if frames is not None else None)
        if found is None:
            raise ValueError("no frame yet")
        return found

    def _follow(self) -> None:
        def stop() -> bool:
            self._tell()
            return self._closed.is_set()

        try:
            log = open_log(self.path, write=False)
            there = end_of(log)
            self._know(0, there)
            for event in log.follow(poll=BEAT_S / 4, stop=stop):
                with self._lock:
                    self._reader.take(event)
                self._know(event.seq + 1, there)
                if self._closed.is_set():
                    return
        except MolochError as error:
            self.error = str(error)
        except Exception as error:  # a log that nobody foresaw must not leave a page waiting
            self.error = f"the log cannot be understood: {type(error).__name__}: {error}"
        if not self._closed.is_set():
            self.ready = True
            self.changed()

    def _know(self, events: int, there: float) -> None:
        """Count, and tell of it: at once when what stood in the log is read, now and then before and after."""
        self.events = events
        if not self.ready and events >= there:
            self.ready, self._told = True, 0.0
        if self.ready or not events % 5_000:
            self._tell()

    def _tell(self) -> None:
        now, length = time.monotonic(), self.read(lambda frames: len(frames) if frames is not None else 0)
        fresh = (self.ready, length if self.ready else self.events)
        if fresh != self._known and now - self._told >= BEAT_S:
            self._told, self._known = now, fresh
            self.changed()
