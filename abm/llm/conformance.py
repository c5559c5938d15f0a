"""What every language model backend promises; a backend's tests inherit these and give it as the fixture ``llm``.

Ten short calls are asked of it, several times: of a hosted model they have a price.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from abm.llm.port import LLM, Reply, Request, Sampling, in_batches

SAMPLING = Sampling(temperature=1.0, max_tokens=24)


def ask(i: int, *, seed: int | None = None, sampling: Sampling = SAMPLING, adapter: str = "") -> Request:
    """Return the ``i``-th request; prompts differ in length."""
    messages = [
        {"role": "system", "content": "You are a seller."},
        {"role": "user", "content": "It is blue. " * (1 + i % 5) + f"Item {i // 2}."},
    ]
    return Request(
        site=f"write/{i}", messages=messages, sampling=sampling, seed=i if seed is None else seed, adapter=adapter
    )


REQUESTS = [ask(i) for i in range(10)]
"""The calls that are asked of every backend."""


def replies(llm: LLM, requests: Sequence[Request]) -> dict[str, Reply]:
    """Return site -> reply."""
    return {reply.site: reply for reply in llm.complete(requests)}


class BackendConformance:
    """Promises of :class:`abm.llm.port.LLM`."""

    def test_one_reply_per_request(self, llm: LLM) -> None:
        """Every request is answered once, under its own site."""
        answers = list(llm.complete(REQUESTS))
        assert sorted(reply.site for reply in answers) == sorted(request.site for request in REQUESTS)

    def test_nothing_asked(self, llm: LLM) -> None:
        """No request, no reply."""
        assert list(llm.complete([])) == []

    def test_same_call_same_answer(self, llm: LLM) -> None:
        """The same requests are answered the same way again."""
        assert replies(llm, REQUESTS) == replies(llm, REQUESTS)

    def test_a_batch_by_itself(self, llm: LLM) -> None:
        """What shares a batch is answered by itself as it is within the whole call, and every request is in one batch."""
        batches = in_batches(llm, REQUESTS)
        assert sorted(request.site for batch in batches for request in batch) == sorted(r.site for r in REQUESTS)
        whole = replies(llm, REQUESTS)
        for batch in batches:
            assert list(in_batches(llm, batch)) == [batch]
            assert replies(llm, batch) == {request.site: whole[request.site] for request in batch}

    def test_tokens_are_counted(self, llm: LLM) -> None:
        """A reply counts the tokens read and written, within the bound of its request."""
        for reply in llm.complete(REQUESTS):
            assert reply.tokens_in > 0
            assert 0 <= reply.tokens_out <= SAMPLING.max_tokens
            assert reply.tokens_out > 0 or reply.text == ""

    def test_how_it_ended(self, llm: LLM) -> None:
        """A reply that reached its bound says so; any other stopped by itself."""
        for reply in llm.complete(REQUESTS):
            assert reply.finish == ("length" if reply.tokens_out == SAMPLING.max_tokens else "stop")

    def test_named(self, llm: LLM) -> None:
        """A backend has a name, and a digest that stays."""
        assert llm.name
        assert len(llm.digest) == 64
        assert llm.digest == llm.digest

    def test_requests_are_left_alone(self, llm: LLM) -> None:
        """Answering changes no request."""
        before = msgspec.json.encode(REQUESTS)
        list(llm.complete(REQUESTS))
        assert msgspec.json.encode(REQUESTS) == before
