"""The port to language models: requests in, replies out as they finish.

Knows nothing of torch, HTTP or contests. Backends: ``transformers`` (in process), ``recorded`` (from a log),
``scripted`` (tests).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

import msgspec

from abm.arenas import Message
from abm.content import content_id


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
    """

    site: str
    messages: list[Message]
    sampling: Sampling
    seed: int
    adapter: str = ""
    template: str = ""
    refs: tuple[str, ...] = ()

    def key(self, model_digest: str) -> str:
        """Return the call key: equal exactly if the same call is asked again."""
        return content_id([self.site, model_digest, self.adapter, self.sampling, self.seed, self.messages])


class Reply(msgspec.Struct, frozen=True):
    """One completion, raw; ``site`` names the request it answers."""

    site: str
    text: str
    finish: Literal["stop", "length", "error"]
    tokens_in: int
    tokens_out: int


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

        ``batch``: all requests of one :meth:`complete`, for models in this process, whose answers may depend on what shares
        their batch. ``call``: each answer as it comes, for models that are paid by the call.
        """
        ...

    def complete(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """Yield one reply for each request, in the order in which they finish."""
        ...
