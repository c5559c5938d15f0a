"""One society read as its log grows: frames for a widget, which is told of new ones at most twice a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from abm.errors import MolochError
from abm.log import open_log
from analysis.ui.data.society import Frames, Key, Reader

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
        self._told, self._length = 0.0, -1

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

    def _follow(self) -> None:
        looks = 0

        def stop() -> bool:
            nonlocal looks
            looks += 1
            self.ready = self.ready or looks > 1
            self._tell()
            return self._closed.is_set()

        try:
            for event in open_log(self.path, write=False).follow(poll=BEAT_S / 2, stop=stop):
                with self._lock:
                    self._reader.take(event)
                self.events += 1
                if self._closed.is_set():
                    return
                if self.ready or not self.events % 5_000:
                    self._tell()
        except MolochError as error:
            self.error = str(error)
        except Exception as error:
            self.error = f"the log cannot be understood: {type(error).__name__}: {error}"
        if not self._closed.is_set():
            self.ready, self._told = True, 0.0
            self.changed()

    def _tell(self) -> None:
        now, length = time.monotonic(), self.read(lambda frames: len(frames) if frames is not None else 0)
        fresh = (self.ready, length if self.ready else self.events)
        if fresh != self._length and now - self._told >= BEAT_S:
            self._told, self._length = now, fresh
            self.changed()
