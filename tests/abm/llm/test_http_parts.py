"""The parts of a sender by themselves: connections without calls, and a schedule without connections or waiting."""

from __future__ import annotations

import asyncio

import pytest

from abm.llm import Request, Sampling
from abm.llm.http import Limits
from abm.llm.http import _pool as pool_module
from abm.llm.http._call import PendingCall
from abm.llm.http._exchange import Address, Again
from abm.llm.http._pool import Pool
from abm.llm.http._retries import FIRST_DELAY, FRUITLESS, LONGEST_DELAY, Retries

BUSY = Again("HTTP 429", throttled=True)
BROKEN = Again("HTTP 500")
WRONG = Again("not JSON", wrong=True)
LIMITS = Limits(attempts=3, patience=60.0)


def call(first: float = 0.0) -> PendingCall:
    """Return a call whose first attempt began then."""
    question = Request("write/0", [{"role": "user", "content": "?"}], Sampling(), seed=1)
    return PendingCall(question, first=first, sent=first)


def released(retries: Retries, step: float = 0.01, longest: float = 200.0) -> float:
    """Return when the first waiting call is due, on a clock that begins at 0."""
    now = 0.0
    while not retries.due and now < longest:
        now += step
        retries.wake(now)
    return now


class TestRetries:
    """What becomes of a call that failed."""

    def test_it_is_sent_again_after_a_random_part_of_the_first_delay(self):
        """Not at once, and not all at the same time."""
        waits = []
        for _ in range(200):
            retries, failed = Retries(LIMITS), call()
            assert retries.failed(failed, BROKEN, 0.0) == "again" and retries
            waits.append(released(retries))
            assert list(retries.due) == [failed]
        assert max(waits) <= FIRST_DELAY + 0.02 and max(waits) - min(waits) > FIRST_DELAY / 2

    def test_the_delay_doubles_up_to_the_longest(self, monkeypatch):
        """Throttled attempts count for the delay, if not as attempts."""
        monkeypatch.setattr("random.random", lambda: 1.0)
        waits, busy = [], call()
        for _ in range(9):
            retries = Retries(Limits(attempts=3, patience=1e9))
            assert retries.failed(busy, BUSY, 0.0) == "again"
            waits.append(released(retries, step=0.25))
        assert waits == pytest.approx([0.5, 1, 2, 4, 8, 16, LONGEST_DELAY, LONGEST_DELAY, LONGEST_DELAY], abs=0.26)
        assert (busy.attempts, busy.throttled) == (0, 9)

    def test_the_server_may_say_how_long(self):
        """Then every call waits, and none is early."""
        retries = Retries(LIMITS)
        retries.failed(call(), Again("HTTP 503", after=5.0), 10.0)
        assert retries.paused(14.9) and not retries.paused(15.0)
        retries.wake(14.9)
        assert not retries.due
        retries.wake(15.0 + FIRST_DELAY)
        assert retries.due

    def test_who_is_told_how_long_waits_hardly_longer(self, monkeypatch):
        """However often that happened: the delay grows to what the server asked for, not to the longest."""
        monkeypatch.setattr("random.random", lambda: 1.0)
        busy, retries = call(), Retries(LIMITS)
        for _ in range(9):
            retries = Retries(Limits(attempts=3, patience=1e9))
            retries.failed(busy, Again("HTTP 429", after=2.0, throttled=True), 0.0)
        assert released(retries, step=0.25) == pytest.approx(4.0, abs=0.26)

    def test_a_call_that_fails_while_others_succeed_is_given_up(self):
        """After as many attempts as it has; its last one was not made again."""
        retries, poor = Retries(LIMITS), call(first=1.0)
        fates = []
        for now in (2.0, 3.0, 4.0):
            retries.succeeded(now)
            fates.append(retries.failed(poor, BROKEN, now))
        assert fates == ["again", "again", "given up"]
        assert (dict(retries.retried), dict(retries.given_up)) == ({"HTTP 500": 2}, {"HTTP 500": 1})

    def test_while_nothing_succeeds_no_call_is_given_up(self):
        """The server is at fault, not the call; until it counts as gone."""
        retries, poor = Retries(LIMITS), call()
        assert [retries.failed(poor, BROKEN, now) for now in (1.0, 20.0, 40.0, 61.0)] == ["again"] * 4
        assert retries.failed(poor, BROKEN, 61.1) == "gone"
        assert retries.why_gone == "HTTP 500; no answer for 60.1 s"

    def test_a_success_begins_the_patience_anew(self):
        """One answer shows that the server is there."""
        retries, poor = Retries(LIMITS), call(first=100.0)
        retries.failed(poor, BROKEN, 0.0)
        retries.succeeded(50.0)
        assert retries.failed(poor, BROKEN, 100.0) == "again"

    def test_a_wait_beyond_all_patience(self):
        """Is no wait."""
        retries = Retries(LIMITS)
        assert retries.failed(call(), Again("HTTP 429", after=3600.0, throttled=True), 0.0) == "gone"
        assert retries.why_gone == "HTTP 429; it asks for no calls for 3600 s"

    def test_nothing_right_ever(self):
        """A server whose every answer is wrong is gone after some calls, however quick it is."""
        retries = Retries(LIMITS)
        fates = [retries.failed(each, WRONG, 0.0) for each in [call() for _ in range(FRUITLESS + 1)] for _ in range(3)]
        assert fates.count("given up") == FRUITLESS and fates[-1] == "gone" and fates.count("gone") == 1
        assert retries.why_gone == f"not JSON; not one of the last {FRUITLESS + 1} calls was answered"


class Silent:
    """An owner of connections on which nothing is sent."""

    def answered(self, connection, status, headers, body):
        raise AssertionError

    def failed(self, connection, why):
        raise AssertionError


@pytest.fixture
def opened():
    """Run a coroutine function with a pool of connections to a server that says nothing."""

    def within(use):
        async def main():
            server = await asyncio.start_server(lambda reader, writer: reader.read(), "127.0.0.1", 0)
            host, port = server.sockets[0].getsockname()[:2]
            pool = Pool(Address(host, port, False), 1000)
            try:
                await use(pool, server)
            finally:
                pool.abort()
                server.close()

        asyncio.run(main())

    return within


class TestPool:
    """Connections are used again, and never too many are opened at once."""

    def test_a_connection_at_rest_is_used_again(self, opened):
        """By the next call, not by two."""

        async def use(pool, server):
            pool.reserve()
            connection = await pool.open(Silent())
            assert pool.idle() is None
            pool.rest(connection)
            assert pool.idle() is connection and pool.idle() is None

        opened(use)

    def test_one_that_was_closed_is_not(self, opened):
        """Neither while it rested nor with its answer."""

        async def use(pool, server):
            connections = []
            for _ in range(2):
                pool.reserve()
                connections.append(await pool.open(Silent()))
            pool.rest(connections[0])
            connections[0].abort()
            connections[1].abort()
            pool.rest(connections[1])
            assert pool.idle() is None

        opened(use)

    def test_a_bounded_number_is_opened_at_once(self, opened, monkeypatch):
        """Those that are open do not count."""
        monkeypatch.setattr(pool_module, "CONNECTS", 2)

        async def use(pool, server):
            for _ in range(2):
                assert pool.ready
                pool.reserve()
            assert not pool.ready
            connections = [await pool.open(Silent()) for _ in range(2)]
            assert pool.ready
            for _ in range(2):
                pool.reserve()
            pool.rest(connections[0])
            assert pool.ready, "an idle one needs no opening"

        opened(use)

    def test_one_that_cannot_be_opened_counts_no_more(self, opened):
        """A server that is not there is an error of the call."""

        async def use(pool, server):
            server.close()
            await server.wait_closed()
            pool.reserve()
            with pytest.raises(OSError):
                await pool.open(Silent())
            assert pool._opening == 0

        opened(use)
