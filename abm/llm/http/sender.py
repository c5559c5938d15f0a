"""Many calls to one server: bounded, retried, each answered once. Knows time and connections; knows nothing of JSON or logs.

A call that failed is sent again after a random part of a doubling delay; where the server says how long to wait, everybody
waits. A server that answers nothing for ``patience`` seconds, or nothing right for :data:`FRUITLESS` calls, ends the run of
calls, and whatever had been answered was given out before.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from abm.llm.http.connection import Connection
from abm.llm.http.dial import Dialer, reason
from abm.llm.http.exchange import Address, Again, Exchanger, Gate, Limits, ServiceError
from abm.llm.http.turns import Turns
from abm.llm.http.window import Window
from abm.llm.port import Reply, Request
from moloch.errors import MolochError

CONNECTS = 256
"""Connections opened at the same time: more overrun the queues of servers."""
FRUITLESS = 20
"""Calls in a row that may be given up: then nothing that the server says is right."""
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
"""Seconds before a call is sent again: a random part of the first, doubled each time up to the longest."""
TIMEOUT = "timeout"
GRACE = 10.0
"""Seconds that calls on their way get to end when no more are sent."""


@dataclass(eq=False, slots=True)
class _Call:
    question: Request
    attempts: int = 0
    throttled: int = 0
    sent: float = 0.0
    first: float = 0.0
    connection: Connection | None = None
    task: asyncio.Task | None = None


class Sender:
    """Sends one round of calls; make a new one for each round.

    Args:
        address: the server.
        exchanger: how calls look.
        limits: how the server is treated.
        gate: what calls cost; by default nothing.

    Attributes:
        attempts: that were made so far; ``retried``: reason -> attempts that were made again; ``given_up``: reason ->
            calls that got no answer.
        window: how many calls the server bears at once, as far as is known.
    """

    def __init__(
        self,
        address: Address,
        exchanger: Exchanger,
        limits: Limits,
        gate: Gate | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address, self._exchanger, self._limits, self._gate, self._clock = address, exchanger, limits, gate, clock
        self._dialer = Dialer(address, limits.body)
        self.window = Window(limits.concurrency, limits.timeout)
        self.attempts = 0
        self.retried: Counter[str] = Counter()
        self.given_up: Counter[str] = Counter()
        self._waiting: Iterator[Request] = iter(())
        self._again: deque[_Call] = deque()
        self._later: list[tuple[float, int, _Call]] = []
        self._serial = count()
        self._flying: dict[_Call, None] = {}
        """Calls on their way, in the order in which they were sent."""
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._connecting = 0
        self._turns: Turns[Reply] = Turns()
        self._ticking: asyncio.TimerHandle | None = None
        self._error: MolochError | None = None
        self._ends_by = float("inf")
        self._paused_until = float("-inf")
        self._last_success = -1.0
        self._failing_since: float | None = None
        self._fruitless = 0
        self._exhausted = False
        self._held: Request | None = None

    def run(self, questions: Iterable[Request]) -> Iterator[list[Reply]]:
        """Yield the answers as they come, those together that came together.

        Raises:
            MolochError: no further call can succeed, or is allowed; what was on its way had its time to come in before.
        """
        self._waiting = iter(questions)
        yield from self._turns.run(self._tick, self._over, self._end)
        if self._error is not None:
            raise self._error

    def _over(self) -> bool:
        if self._error is not None:
            return not self._flying or self._clock() > self._ends_by
        return self._exhausted and not (self._flying or self._again or self._later)

    def _end(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
        for call in self._flying:
            if call.task is not None:
                call.task.cancel()
        for connection in self._open:
            connection.abort()

    # -- sending -------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Send what may be sent now."""
        while self._error is None and len(self._flying) < int(self.window.size):
            if self._clock() < self._paused_until or not (self._idle or self._connecting < CONNECTS):
                return
            call = self._next()
            if call is None:
                return
            self._send(call)

    def _next(self) -> _Call | None:
        """Return the next call, what it may cost reserved; None if there is none, or if it has to wait."""
        if self._again:
            question = self._again[0].question
        elif self._held is not None:
            question = self._held
        else:
            question = None if self._exhausted else next(self._waiting, None)
            if question is None:
                self._exhausted = True
                return None
            self._held = question
        if self._gate is not None and not self._gate.admit(question):
            if not self._flying:  # nothing that is on its way can make room
                self._stop(self._gate.spent(), self._limits.timeout)
            return None
        if self._again:
            return self._again.popleft()
        self._held = None
        return _Call(question)

    def _send(self, call: _Call) -> None:
        call.sent = self._clock()
        call.first = call.first or call.sent
        self._flying[call] = None
        self.attempts += 1
        if (rested := self._rested()) is not None:
            self._put(call, rested)
        else:
            self._connecting += 1
            call.task = self._turns.loop.create_task(self._connect(call))
            call.task.add_done_callback(self._connected)

    def _rested(self) -> Connection | None:
        """Return an idle connection that the server has not closed meanwhile."""
        while self._idle:
            if (connection := self._idle.pop()).reusable:
                return connection
            self._open.discard(connection)
        return None

    def _put(self, call: _Call, connection: Connection) -> None:
        call.connection, connection.call = connection, call
        connection.send(self._exchanger.write(call.question))

    async def _connect(self, call: _Call) -> None:
        try:
            connection = await self._dialer.connect(self)
        except OSError as error:
            call.task = None
            self._lost(call, reason(error))
            return
        finally:
            self._connecting -= 1
        call.task = None
        self._open.add(connection)
        self._put(call, connection)
        self._pump()

    def _connected(self, task: asyncio.Task) -> None:
        if not task.cancelled():
            self._turns.broken(task.exception())

    # -- what comes back -----------------------------------------------------------------------------------

    def answered(self, connection: Connection, status: int, headers: dict[bytes, bytes], body: bytes) -> None:
        """See :class:`abm.llm.http.connection.Owner`."""
        call: Any = connection.call
        connection.call = call.connection = None
        if connection.reusable:
            self._idle.append(connection)
        else:
            self._open.discard(connection)
        try:
            answer = self._exchanger.read(call.question, status, headers, body)
        except MolochError as error:
            self._landed(call)
            self._stop(error, self._limits.timeout)
            return
        if isinstance(answer, Again):
            self._retry(call, answer)
            return
        self._landed(call)
        self._succeeded(call)
        self._turns.give(answer)
        self._pump()

    def failed(self, connection: Connection, why: str) -> None:
        """See :class:`abm.llm.http.connection.Owner`."""
        call: Any = connection.call
        connection.call = call.connection = None
        self._open.discard(connection)
        self._lost(call, why)

    def _lost(self, call: _Call, why: str) -> None:
        self._retry(call, Again(why, wrong=why == "answer too large"))

    def _landed(self, call: _Call) -> None:
        self._flying.pop(call, None)
        if self._gate is not None:
            self._gate.release(call.question)
        if self._error is not None and not self._flying:
            self._turns.wake()

    def _succeeded(self, call: _Call) -> None:
        now = self._last_success = self._clock()
        self._failing_since, self._fruitless = None, 0
        self.window.succeeded(call.sent, now, len(self._flying))

    def _retry(self, call: _Call, again: Again) -> None:
        self._landed(call)
        now = self._clock()
        if self._error is not None:
            return
        self.retried[again.why] += 1
        if again.throttled:
            call.throttled += 1
            self.window.throttled(call.sent, now, len(self._flying))
        else:
            call.attempts += 1
            if again.why == TIMEOUT:
                self.window.slow(call.sent, now, len(self._flying))
        if again.wrong:
            self._failing_since = None
        elif self._failing_since is None:
            self._failing_since = now
        if call.attempts >= self._limits.attempts and (again.wrong or self._last_success > call.first):
            self._give_up(call, again)
            return
        wait = again.after or 0.0
        failing = now - self._failing_since if self._failing_since is not None else 0.0
        if max(failing, wait) > self._limits.patience:
            self._stop(self._gone(again, failing), GRACE)
            return
        tries = call.attempts + call.throttled
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(tries - 1, 20)) * random.random()
        if again.after is not None:
            self._paused_until = max(self._paused_until, now + wait)
        heapq.heappush(self._later, (now + wait + delay, next(self._serial), call))
        self._pump()

    def _give_up(self, call: _Call, again: Again) -> None:
        self._fruitless += 1
        if self._fruitless > FRUITLESS:
            self._stop(self._gone(again, 0.0), GRACE)
            return
        self.retried[again.why] -= 1
        self.given_up[again.why] += 1
        self._turns.give(self._exchanger.give_up(call.question, again.why))
        self._pump()

    def _gone(self, again: Again, failing: float) -> ServiceError:
        where = f"{self._address.host}:{self._address.port}"
        if self._fruitless > FRUITLESS:
            why = f"{again.why}; not one of the last {self._fruitless} calls was answered"
        elif again.after is not None and again.after > self._limits.patience:
            why = f"{again.why}; it asks to be left alone for {again.after:.0f} s"
        else:
            why = f"{again.why}; no answer for {failing:.3g} s"
        return ServiceError(
            "the server does not serve", where=where, why=why,
            fix="Every answer that came is safe; the same command goes on from here once the server does.",
        )  # fmt: skip

    def _stop(self, error: MolochError, grace: float) -> None:
        """Send nothing more; wait for what is on its way."""
        if self._error is None:
            self._error = error
            self._ends_by = self._clock() + grace
        if not self._flying:
            self._turns.wake()

    # -- time ----------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """Give up attempts that took too long, and send again what has waited; a few times a second."""
        now = self._clock()
        overdue = []
        for call in self._flying:
            if call.sent + self._limits.timeout > now:
                break
            overdue.append(call)
        for call in overdue:
            self._abandon(call)
        while self._later and self._later[0][0] <= now:
            self._again.append(heapq.heappop(self._later)[2])
        self._pump()
        if self._error is not None and now > self._ends_by:
            self._turns.wake()
        self._ticking = self._turns.loop.call_later(min(0.05, self._limits.timeout / 10), self._tick)

    def _abandon(self, call: _Call) -> None:
        if call.task is not None:
            call.task.cancel()
            call.task = None
        if call.connection is not None:
            self._open.discard(call.connection)
            call.connection.abort()
            call.connection = None
        self._retry(call, Again(TIMEOUT))
