"""A model behind an OpenAI-compatible server as an :class:`~abm.llm.port.LLM`; each answer counts as it comes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

from abm.events import CallsServed
from abm.llm.budget import Budget, BudgetGate, Price
from abm.llm.http import _chat as chat
from abm.llm.http._adapters import ServedAdapters
from abm.llm.http._control import Control, ServedModel
from abm.llm.http._exchange import Again, Limits
from abm.llm.http._sender import Sender
from abm.llm.http.endpoint import Endpoint, parsed
from abm.llm.port import Reply, Request
from moloch.content import canonical, digest

RENAMED = (b"max_tokens", b"max_completion_tokens", b"instead")
"""Words of a server that wants the bound by its newer name; vLLM names both, too, where a bound is too large."""


class HTTPLLM:
    """An :class:`~abm.llm.port.LLM` behind a server.

    Args:
        model: the model as the settings name it.
        endpoint: where it is served.
        folder: of the same model here, if there is one: its weights then name the model, not its name.
        adapters: folder that holds ``<adapter id>/adapter_model.safetensors``.
        budget: what calls may cost.

    Raises:
        InputError: the URL or the key's variable is not valid.
    """

    unit: Literal["batch", "call"] = "call"

    def __init__(
        self,
        model: str,
        endpoint: Endpoint,
        *,
        folder: Path | None = None,
        adapters: Path | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.name, self.endpoint, self._folder = model, endpoint, folder
        self._address, self._path = parsed(endpoint.url)
        self._control = Control(self._address, self._path, endpoint.secret)
        self._budget = budget or Budget()
        self._price = Price(endpoint.usd_in, endpoint.usd_out)
        self._bound = "max_tokens"
        self._adapters = ServedAdapters(self._control, adapters, endpoint, lambda: self._weights)
        self._service: CallsServed | None = None

    @property
    def digest(self) -> str:
        """SHA-256 over the weights where a folder has them, else over the name and what is asked of it besides."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        if self._folder is not None:
            weights = self._weights
            return digest(canonical([weights, self.endpoint.extra])) if self.endpoint.extra else weights
        return digest(canonical(["served", self.served.name, self.endpoint.extra]))

    @cached_property
    def _weights(self) -> str:
        """Digest of the weights; empty where no folder has them."""
        if self._folder is None:
            return ""
        from abm.llm.weights import model_digest

        return model_digest(self._folder)

    @cached_property
    def served(self) -> ServedModel:
        """What the server calls the model, and what kind of server it is."""
        return self._control.served(self.endpoint.name or self.name)

    def complete(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """Yield each reply as it comes; see :meth:`groups`."""
        for group in self.groups(requests):
            yield from group

    def groups(self, requests: Sequence[Request]) -> Iterator[Sequence[Reply]]:
        """Yield the replies as they come, durable or not: who reads them sees to that.

        Raises:
            ServiceError: the server does not serve any more; what it had answered was yielded.
            BudgetSpent: the next call could cost too much; the answers so far were yielded.
            InputError: the server refuses: key, name or what is asked.
        """
        if not requests:
            return
        began, tokens, calls, spent = time.perf_counter(), [0, 0], 0, self._budget.usd
        self._adapters.ensure({request.adapter for request in requests if request.adapter}, self.served)
        gate = BudgetGate(self._budget, self._price) if self._budget.bounded else None
        senders: list[Sender] = []
        try:
            for group in self._together(requests):
                senders.append(Sender(self._address, self, self._limits, gate))
                for replies in senders[-1].run(group):
                    calls += len(replies)
                    tokens[0] += sum(reply.tokens_in for reply in replies)
                    tokens[1] += sum(reply.tokens_out for reply in replies)
                    yield replies
        finally:
            self._service = CallsServed(
                model=self.name,
                calls=calls,
                attempts=sum(sender.attempts for sender in senders),
                retried=dict(_sum(sender.retries.retried for sender in senders)),
                failed=dict(_sum(sender.retries.given_up for sender in senders)),
                tokens_in=tokens[0],
                tokens_out=tokens[1],
                usd=round(self._budget.usd - spent, 9),
                seconds=round(time.perf_counter() - began, 3),
                window=min((int(sender.window.size) for sender in senders), default=0),
            )

    def _together(self, requests: Sequence[Request]) -> list[Sequence[Request]]:
        """Return the calls that may be on their way together."""
        base = [request for request in requests if not request.adapter]
        if self.endpoint.mixed or len(base) in (0, len(requests)):
            return [requests]
        return [base, [request for request in requests if request.adapter]]

    def service(self) -> CallsServed | None:
        """Return how the calls since the last time were served."""
        served, self._service = self._service, None
        return served

    def logprobs(self) -> list[float]:
        """Return log-probabilities of a few tokens, in nats: of vLLM a prompt's, by which adapters are checked; else a completion's.

        Raises:
            InputError: the server gives none.
            ServiceError: it cannot be reached.
        """
        served = self.served
        if served.kind == "vllm":
            return self._control.prompt_logprobs(served.name, list(range(1, 9)))
        return self._control.chat_logprobs(served.name)

    def close(self) -> None:
        """Have the server drop the adapters that were loaded for us."""
        self._adapters.unload_all()

    # -- how calls look; see abm.llm.http._exchange.Exchanger -------------------------------------------------

    def write(self, question: Request) -> bytes:
        """Return the whole HTTP request."""
        served = self.served
        data = chat.body(question, question.adapter or served.name, served.kind, self._bound, self.endpoint.extra)
        return b"%b%d\r\n\r\n%b" % (self._head, len(data), data)

    def read(self, question: Request, status: int, headers: dict[bytes, bytes], body: bytes) -> Reply | Again:
        """Return the reply, or that the call is to be made again."""
        body = self._control.redacted(body)
        if status == 200:
            outcome = chat.reply(question, body)
        elif status == 400 and all(word in body for word in RENAMED):
            self._bound = "max_completion_tokens"  # newer hosted models know only this name
            return Again("field renamed", wrong=True)
        else:
            headers = {name: self._control.redacted(value) for name, value in headers.items()}
            outcome = chat.failure(question, status, headers, body, self.endpoint.url)
        if isinstance(outcome, Reply):
            self._budget.book(self._price, outcome.tokens_in, outcome.tokens_out)
        return outcome

    def give_up(self, question: Request, why: str) -> Reply:
        """Return a reply without text: the server answered others, but never this call."""
        self._budget.book(self._price, 0, 0)
        return Reply(question.site, "", "error", 0, 0)

    @cached_property
    def _head(self) -> bytes:
        return self._control.head("POST", "/chat/completions") + b"Content-Type: application/json\r\nContent-Length: "

    @cached_property
    def _limits(self) -> Limits:
        settings = self.endpoint
        return Limits(settings.concurrency, settings.timeout, settings.attempts, settings.patience)


def _sum(counts: Iterable[Counter[str]]) -> Counter[str]:
    return sum(counts, Counter())
