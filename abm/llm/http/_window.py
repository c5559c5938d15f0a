"""How many calls a server bears at once, learnt from how it answers. Knows times; knows no calls and no sockets.

It begins at the bound, is halved when the server says that it is too many, falls by a fifth when calls time out or take
more than half of the timeout, and grows by one per round of successes.
"""

from __future__ import annotations

TOO_MANY, SLOW = 0.5, 0.8
"""What remains of the calls at once when the server says that it is too many, and when it is slow."""
SLOWEST = 0.25
"""Slowness alone may have other reasons than too many calls: it leaves that share of the bound."""


class Window:
    """The number of calls that may be on their way.

    Args:
        most: the bound.
        timeout: seconds of one attempt.

    Attributes:
        size: calls, 1 or more.
    """

    def __init__(self, most: int, timeout: float) -> None:
        self.size = float(most)
        self._most, self._timeout = most, timeout
        self._cut_at = float("-inf")
        self._latency = 0.0

    def succeeded(self, sent: float, now: float, flying: int) -> None:
        """Take note of an answer to a call that was ``sent`` then; ``flying`` calls besides it are on their way."""
        took = now - sent
        self._latency += (took - self._latency) / 16 if self._latency else took
        if self._latency > self._timeout / 2:
            self.slow(sent, now, flying)
        elif self.size < self._most:
            self.size = min(self.size + 1 / self.size, self._most)

    def throttled(self, sent: float, now: float, flying: int) -> None:
        """Take note that the server said that it is too many."""
        self._cut(sent, now, flying, TOO_MANY, 1.0)

    def slow(self, sent: float, now: float, flying: int) -> None:
        """Take note that the server is slow."""
        self._cut(sent, now, flying, SLOW, self._most * SLOWEST)

    def _cut(self, sent: float, now: float, flying: int, factor: float, least: float) -> None:
        """Bear fewer, unless the call was sent before the last cut and tells nothing new."""
        if sent > self._cut_at:
            self._cut_at = now
            self.size = max(1.0, min(self.size, max(least, min(self.size, flying + 1) * factor)))
