"""How failed calls are handled: sent again later, given up, or the server counts as gone. Knows times, no sockets.

A call that failed is sent again after a random part of a doubling delay; where the server says how long to wait, every
call waits, and hardly longer. A server that answers nothing for ``patience`` seconds, or nothing right for :data:`FRUITLESS` calls, is gone.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, deque
from itertools import count
from typing import Literal

from abm.llm.http._call import PendingCall
from abm.llm.http._exchange import Again, Limits
from abm.llm.http._failure import with_words

FRUITLESS = 20
"""Calls in a row that may be given up: then nothing that the server says is right."""
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
"""Seconds before a call is sent again: a random part of the first, doubled each time up to the longest."""

Fate = Literal["again", "given up", "gone"]
"""Of a call that failed: it will be sent again; it gets no answer; or no call to this server will get one."""


class Retries:
    """The calls that failed, and what their failures say about the server.

    Attributes:
        retried: reason -> attempts that were made again; ``given_up``: reason -> calls that got no answer.
        due: calls whose wait is over, to be sent before any new one.
        why_gone: why the server counts as gone; empty while it does not.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.retried: Counter[str] = Counter()
        self.given_up: Counter[str] = Counter()
        self.due: deque[PendingCall] = deque()
        self.why_gone = ""
        self._later: list[tuple[float, int, PendingCall]] = []
        self._serial = count()
        self._paused_until = float("-inf")
        self._last_success = float("-inf")
        self._failing_since: float | None = None
        self._fruitless = 0

    def __bool__(self) -> bool:
        """Return whether calls wait to be sent again."""
        return bool(self.due or self._later)

    @property
    def waiting(self) -> dict[str, int]:
        """Why an attempt came to nothing -> calls that wait to be sent again; may be read from any thread."""
        calls = [*list(self.due), *(call for _, _, call in list(self._later))]
        return dict(Counter(call.why for call in calls).most_common())

    def silent(self, now: float, since: float) -> float:
        """Return the seconds since the last answer, or since the calls began."""
        return now - max(self._last_success, since)

    def paused(self, now: float) -> bool:
        """Return whether the server wants to be left alone."""
        return now < self._paused_until

    def succeeded(self, now: float) -> None:
        """Take note of an answer: the server is well."""
        self._last_success, self._failing_since, self._fruitless = now, None, 0

    def wake(self, now: float) -> None:
        """Move the calls that have waited long enough to :attr:`due`."""
        while self._later and self._later[0][0] <= now:
            self.due.append(heapq.heappop(self._later)[2])

    def failed(self, call: PendingCall, again: Again, now: float) -> Fate:
        """Record a failed attempt, and return what happens to the call."""
        call.why = again.why
        if again.throttled:
            call.throttled += 1
        elif not (again.stale or again.learnt):
            call.attempts += 1
        if again.wrong:
            self._failing_since = None
        elif self._failing_since is None:
            self._failing_since = now
        if (
            call.attempts >= self._limits.attempts
            and not again.learnt
            and (again.wrong or self._last_success > call.first)
        ):
            return self._give_up(again)
        self.retried[again.why] += 1
        failing = now - self._failing_since if self._failing_since is not None else 0.0
        wait = again.after or 0.0
        if max(failing, wait) > self._limits.patience:
            asked = f"it asks for no calls for {wait:.0f} s"
            silent = asked if wait > self._limits.patience else f"no answer for {failing:.3g} s"
            self.why_gone = f"{with_words(again.why, again.said)}; {silent}"
            return "gone"
        if again.after is not None:
            self._paused_until = max(self._paused_until, now + wait)
        delay = 0.0 if again.learnt else _delay(call, wait)
        heapq.heappush(self._later, (now + wait + delay, next(self._serial), call))
        return "again"

    def _give_up(self, again: Again) -> Fate:
        self._fruitless += 1
        if self._fruitless > FRUITLESS:
            self.retried[again.why] += 1
            reason = with_words(again.why, again.said)
            self.why_gone = f"{reason}; not one of the last {self._fruitless} calls was answered"
            return "gone"
        self.given_up[again.why] += 1
        return "given up"


def _delay(call: PendingCall, asked: float) -> float:
    """Return how long to wait before the next attempt, beyond what the server ``asked`` for, in seconds.

    A server that says how long is believed: beyond that the delay only keeps calls apart, and stays of the same size.
    """
    tries = call.attempts + call.throttled
    longest = min(LONGEST_DELAY, max(FIRST_DELAY, asked)) if asked else LONGEST_DELAY
    return min(longest, FIRST_DELAY * 2.0 ** min(tries - 1, 20)) * random.random()
