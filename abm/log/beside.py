"""One piece of work in a separate thread, concurrent with the caller. Knows nothing of the log.

It pays where both leave the interpreter, as hashing and compressing do. The thread is made on first use, and anew in a
child process, which has no threads of its parent.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Beside(Generic[T]):
    """A thread that waits for work: :meth:`start` it, do something else, take the :meth:`result`."""

    def __init__(self) -> None:
        self._pid: int | None = None
        self._todo: SimpleQueue[Callable[[], T] | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

    def start(self, work: Callable[[], T]) -> None:
        """Begin ``work``; take its result before starting other work."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._todo, self._done = SimpleQueue(), SimpleQueue()
            threading.Thread(target=self._run, name="beside", daemon=True).start()
        self._todo.put(work)

    def result(self) -> T:
        """Wait for the work that was started and return what it gave, or raise what it raised."""
        value, error = self._done.get()
        if error is not None:
            raise error
        return value  # type: ignore[return-value]

    def close(self) -> None:
        """End the thread; work can be started again."""
        if self._pid == os.getpid():
            self._todo.put(None)
        self._pid = None

    def _run(self) -> None:
        todo, done = self._todo, self._done
        while (work := todo.get()) is not None:
            try:
                done.put((work(), None))
            except BaseException as error:
                done.put((None, error))
