"""An event loop behind a plain generator: it turns while its results are consumed. Knows nothing of calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """What is found in an event loop, given out between its turns.

    Attributes:
        loop: while :meth:`run` is taken from.
    """

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop
        self._found: list[T] = []
        self._bug: Exception | None = None

    def give(self, item: T) -> None:
        """Give out ``item`` after this turn."""
        self._found.append(item)
        self.wake()

    def wake(self) -> None:
        """End this turn, so that it is looked whether all is over."""
        self.loop.stop()

    def broken(self, error: BaseException | None) -> None:
        """End everything for an error in a callback, which would be waited for in vain; sockets' errors are no such ones."""
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self._bug = self._bug or error
            self.wake()

    def run(self, begin: Callable[[], None], over: Callable[[], bool], end: Callable[[], None]) -> Iterator[list[T]]:
        """Yield what was given, those together that came in one turn.

        Args:
            begin: called once the loop is there.
            over: whether nothing more is to come.
            end: called last, in the loop; what it aborts closes its sockets.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._run(begin, over, end)
        return _elsewhere(self._run(begin, over, end))  # in a notebook

    def _run(
        self, begin: Callable[[], None], over: Callable[[], bool], end: Callable[[], None]
    ) -> Generator[list[T], None, None]:
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(self._handler)
        try:
            begin()
            while not over():
                if not self._found:
                    self.loop.run_forever()
                if self._found:
                    yield self._taken()
                if self._bug is not None:
                    raise self._bug
            if self._found:
                yield self._taken()
        except KeyboardInterrupt:
            yield self._taken()  # they were paid for
            raise
        finally:
            self._close(end)

    def _taken(self) -> list[T]:
        items, self._found = self._found, []
        return items

    def _handler(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.broken(context.get("exception"))

    def _close(self, end: Callable[[], None]) -> None:
        end()
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


def _elsewhere(found: Generator[list[T], None, None]) -> Iterator[list[T]]:
    """Yield the results from a separate thread."""
    with ThreadPoolExecutor(1) as thread:
        try:
            while (some := thread.submit(next, found, None).result()) is not None:
                yield some
        finally:
            thread.submit(found.close).result()
