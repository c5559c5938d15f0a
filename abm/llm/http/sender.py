"""Many calls to one server: bounded, adaptive, retried. Knows time and connections; knows nothing of JSON or logs.

How many calls are on their way at once begins at the bound. It is halved when the server says that it is too many, falls
by a fifth when calls time out or take more than half of the timeout, and grows by one per round of successes. A call that failed is sent
again after a random part of a doubling delay; where the server says how long to wait, everybody waits. A server that
answers nothing for ``patience`` seconds ends the run of calls, and whatever had been answered was given out before.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import socket
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple, Protocol

from abm.errors import MolochError
from abm.llm.http.connection import Connection
from abm.llm.port import Reply, Request

CONNECTS = 256
"""Connections opened at the same time: more overrun the queues of servers."""
FRUITLESS = 20
"""Calls that may be given up for wrong answers before the first right one: then nothing that the server says is right."""
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
"""Seconds before a call is sent again: a random part of the first, doubled each time up to the longest."""
TOO_MANY, SLOW = 0.5, 0.8
"""What remains of the calls at once when the server says that it is too many, and when it is slow."""
GRACE = 10.0
"""Seconds that calls on their way get to end when no more are sent."""


class ServiceError(MolochError):
    """A server that cannot go on; the same command resumes."""

    exit_code = 6


@dataclass(frozen=True)
class Again:
    """Send the call again.

    Attributes:
        why: for the statistics.
        after: seconds that the server wants to be left alone; None where it does not say.
        throttled: whether it was too much rather than wrong; such an attempt does not count.
        wrong: whether the server is well, and the answer is not.
    """

    why: str
    after: float | None = None
    throttled: bool = False
    wrong: bool = False


class Gate(Protocol):
    """What calls cost."""

    def admit(self, question: Request) -> bool:
        """Reserve what a call may cost at most; return False, and reserve nothing, if that is too much now."""
        ...

    def release(self, question: Request) -> None:
        """Give back what was reserved for a call; what it did cost is booked by whoever reads the answer."""
        ...

    def spent(self) -> MolochError:
        """Return why no further call is possible."""
        ...


class Exchanger(Protocol):
    """Turns questions into bytes and bytes into answers."""

    def write(self, question: Request) -> bytes:
        """Return the whole HTTP request."""
        ...

    def read(self, question: Request, status: int, headers: dict[bytes, bytes], body: bytes) -> Reply | Again:
        """Return the answer, or that the call is to be sent again.

        Raises:
            MolochError: no call to this server can succeed as things are.
        """
        ...

    def give_up(self, question: Request, why: str) -> Reply:
        """Return what stands for the answer of a call that failed too often while others succeed."""
        ...


class Address(NamedTuple):
    """Where a server is."""

    host: str
    port: int
    tls: bool


@dataclass(frozen=True)
class Limits:
    """How a server is treated.

    Attributes:
        concurrency: calls on their way at once, at most.
        timeout: seconds of one attempt.
        attempts: attempts of one call, those that were throttled not counted.
        patience: seconds without any success, after a first failure, until the server counts as gone.
        body: bytes of an answer, at most.
    """

    concurrency: int = 64
    timeout: float = 300.0
    attempts: int = 5
    patience: float = 120.0
    body: int = 4 * 2**20


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
        window: calls on their way that the server bears, as far as is known.
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
        self._tls = ssl.create_default_context() if address.tls else None
        self.window = float(limits.concurrency)
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
        self._places: list[str] = []
        self._connecting = 0
        self._found: list[Reply] = []
        self._error: MolochError | None = None
        self._ends_by = float("inf")
        self._paused_until = self._cut_at = float("-inf")
        self._last_success = -1.0
        self._failing_since: float | None = None
        self._latency = 0.0
        self._exhausted = False
        self._held: Request | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, questions: Iterable[Request]) -> Iterator[Reply]:
        """Yield the answers as they come.

        Raises:
            MolochError: no further call can succeed, or is allowed; what was on its way had its time to come in before.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            yield from self._run(questions)
        else:  # in a notebook
            yield from _elsewhere(self._run(questions))

    def _run(self, questions: Iterable[Request]) -> Generator[Reply, None, None]:
        self._waiting = iter(questions)
        self._loop = loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda loop, context: None)  # a connection's end is told by its call
        tick = loop.call_soon(self._tick)
        try:
            self._pump()
            while not self._over():
                if not self._found:
                    loop.run_forever()
                found, self._found = self._found, []
                yield from found
            yield from self._found
            if self._error is not None:
                raise self._error
        except KeyboardInterrupt:
            yield from self._found  # they were paid for
            raise
        finally:
            tick.cancel()
            self._close(loop)

    def _over(self) -> bool:
        if self._error is not None:
            return not self._flying or self._clock() > self._ends_by
        return self._exhausted and not (self._flying or self._again or self._later)

    def _close(self, loop: asyncio.AbstractEventLoop) -> None:
        for call in self._flying:
            if call.task is not None:
                call.task.cancel()
        for connection in self._open:
            connection.abort()
        loop.call_soon(loop.stop)
        loop.run_forever()  # aborted transports close their sockets
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    # -- sending -------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Send what may be sent now."""
        while self._error is None and len(self._flying) < max(1, int(self.window)):
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
        if self._idle:
            self._put(call, self._idle.pop())
        else:
            assert self._loop is not None
            self._connecting += 1
            call.task = self._loop.create_task(self._connect(call))

    def _put(self, call: _Call, connection: Connection) -> None:
        call.connection, connection.call = connection, call
        connection.send(self._exchanger.write(call.question))

    async def _connect(self, call: _Call) -> None:
        try:
            connection = await self._connected()
        except OSError as error:
            call.task = None
            self._lost(call, _reason(error))
            return
        finally:
            self._connecting -= 1
        call.task = None
        self._open.add(connection)
        self._put(call, connection)
        self._pump()

    async def _connected(self) -> Connection:
        """Return a new connection to the first of the server's addresses that takes one."""
        loop, (host, port, tls) = self._loop, self._address
        assert loop is not None
        if not self._places:  # once, not for each of thousands of connections
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            self._places = list(dict.fromkeys(str(place[4][0]) for place in found))
        failed: OSError | None = None
        for place in list(self._places):
            try:
                _, connection = await loop.create_connection(
                    lambda: Connection(self, self._limits.body), place, port, ssl=self._tls,
                    server_hostname=host if tls else None,
                )  # fmt: skip
            except OSError as error:
                failed = failed or error
                continue
            self._places.sort(key=lambda known, good=place: known != good)
            return connection
        assert failed is not None
        raise failed

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
        self._give(answer)
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
            self._wake()

    def _give(self, answer: Reply) -> None:
        self._found.append(answer)
        self._wake()

    def _wake(self) -> None:
        assert self._loop is not None
        self._loop.stop()

    def _succeeded(self, call: _Call) -> None:
        now = self._last_success = self._clock()
        self._failing_since = None
        took = now - call.sent
        self._latency += (took - self._latency) / 16 if self._latency else took
        if self._latency > self._limits.timeout / 2:
            self._cut(call, SLOW)
        elif self.window < self._limits.concurrency:
            self.window = min(self.window + 1 / self.window, self._limits.concurrency)

    def _cut(self, call: _Call, factor: float) -> None:
        """Bear fewer calls at once, unless ``call`` was sent before the last cut and tells nothing new.

        Slowness alone may have other reasons than too many calls: it takes no more than three quarters of them.
        """
        if call.sent > self._cut_at:
            self._cut_at = self._clock()
            least = 1.0 if factor == TOO_MANY else self._limits.concurrency / 4
            self.window = max(1.0, min(self.window, max(least, min(self.window, len(self._flying) + 1) * factor)))

    def _retry(self, call: _Call, again: Again) -> None:
        self._landed(call)
        now = self._clock()
        if self._error is not None:
            return
        self.retried[again.why] += 1
        if again.throttled:
            call.throttled += 1
        else:
            call.attempts += 1
        if again.throttled:
            self._cut(call, TOO_MANY)
        elif again.why == "timeout":
            self._cut(call, SLOW)
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
        self.retried[again.why] -= 1
        self.given_up[again.why] += 1
        if self._last_success < 0 and self.given_up.total() > FRUITLESS:
            self._stop(self._gone(again, 0.0), GRACE)
            return
        self._give(self._exchanger.give_up(call.question, again.why))
        self._pump()

    def _gone(self, again: Again, failing: float) -> ServiceError:
        where = f"{self._address.host}:{self._address.port}"
        if again.wrong:
            why = f"{again.why}; not one of {self.given_up.total()} calls was answered"
        elif again.after is not None and again.after > self._limits.patience:
            why = f"{again.why}; it asks to be left alone for {again.after:.0f} s"
        else:
            why = f"{again.why}; no answer for {failing:.3g} s"
        return ServiceError(
            "the server does not serve", where=where, why=why,
            mend="Every answer that came is safe; the same command goes on from here once the server does.",
        )  # fmt: skip

    def _stop(self, error: MolochError, grace: float) -> None:
        """Send nothing more; wait for what is on its way."""
        if self._error is None:
            self._error = error
            self._ends_by = self._clock() + grace
        if not self._flying:
            self._wake()

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
            self._wake()
        assert self._loop is not None
        self._loop.call_later(min(0.05, self._limits.timeout / 10), self._tick)

    def _abandon(self, call: _Call) -> None:
        if call.task is not None:
            call.task.cancel()
            call.task = None
        if call.connection is not None:
            self._open.discard(call.connection)
            call.connection.abort()
            call.connection = None
        self._retry(call, Again("timeout"))


def _elsewhere(answers: Generator[Reply, None, None]) -> Iterator[Reply]:
    """Yield ``answers``, made in a thread of their own."""
    with ThreadPoolExecutor(1) as thread:
        try:
            while (answer := thread.submit(next, answers, None).result()) is not None:
                yield answer
        finally:
            thread.submit(answers.close).result()


def _reason(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    return (error.strerror or str(error) or type(error).__name__).lower()
