"""What a bound promises under servers that answer badly, over kills, and over runs that share it: it is never crossed."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from abm.llm.budget import Bounds, Budget, BudgetSpent, Price
from abm.llm.http import ServiceError
from abm.llm.lease import Lease
from abm.llm.ledger import FILE, Cost, Ledger
from abm.llm.port import most_tokens
from moloch.errors import InputError, LogError
from tests.abm.llm.test_http import _quick, asked, first_then, llm  # noqa: F401 (a fixture)
from tests.support.server import Call, completion, echo, ok, serving

USAGE = {"prompt_tokens": 60, "completion_tokens": 1400}
BILLED = sum(USAGE.values())
"""Tokens that each attempt of the hostile servers is charged, which they state or not."""


def bad(fields: object, *, stated: bool, status: str = "200 OK") -> bytes:
    """Return an answer that is worth nothing and has a price."""
    return ok(fields | {"usage": USAGE} if stated and isinstance(fields, dict) else fields, status)


HOSTILE = {
    "finish_reason error": lambda call: bad(
        {"choices": [{"message": {"content": "x"}, "finish_reason": "error"}]}, stated=True
    ),
    "the same, silent": lambda call: bad(
        {"choices": [{"message": {"content": "x"}, "finish_reason": "abort"}]}, stated=False
    ),
    "malformed content": lambda call: bad({"choices": [{"message": {"content": 5}}]}, stated=True),
    "malformed content, silent": lambda call: bad({"choices": [{"message": {"content": 5}}]}, stated=False),
    "no choices": lambda call: bad({"choices": []}, stated=True),
    "an error within": lambda call: bad({"error": {"message": "no"}}, stated=True),
    "throttled within": lambda call: bad({"error": {"code": 429}}, stated=True),
    "no JSON": lambda call: ok(b"<html>"),
    "cut off": lambda call: (ok({"choices": [{"message": {"content": "x" * 500}}]})[:200], "close"),
    "dropped after sending": lambda call: (b"", "close"),
    "not HTTP": lambda call: b"nonsense\r\n\r\n",
    "a gateway that lost it": lambda call: ok({}, "504 Gone"),
    "an error that has a price": lambda call: bad({"detail": "oops"}, stated=True, status="500 Oops"),
    "conflict with a price": lambda call: bad({"detail": "oops"}, stated=True, status="409 Conflict"),
    "busy with a price": lambda call: bad({}, stated=True, status="429 Busy"),
    "one in three, silent": lambda call: echo_silent(call) if call.attempt % 3 == 0 else ok(b"[]"),
    "a repeated id": lambda call: ok(
        {"id": f"{call.fields['seed'] % 2}", "usage": USAGE, "choices": [{"message": {"content": "x"}}]}
    ),
}


def echo_silent(call: Call) -> bytes:
    """Answer, and do not say what it cost."""
    return ok({"choices": [{"message": {"content": "word " * 200}, "finish_reason": "stop"}]})


class TestHostileServers:
    """A bound holds for what is sent and charged, whatever comes of it."""

    @pytest.mark.parametrize("kind", HOSTILE)
    @pytest.mark.parametrize("bounds", [Bounds(calls=50), Bounds(tokens=50 * 1600), Bounds(usd=0.05 * 1.6)])
    def test_no_bound_is_crossed(self, kind, bounds, monkeypatch):
        """Neither calls, nor tokens, nor money, over all attempts; and what is booked is at least what was charged."""
        monkeypatch.setattr("abm.llm.http._retries.FRUITLESS", 10**6)  # only the budget ends it
        budget = Budget(bounds)
        with serving(HOSTILE[kind]) as server:
            model = llm(server, budget, usd_in=1, usd_out=1, concurrency=4, patience=600, attempts=3)
            with pytest.raises(BudgetSpent):
                list(model.complete(asked(400)))
            sent = len(server.calls)
        charged = sent * BILLED if kind != "one in three, silent" else sent // 3 * (2 * BILLED + 280)
        assert sent >= 20 and budget.calls == sent and budget.tokens >= charged
        assert bounds.calls is None or sent <= bounds.calls
        assert bounds.tokens is None or budget.tokens <= bounds.tokens
        assert bounds.usd is None or charged / 1e6 <= budget.usd <= bounds.usd * (1 + 1e-9)

    def test_answers_that_nobody_waits_for(self):
        """A call that timed out, and one on its way when the sending ends, count as the worst case."""
        budget = Budget(Bounds(tokens=10 * 1600))
        with serving(lambda call: None) as server:
            model = llm(server, budget, timeout=0.2, patience=0.5, concurrency=2)
            with pytest.raises((ServiceError, BudgetSpent)):
                list(model.complete(asked(20)))
            worst = most_tokens(asked(1)[0]) + 1480
            assert budget.calls == len(server.calls) and len(server.calls) * worst <= budget.tokens + 30 <= 16_030

    def test_left_in_the_middle(self):
        """Whoever takes no more answers has paid for those on their way."""
        budget, pause = Budget(Bounds(calls=100)), threading.Event()
        with serving(lambda call: completion("x"), delay=0.05) as server:
            replies = llm(server, budget, concurrency=8).complete(asked(40))
            next(iter(replies))
            replies.close()  # type: ignore[attr-defined]
            pause.wait(0.2)
            assert budget.calls == len(server.calls) > 1
            assert budget.admit(asked(1)[0], Price()), "nothing is held any more"

    def test_a_call_that_was_never_sent_costs_nothing(self):
        """A server that refuses the connection was not asked."""
        budget = Budget(Bounds(calls=3))
        with serving() as server:
            model = llm(server, budget, patience=0.05)
            assert model.served.name == "m"
        with pytest.raises(ServiceError, match="refused"):
            list(model.complete(asked(5)))
        assert (budget.calls, budget.tokens) == (0, 0)

    def test_what_is_stated_counts(self):
        """Also what only the sum holds, as thinking on some servers, and what is stated in other words."""
        for usage, tokens in (
            ({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 40}, 40),
            ({"input_tokens": 7, "output_tokens": 3}, 10),
        ):
            budget = Budget(Bounds(tokens=10_000))
            with serving(
                lambda call, usage=usage: ok({"usage": usage, "choices": [{"message": {"content": "x"}}]})
            ) as server:
                list(llm(server, budget).complete(asked(1)))
            assert budget.tokens == tokens


class TestLedger:
    """What was spent is known after a kill, and never less than it was."""

    def test_totals(self, tmp_path):
        """The last whole line counts; a line that was never finished was never acknowledged."""
        ledger = Ledger(tmp_path)
        assert ledger.read() == Cost()
        ledger.reserve(Cost(5, 100, 0.5))
        ledger.settle(Cost(3, 60, 0.25))
        assert Ledger(tmp_path).read() == Cost(3, 60, 0.25)
        with (tmp_path / FILE).open("ab") as file:
            file.write(b'{"calls": 9')
        assert Ledger(tmp_path).read() == Cost(3, 60, 0.25)
        ledger.reserve(Cost(8, 100, 0.5))
        assert Ledger(tmp_path).read() == Cost(8, 100, 0.5)

    def test_a_copy_of_links(self, tmp_path):
        """A run that was copied by links spends for itself."""
        first, copy = tmp_path / "first", tmp_path / "copy"
        for folder in (first, copy):
            folder.mkdir()
        Ledger(first).reserve(Cost(5, 100, 0.5))
        (copy / FILE).hardlink_to(first / FILE)
        Ledger(copy).reserve(Cost(9, 200, 1.0))
        assert (Ledger(first).read().calls, Ledger(copy).read().calls) == (5, 9)

    @pytest.mark.parametrize("line", [b"nonsense", b"{}", b'{"calls": "x", "tokens": 1, "usd": 0}', b"\xff"])
    def test_what_cannot_be_read(self, tmp_path, line):
        """Is an error with its place, never a bound without what was spent of it."""
        (tmp_path / FILE).write_bytes(b'{"calls":1,"tokens":1,"usd":0.0}\n' + line + b"\n")
        with pytest.raises(InputError, match=r"cannot say what the run spent") as caught:
            Ledger(tmp_path).read()
        assert f"{FILE}:2" in str(caught.value)

    def test_what_cannot_be_written(self, tmp_path):
        """Nothing is sent that is not kept."""
        budget = Budget(Bounds(calls=5))
        budget.keep(Ledger(tmp_path / "absent"), Cost())
        with serving() as server:
            with pytest.raises(LogError, match="cannot write what the run spends"):
                list(llm(server, budget).complete(asked(3)))
            assert not server.calls

    def test_a_copy_of_links_is_durable(self, tmp_path, monkeypatch):
        """The file that parts from the other has a name of its own on disk before anything is sent."""
        synced: list[Path] = []
        monkeypatch.setattr("abm.llm.ledger.sync", lambda *paths: synced.extend(paths))
        first, copy = tmp_path / "first", tmp_path / "copy"
        first.mkdir()
        copy.mkdir()
        Ledger(first).settle(Cost(1, 2, 3.0))
        (copy / FILE).hardlink_to(first / FILE)
        Ledger(copy).reserve(Cost(9, 9, 9.0))
        assert synced == [copy]
        Ledger(copy).reserve(Cost(10, 9, 9.0))
        assert synced == [copy], "its name is there already"

    def test_durable_before_it_is_sent(self, tmp_path):
        """When a call arrives, the ledger has it already."""
        kept: list[int] = []

        def answer(call: Call) -> bytes:
            kept.append(Ledger(tmp_path).read().calls - len(server.calls))
            return echo(call)

        budget = Budget(Bounds(calls=40))
        budget.keep(Ledger(tmp_path), Cost())
        with serving(answer) as server:
            list(llm(server, budget, concurrency=4).complete(asked(30)))
        assert min(kept) >= 0
        assert Ledger(tmp_path).read().calls == budget.calls == 30, "in the end it holds what was spent"

    def test_few_writes(self, tmp_path, monkeypatch):
        """Under a large bound there is one for many calls."""
        written: list[Cost] = []
        reserve = Ledger.reserve
        monkeypatch.setattr(Ledger, "reserve", lambda self, most: (written.append(most), reserve(self, most)))
        budget = Budget(Bounds(calls=100_000))
        budget.keep(Ledger(tmp_path), Cost())
        with serving() as server:
            list(llm(server, budget).complete(asked(300)))
        assert len(written) <= 2

    def test_other_runs_that_share_a_bound(self, tmp_path):
        """What they spent counts against it, and is not written as this process's own."""
        Lease(tmp_path, "other", (10, None, None)).settle(Cost(5, 50, 0.0))
        budget = Budget(Bounds(calls=10))
        budget.keep(Ledger(tmp_path), Cost(2, 20, 0.0), Lease(tmp_path, "this", (10, None, None)))
        with serving() as server, pytest.raises(BudgetSpent, match="10 of 10 calls are spent"):
            list(llm(server, budget, concurrency=1).complete(asked(20)))
        assert len(server.calls) == 3 and Ledger(tmp_path).read().calls == 5
