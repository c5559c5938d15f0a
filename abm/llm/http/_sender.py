"""Many calls to one server: bounded, retried, each answered once. Knows time and connections; knows nothing of JSON or logs.

Connections are those of a :class:`~abm.llm.http._pool.Pool`, what becomes of failed calls is for
:class:`~abm.llm.http._retries.Retries` to say. All answers received are handed out before the calls end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from abm.llm.http._call import PendingCall
from abm.llm.http._connection import Connection
from abm.llm.http._dial import reason
from abm.llm.http._exchange import UNKNOWN, Address, Again, Exchanger, Gate, Limits, ServiceError, Usage
from abm.llm.http._failure import with_words
from abm.llm.http._pool import Pool
from abm.llm.http._retries import Retries
from abm.llm.http._slots import Slots, Unshared
from abm.llm.http._turns import Turns
from abm.llm.http._window import Window
from abm.llm.port import Flight, Reply, Request
from moloch.errors import MolochError

TIMEOUT = "timeout"
GRACE = 10.0
"""Seconds that calls on their way get to end when no more are sent."""


class Sender:
    """Sends one round of calls; make a new one for each round.

    Args:
        address: the server.
        exchanger: how calls look.
        limits: how the server is treated.
        gate: what calls cost; by default nothing.
        slots: leave to send, where other processes ask the same server; by default there are none.

    Attributes:
        attempts: that were made so far.
        retries: which were made again, and which calls were given up.
        window: how many calls the server bears at once, as far as is known.
    """

    def __init__(
        self,
        address: Address,
        exchanger: Exchanger,
        limits: Limits,
        gate: Gate | None = None,
        slots: Slots | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address, self._exchanger, self._limits, self._gate, self._clock = address, exchanger, limits, gate, clock
        self._slots = slots or Unshared()
        self._pool = Pool(address, limits.body)
        self.retries = Retries(limits)
        self.window = Window(limits.concurrency, limits.timeout)
        self.attempts = 0
        self._questions: Iterator[Request] = iter(())
        self._held: Request | None = None
        """The next question, until the gate lets it through."""
        self._exhausted = False
        self._flying: dict[PendingCall, None] = {}
        """Calls on their way, in the order in which they were sent."""
        self._turns: Turns[Reply] = Turns()
        self._ticking: asyncio.TimerHandle | None = None
        self._error: MolochError | None = None
        self._ends_by = float("inf")
        self._began = clock()

    def run(self, questions: Iterable[Request]) -> Iterator[list[Reply]]:
        """Yield the answers as they come, those together that came together.

        Raises:
            MolochError: no further call can succeed, or is allowed; what was on its way had its time to come in before.
        """
        self._questions = iter(questions)
        yield from self._turns.run(self._tick, self._over, self._end)
        if self._error is not None:
            raise self._error

    @property
    def flight(self) -> Flight:
        """The calls that have no answer yet; may be read from any thread."""
        silent = self.retries.silent(self._clock(), self._began)
        return Flight(len(self._flying), self.retries.waiting, silent)

    def _over(self) -> bool:
        if self._error is not None:
            return not self._flying or self._clock() > self._ends_by
        return self._exhausted and not (self._flying or self.retries)

    def _end(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
        for call in self._flying:
            if call.task is not None:
                call.task.cancel()
            self._slots.give()
            self._settle(call, UNKNOWN)  # nobody waits for it; its server may still charge for it
        self._flying.clear()
        self._pool.abort()

    # -- sending -------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Send what may be sent now."""
        while self._error is None and len(self._flying) < int(self.window.size):
            if self.retries.paused(self._clock()) or self._slots.paused() or not self._pool.ready:
                return
            if not self._slots.take():
                return
            call = self._next()
            if call is None:
                self._slots.give()
                return
            self._send(call)

    def _next(self) -> PendingCall | None:
        """Return the next call, what it may cost reserved; None if there is none, or if it has to wait."""
        due = self.retries.due
        question = due[0].question if due else self._next_question()
        if question is None:
            return None
        if self._gate is not None and not self._gate.admit(question):
            if not self._flying:  # nothing that is on its way can make room
                self._stop(self._gate.spent(), self._limits.timeout)
            return None
        if due:
            return due.popleft()
        self._held = None
        return PendingCall(question)

    def _next_question(self) -> Request | None:
        if self._held is None and not self._exhausted:
            self._held = next(self._questions, None)
            self._exhausted = self._held is None
        return self._held

    def _send(self, call: PendingCall) -> None:
        call.sent = self._clock()
        call.first = call.first or call.sent
        self._flying[call] = None
        call.wired = False
        self.attempts += 1
        if not call.alone and (connection := self._pool.idle()) is not None:
            self._put(call, connection)
        else:
            self._pool.reserve()
            call.task = self._turns.loop.create_task(self._connect(call))
            call.task.add_done_callback(self._connected)

    def _put(self, call: PendingCall, connection: Connection) -> None:
        call.connection, connection.call = connection, call
        call.wired, call.alone = True, False
        connection.send(self._exchanger.write(call.question))

    async def _connect(self, call: PendingCall) -> None:
        try:
            connection = await self._pool.open(self)
        except OSError as error:
            call.task = None
            self._lost(call, reason(error))
            return
        call.task = None
        self._put(call, connection)
        self._pump()

    def _connected(self, task: asyncio.Task) -> None:
        if not task.cancelled():
            self._turns.broken(task.exception())

    # -- what comes back -----------------------------------------------------------------------------------

    def answered(self, connection: Connection, status: int, headers: dict[bytes, bytes], body: bytes) -> None:
        """See :class:`abm.llm.http._connection.Owner`."""
        call: Any = connection.call
        connection.call = call.connection = None
        outcome, usage = self._exchanger.read(call.question, status, headers, body, connection.answers == 1)
        if isinstance(outcome, Again) and outcome.stale:
            connection.abort()
        self._pool.rest(connection)
        if isinstance(outcome, Again):
            self._retry(call, outcome, usage)
            return
        self._landed(call, usage)
        if isinstance(outcome, MolochError):
            self._stop(outcome, self._limits.timeout)
            return
        now = self._clock()
        self.retries.succeeded(now)
        self.window.succeeded(call.sent, now, len(self._flying))
        self._turns.give(outcome)
        self._pump()

    def failed(self, connection: Connection, why: str) -> None:
        """See :class:`abm.llm.http._connection.Owner`."""
        call: Any = connection.call
        connection.call = call.connection = None
        self._pool.forget(connection)
        self._lost(call, why)

    def _lost(self, call: PendingCall, why: str) -> None:
        self._retry(call, Again(why, wrong=why == "answer too large"), UNKNOWN)

    def _landed(self, call: PendingCall, usage: Usage) -> None:
        if call in self._flying:
            del self._flying[call]
            self._slots.give()
            self._settle(call, usage)
        if self._error is not None and not self._flying:
            self._turns.wake()

    def _settle(self, call: PendingCall, usage: Usage) -> None:
        if self._gate is None:
            return
        if call.wired:
            self._gate.settle(call.question, usage)
        else:
            self._gate.release(call.question)

    def _retry(self, call: PendingCall, again: Again, usage: Usage) -> None:
        self._landed(call, usage)
        call.alone = again.stale
        if self._error is not None:
            return
        now = self._clock()
        if again.throttled:
            self.window.throttled(call.sent, now, len(self._flying))
        elif again.why == TIMEOUT:
            self.window.slow(call.sent, now, len(self._flying))
        if again.after is not None:
            self._slots.pause(min(again.after, self._limits.patience))
        fate = self.retries.failed(call, again, now)
        if fate == "gone":
            self._stop(self._gone(), GRACE)
            return
        if fate == "given up":
            self._turns.give(self._exchanger.give_up(call.question, with_words(again.why, again.said)))
        self._pump()

    def _gone(self) -> ServiceError:
        return ServiceError(
            "the server answers no call",
            where=f"{self._address.host}:{self._address.port}",
            why=self.retries.why_gone,
            fix="Every answer that came is safe; the same command resumes once the server answers again.",
        )

    def _stop(self, error: MolochError, grace: float) -> None:
        """Send nothing more; wait for what is on its way."""
        if self._error is None:
            self._error = error
            self._ends_by = self._clock() + grace
        if not self._flying:
            self._turns.wake()

    # -- time ----------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """End attempts that took too long, and send again what has waited; a few times a second."""
        now = self._clock()
        overdue = []
        for call in self._flying:
            if call.sent + self._limits.timeout > now:
                break
            overdue.append(call)
        for call in overdue:
            self._abandon(call)
        self.retries.wake(now)
        self._pump()
        if self._error is not None and now > self._ends_by:
            self._turns.wake()
        self._ticking = self._turns.loop.call_later(min(0.05, self._limits.timeout / 10), self._tick)

    def _abandon(self, call: PendingCall) -> None:
        if call.task is not None:
            call.task.cancel()
            call.task = None
        if call.connection is not None:
            self._pool.forget(call.connection)
            call.connection.abort()
            call.connection = None
        self._retry(call, Again(TIMEOUT), UNKNOWN)
