"""A log read a little further than what was taken from it: up to the next event of a kind. Knows nothing of what events do."""

from __future__ import annotations

from collections.abc import Iterator

from abm.events import Event
from abm.log.segments import Block
from abm.log.tail import Tail
from moloch.errors import MolochError


class Lookahead:
    """Events of a log in order, some of them looked at before they are taken.

    Args:
        tail: where they come from; by default there are none.

    Attributes:
        error: what is wrong with the log beyond the events that were read, or made somebody stop; then none are read any more.
    """

    def __init__(self, tail: Tail | None = None) -> None:
        self.error: MolochError | None = None
        self._tail = tail
        self._blocks: Iterator[Block] = iter(())
        self._events: list[Event] = []

    def find(self, kind: type[Event]) -> int | None:
        """Return the place of the first event of a kind among those not taken, reading on until there is one; None where none is."""
        start = 0
        while True:
            for place in range(start, len(self._events)):
                if isinstance(self._events[place], kind):
                    return place
            start = len(self._events)
            try:
                block = self._next_block() if self.error is None else None
                if block is None:
                    return None
                self._events += block.events()
            except MolochError as error:
                self.error = error

    def take(self, count: int | None) -> list[Event]:
        """Return the next so many events, or all that were read, and go beyond them."""
        taken = self._events[:count]
        del self._events[: len(taken)]
        return taken

    def stop(self, error: MolochError) -> None:
        """Read and give no more, for this reason."""
        self.error = error
        self._events.clear()

    def _next_block(self) -> Block | None:
        if (block := next(self._blocks, None)) is None:  # its last look is over; have another
            self._blocks = self._tail.new() if self._tail is not None else iter(())
            block = next(self._blocks, None)
        return block
