"""Servers that answer badly or twice, and processes that are killed while they ask: no bound is crossed, no answer mixed up."""

from __future__ import annotations

import itertools
import signal

import pytest

from abm.llm import Request, Sampling
from abm.llm.budget import Bounds, Budget, BudgetSpent
from abm.llm.http import HTTPLLM
from abm.llm.http.endpoint import Endpoint
from tests.support.server import Call, completion, ok, serving


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Wait for next to nothing between attempts, and know no key."""
    monkeypatch.setattr("abm.llm.http._retries.FIRST_DELAY", 0.002)
    for name in ("OPENAI_API_KEY", "MOLOCH_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def asked(n: int) -> list[Request]:
    return [Request(f"react/{i}", [{"role": "user", "content": "Choose."}], Sampling(), i) for i in range(n)]


class TestSpending:
    """A bound holds for what is sent, over every attempt and every process."""

    @pytest.mark.parametrize("bound", [60, pytest.param(600, marks=pytest.mark.faults)])
    def test_killed_and_killed_again(self, run, forked, bound):
        """A process that is killed while it asks, and its successors, send no more than the bound, all together."""
        run.mkdir()
        children, answers = [], itertools.count(1)

        def answer(call: Call) -> bytes:
            if next(answers) % 7 == 0:  # a counter of its own: calls that come together would pass over a length
                children[-1].send_signal(signal.SIGKILL)
            return ok(b"[]") if call.fields["seed"] % 3 else completion("x")

        kills, spent = 0, False
        with serving(answer, delay=0.002) as server:
            while not spent and len(children) < bound / 3:
                children.append(forked("spend", run, server.url, bound))
                spent = "spent" in children[-1].stdout.read()
                kills += children[-1].wait() == -signal.SIGKILL
        assert kills >= 2
        assert bound / 2 <= len(server.calls) <= bound

    def test_answers_worth_nothing(self):
        """An answer that has to be asked for again has its price; the bound ends it."""
        budget = Budget(Bounds(calls=50))
        worthless = {
            "choices": [{"message": {"content": "x"}, "finish_reason": "error"}],
            "usage": {"prompt_tokens": 9},
        }
        with serving(lambda call: ok(worthless) if call.attempt < 9 else completion("x")) as server:
            with pytest.raises(BudgetSpent):
                list(HTTPLLM("m", Endpoint(url=server.url, attempts=20), budget=budget).complete(asked(20)))
            assert len(server.calls) == budget.calls == 50


class TestAnswers:
    """An answer counts for its own call only."""

    @pytest.mark.parametrize("together", [1, 8])
    def test_one_that_comes_twice(self, together):
        """The first answer of each connection is sent again when the next call comes: that is not its answer."""
        sent: dict[int, bytes] = {}

        def answer(call: Call) -> bytes:
            seed = call.fields["seed"]
            message = {"message": {"content": f"seed {seed}"}, "finish_reason": "stop"}
            own = ok({"id": f"id-{seed}-{call.attempt}", "choices": [message]})
            before = sent.pop(call.connection, None)
            if before is None:
                sent[call.connection] = own
            return (before or b"") + own

        with serving(answer) as server:
            replies = list(HTTPLLM("m", Endpoint(url=server.url, concurrency=together)).complete(asked(60)))
        wrong = [
            reply.site for reply in replies if reply.site.removeprefix("react/") != reply.text.removeprefix("seed ")
        ]
        assert len(replies) == 60 and not wrong, f"{len(wrong)} of 60 calls got the answer to another"
