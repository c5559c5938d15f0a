"""A model behind an OpenAI-compatible server as an :class:`~abm.llm.port.LLM`; each answer counts as it comes."""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import msgspec

from abm.events import CallsServed
from abm.llm.budget import Budget, BudgetGate, Price
from abm.llm.http import _completion as completions
from abm.llm.http import _failure as failures
from abm.llm.http._adapters import ServedAdapters
from abm.llm.http._compression import plain
from abm.llm.http._control import Control, ServedModel
from abm.llm.http._dialect import Dialect
from abm.llm.http._exchange import NOTHING, UNKNOWN, Again, Landed, Limits, Usage
from abm.llm.http._ids import CompletionIds
from abm.llm.http._json import parsed_json
from abm.llm.http._sender import Sender
from abm.llm.http._slots import SharedSlots
from abm.llm.http.endpoint import Endpoint, parsed
from abm.llm.port import Flight, Reply, Request, most_tokens
from abm.llm.scores import choice_scores
from moloch.content import canonical, digest
from moloch.errors import InputError, MolochError, MolochWarning

LOST = (408, 502, 504, 520, 521, 522, 523, 524)
"""Statuses of a gateway that lost the server behind it, which may have answered, and may charge for it."""
OTHERS = "others"
NAMES = 16
"""Names of models that answered, counted separately in one round of calls."""


class HTTPLLM:
    """An :class:`~abm.llm.port.LLM` behind a server.

    Args:
        model: the model as the settings name it.
        endpoint: where it is served.
        folder: of the same model here, if there is one: its weights then name the model, not its name.
        adapters: folder that holds ``<adapter id>/adapter_model.safetensors``.
        budget: what calls may cost.
        shared: folder by which processes that ask the same server keep to its ``concurrency`` together; None: they do not.

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
        shared: Path | None = None,
    ) -> None:
        self.name, self.endpoint, self._folder = model, endpoint, folder
        self._address, self._path = parsed(endpoint.url)
        self._control = Control(self._address, self._path, endpoint)
        self._budget = budget or Budget()
        self._slots = SharedSlots(shared, self._address, endpoint.concurrency) if shared is not None else None
        self._price = endpoint.price or Price()
        self._adapters = ServedAdapters(self._control, adapters, endpoint, lambda: self._weights)
        self._ids = CompletionIds()
        self._answered_by: Counter[str] = Counter()
        self._strange: set[tuple[str, str]] = set()
        """Model asked and model that answered, of those differences that were said."""
        self._given_up: set[str] = set()
        """Why calls were given up, as it was said."""
        self._service: CallsServed | None = None
        self._sender: Sender | None = None

    @property
    def digest(self) -> str:
        """SHA-256 over the weights where a folder has them, else over the name and what is asked of it besides."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        besides = self.endpoint.extra | ({"thinking": "off"} if self.endpoint.thinking == "off" else {})
        if self._folder is not None:
            return digest(canonical([self._weights, besides])) if besides else self._weights
        return digest(canonical(["served", self.served.name, besides]))

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
        return self._control.served(self.name, self.endpoint.name)

    @property
    def changes(self) -> Sequence[str]:
        """What the server is asked otherwise than is usual, in words, because it refused the usual way."""
        return self._dialect.changes

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
        gate = BudgetGate(self._budget, self._price, self.endpoint.room)
        self._answered_by.clear()
        senders: list[Sender] = []
        try:
            for group in self._together(requests):
                self._sender = Sender(self._address, self, self._limits, gate, self._slots)
                senders.append(self._sender)
                for replies in self._sender.run(group):
                    calls += len(replies)
                    tokens[0] += sum(reply.tokens_in for reply in replies)
                    tokens[1] += sum(reply.tokens_out for reply in replies)
                    yield replies
        finally:
            self._sender = None
            self._budget.settled()
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
                answered_by=dict(self._answered_by),
                changes=list(self.changes),
            )

    def _together(self, requests: Sequence[Request]) -> list[Sequence[Request]]:
        """Return the calls that may be on their way together."""
        base = [request for request in requests if not request.adapter]
        if self.endpoint.mixed or len(base) in (0, len(requests)):
            return [requests]
        return [base, [request for request in requests if request.adapter]]

    @property
    def flight(self) -> Flight | None:
        """See :class:`abm.llm.port.Flying`."""
        sender = self._sender
        return sender.flight if sender is not None else None

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
        if self._slots is not None:
            self._slots.close()

    # -- how calls look; see abm.llm.http._exchange.Exchanger -------------------------------------------------

    def write(self, question: Request) -> bytes:
        """Return the whole HTTP request."""
        data = self._dialect.body(question, question.adapter or self.served.name, self.endpoint.extra)
        return b"%b%d\r\n\r\n%b" % (self._head, len(data), data)

    def read(self, question: Request, status: int, headers: dict[bytes, bytes], body: bytes, first: bool) -> Landed:
        """Return what an answer comes to; what its server says that it cost counts, whatever it is worth."""
        body = plain(headers.get(b"content-encoding", b""), body, self._limits.body)
        data = parsed_json(self._control.redacted(body))
        usage = completions.usage(data)
        if not 200 <= status < 300:
            outcome = self._failed(question, status, headers, data, body)
            return Landed(outcome, _filled(usage, UNKNOWN if status in LOST else NOTHING))
        if self._ids.stale(self._id(data, body), first=first):
            return Landed(Again("answer to another call", stale=True), UNKNOWN)  # that one was booked
        outcome = completions.completion(question, data, usage)
        if isinstance(outcome, Reply) and question.scored:
            likeliest = completions.likeliest(data)
            if likeliest is None:
                return Landed(self._unscored(), _filled(usage, UNKNOWN))
            scores = choice_scores(question.choices, likeliest)
            outcome = msgspec.structs.replace(outcome, logprobs=scores, finish="stop")
        if isinstance(outcome, Reply):
            if self._control.has_key:
                outcome = msgspec.structs.replace(outcome, text=self._control.redacted_text(outcome.text))
            again = self._take_note(question, data, outcome)
            if None in usage:
                written = min(self._dialect.most_written(question), len(outcome.text.encode()) + 16)
                usage = _filled(usage, Usage(most_tokens(question), written))
            return Landed(again or outcome, usage)
        if (error := failures.error_within(data)) is None:
            return Landed(outcome, usage)
        return Landed(self._failed_within(question, headers, error), _filled(usage, NOTHING))

    def _unscored(self) -> InputError:
        return InputError(
            f"no letter probabilities from {self.served.name!r}",
            where=self.endpoint.url,
            why="the server gives no log-probabilities of a completion's first token (top_logprobs)",
            fix="Use a server that gives them (vLLM, llama.cpp), a model in this process, or reader.answer=tags.",
        )

    def give_up(self, question: Request, why: str) -> Reply:
        """Return a reply without text: the server answered others, but never this call. Why is said once."""
        self._dialect.gave_up(question)
        if why not in self._given_up and len(self._given_up) < NAMES:
            self._given_up.add(why)
            said = f"{self.endpoint.url} gave no usable answer in {self.endpoint.attempts} attempts: {why}"
            warnings.warn(f"{said}; such calls are recorded as failed, and counted", MolochWarning, stacklevel=2)
        return Reply(question.site, "", "error", 0, 0)

    def _failed(
        self, question: Request, status: int, headers: dict[bytes, bytes], data: Any, body: bytes
    ) -> Reply | Again | MolochError:
        said = self._control.redacted_text(failures.words(data, self._control.redacted(body)))
        if (again := self._dialect.refused(question, status, said)) is not None:
            return again
        headers = {name: self._control.redacted(value) for name, value in headers.items()}
        where, key_fix = self.endpoint.url, self.endpoint.key_fix
        return failures.failure(question, status, headers, said, failures.labels(data), where=where, key_fix=key_fix)

    def _failed_within(self, question: Request, headers: dict[bytes, bytes], error: Any) -> Reply | Again | MolochError:
        """Return what an error means that came as a success."""
        status = failures.status_within(error)
        if status == 200:
            said = self._control.redacted_text(failures.words(error))
            return self._dialect.refused(question, 400, said) or Again("error within HTTP 200", wrong=True, said=said)
        outcome = self._failed(question, status, headers, error, b"")
        if isinstance(outcome, Again):
            outcome = dataclasses.replace(outcome, why=f"{outcome.why} within HTTP 200")
        return outcome

    def _take_note(self, question: Request, data: Any, reply: Reply) -> Again | None:
        """Record which model answered, say so once where it is another one than was asked; return whether to ask again."""
        said, cut = reply.text.rpartition("</think>")[2], reply.finish == "length"
        cut = cut and not question.scored
        again = self._dialect.answered(question, said, cut=cut, thinks=completions.thinks_apart(data))
        name, asked = completions.label(data, "model"), question.adapter or self.served.name
        if name and name != asked:
            name = failures.shortened(self._control.redacted_text(name))
            name = name if name in self._answered_by or len(self._answered_by) < NAMES else OTHERS
            if name != OTHERS and (asked, name) not in self._strange:
                self._strange.add((asked, name))
                said = f"{self.endpoint.url} answers as {name!r} where {asked!r} is asked"
                warnings.warn(said, MolochWarning, stacklevel=2)
        if name:
            self._answered_by[self.served.name if name == question.adapter else name] += 1
        return again

    def _id(self, data: Any, body: bytes) -> str:
        """Return what tells a completion from others; Ollama draws its ids from a thousand."""
        name = completions.label(data, "id")
        return f"{name} {hash(body)}" if name and self.served.kind == "ollama" else name

    @cached_property
    def _dialect(self) -> Dialect:
        settings = self.endpoint
        quiet = settings.thinking == "off"
        return Dialect(self.served.kind, settings.url, quiet=quiet, room=settings.thinking_room)

    @cached_property
    def _head(self) -> bytes:
        return self._control.head("POST", "/chat/completions") + b"Content-Type: application/json\r\nContent-Length: "

    @cached_property
    def _limits(self) -> Limits:
        settings = self.endpoint
        return Limits(settings.concurrency, settings.timeout, settings.attempts, settings.patience)


def _sum(counts: Iterable[Counter[str]]) -> Counter[str]:
    return sum(counts, Counter())


def _filled(usage: Usage, otherwise: Usage) -> Usage:
    """Return ``usage``, what it leaves open taken from ``otherwise``."""
    read, written = usage
    return Usage(otherwise.tokens_in if read is None else read, otherwise.tokens_out if written is None else written)
