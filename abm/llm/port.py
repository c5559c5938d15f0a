"""The port to language models: requests in, replies out as they finish.

Knows nothing of torch, HTTP or contests. Backends: ``transformers`` and ``vllm`` (in process), ``http`` (servers),
``recorded`` (from a log), ``scripted`` (tests).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import msgspec

from abm.arenas import Message
from moloch.content import canonical, content_id

if TYPE_CHECKING:
    from abm.events import CallsServed


class Sampling(msgspec.Struct, frozen=True):
    """How tokens are drawn: temperature 0 is greedy; ``max_tokens`` bounds the completion."""

    temperature: float = 0.7
    top_p: float = 1.0
    max_tokens: int = 1480


class Request(msgspec.Struct, frozen=True):
    """One completion to make.

    Attributes:
        site: the place in the plan that asks, unique within a run.
        messages: the chat prompt.
        adapter: adapter id; empty for the base model.
        seed: 0 .. 2**31 - 1; the same request with the same seed has the same answer where the backend is deterministic.
        template: digest of the template, and ``refs``: the ids that filled it (both only for the log).
        choices: the completion must be one of these; and ``schema``: it must be JSON of this JSON Schema, itself JSON
            text. Empty: it is free. A backend that cannot constrain a model asks without them; the reader of
            the completion checks it in any case.
        stop: texts that end the completion and are no part of it. A backend that cannot stop there may go on: the reader
            of the completion ends it there in any case.
        scored: ask for no completion, but how likely each of ``choices`` is to come first: :attr:`Reply.logprobs`.
    """

    site: str
    messages: list[Message]
    sampling: Sampling
    seed: int
    adapter: str = ""
    template: str = ""
    refs: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    schema: str = ""
    stop: tuple[str, ...] = ()
    scored: bool = False

    def key(self, model_digest: str) -> str:
        """Return the call key: equal exactly if the same call is asked again."""
        asked = [self.site, model_digest, self.adapter, self.sampling, self.seed, self.messages]
        if self.stop:
            return content_id([*asked, self.guide, self.stop])
        return content_id([*asked, self.guide] if self.guide else asked)

    @property
    def guide(self) -> str:
        """What the completion is held to, or the choices that are scored, as JSON text; empty if it is free."""
        if self.scored:
            return canonical({"scored": self.choices}).decode()
        return canonical(self.choices).decode() if self.choices else self.schema


def text_tokens(text: str) -> int:
    """Estimate the tokens of a text where no count is available: one for four bytes."""
    return -(-len(text.encode()) // 4)


def messages_tokens(messages: Sequence[Message]) -> int:
    """Estimate the tokens of chat messages where no count is available."""
    return sum(text_tokens(message["content"]) + 4 for message in messages)


def prompt_tokens(request: Request) -> int:
    """Estimate the tokens of a prompt where no count is available."""
    return messages_tokens(request.messages)


def most_tokens(request: Request) -> int:
    """Return how many tokens a prompt has at most: one for each byte, what a template adds, and what it is held to."""
    guide = len(request.guide.encode()) + 160 if request.guide else 0
    return 64 + guide + sum(len(message["content"].encode()) + 16 for message in request.messages)


Finish = Literal["stop", "length", "refused", "error"]
"""Why a completion ended: by itself, at its bound, because the server would not give it, or because none came."""
NO_ANSWER: dict[str, str] = {
    "refused": "the server would not complete it",
    "error": "the server gave no answer",
}
"""How a completion ended that holds no answer -> why, in words; what a model wrote is not to blame."""


class Reply(msgspec.Struct, frozen=True):
    """One completion, raw; ``site`` names the request it answers.

    Attributes:
        logprobs: of a scored request, the log-probability in nats of each choice as the first token, at temperature 1 and before
            anything is held to it; empty where none of them is among the likeliest tokens that a server tells.
    """

    site: str
    text: str
    finish: Finish
    tokens_in: int
    tokens_out: int
    logprobs: tuple[float, ...] = ()


class LLM(Protocol):
    """A language model that completes chats."""

    @property
    def name(self) -> str:
        """The model's name, as configured."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 that names the weights; two models with one digest answer alike."""
        ...

    @property
    def unit(self) -> Literal["batch", "call"]:
        """What is committed, and after a crash made again, as a whole.

        ``batch``: all requests of one :meth:`complete`, or of each batch that it cuts them into (:class:`Batching`), for models
        in this process, whose answers may depend on what shares their batch. ``call``: each answer as it comes, for models
        that are paid by the call, or whose batches have no plan.
        """
        ...

    def complete(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """Yield one reply for each request, in the order in which they finish."""
        ...


@runtime_checkable
class Scoring(Protocol):
    """A model behind a server, which may or may not say how likely tokens are."""

    def logprobs(self) -> list[float]:
        """Return log-probabilities of a few tokens, in nats; an error of :mod:`moloch.errors` if it gives none."""
        ...


@runtime_checkable
class Grouping(Protocol):
    """A model whose replies come several at once, as those to many calls on their way do."""

    def groups(self, requests: Sequence[Request]) -> Iterator[Sequence[Reply]]:
        """Yield the replies of :meth:`LLM.complete`, those together that came together."""
        ...


@runtime_checkable
class Batching(Protocol):
    """A model whose unit is the batch, and that answers a call in several of them, one after the other."""

    def batches(self, requests: Sequence[Request]) -> Sequence[Sequence[Request]]:
        """Return how :meth:`LLM.complete` cuts a call: a function of ``requests`` alone.

        A batch that is asked for by itself is answered as within the whole. All requests are checked before the first is
        answered.
        """
        ...


@runtime_checkable
class Writing(Protocol):
    """A model whose answers come a batch at a time, and that says how far it is with the one under way."""

    @property
    def writing(self) -> int:
        """Tokens of completions that were not given back yet; may be read from any thread."""
        ...


class Flight(msgspec.Struct, frozen=True):
    """Calls to a server that have no answer yet.

    Attributes:
        sent: calls that wait for the server.
        waiting: why an attempt came to nothing -> calls that wait to be sent again.
        silent_s: seconds since the last answer, or since the calls began.
    """

    sent: int
    waiting: dict[str, int]
    silent_s: float


@runtime_checkable
class Flying(Protocol):
    """A model behind a server that says which of its calls have no answer yet."""

    @property
    def flight(self) -> Flight | None:
        """Those of the calls under way; None where there are none. May be read from any thread."""
        ...


@runtime_checkable
class Reporting(Protocol):
    """A model that can say how its calls were served."""

    def service(self) -> CallsServed | None:
        """Return that of the calls since the last time; None if there were none."""
        ...


@runtime_checkable
class Placed(Protocol):
    """A model that can say by what, and on which device, it computes."""

    def place(self) -> dict[str, str]:
        """Return facts for the record, by name: ``backend``, ``device``, ``precision``, ..."""
        ...


@runtime_checkable
class Yielding(Protocol):
    """A model behind a server that may refuse the usual way of asking."""

    @property
    def changes(self) -> Sequence[str]:
        """How it is asked instead, in words that follow "the server"."""
        ...


@runtime_checkable
class Sleeping(Protocol):
    """A model in this process that can give its memory back, to a training for example; the next call wakes it."""

    def sleep(self) -> None:
        """Give it back."""
        ...


def in_batches(llm: LLM, requests: Sequence[Request]) -> Sequence[Sequence[Request]]:
    """Return a call as the batches that a model whose unit is the batch answers one after the other."""
    return llm.batches(requests) if isinstance(llm, Batching) else [requests]


def in_groups(llm: LLM, requests: Sequence[Request]) -> Generator[Sequence[Reply], None, None]:
    """Yield a model's replies, those together that came together; closing it ends the calls on their way."""
    if isinstance(llm, Grouping):
        yield from llm.groups(requests)
    else:
        for reply in llm.complete(requests):
            yield (reply,)
