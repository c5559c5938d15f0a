"""What language models wrote: answers, and the messages that became of them."""

from __future__ import annotations

from typing import Literal

from abm.events._event import Event


class RoundsRecalled(Event, frozen=True, kw_only=True, tag="rounds_recalled"):
    """What a competitor with a memory had before it of its past rounds, when it wrote in this step."""

    competitor: str
    recalled: list[str]
    """Contests, the newest last."""
    left_out: int
    """Older ones that it would have, too, but that did not fit; each is left out whole."""
    remembered: str
    """The text in its prompt."""
    memory: str
    """Content id of the text; calls name it in their ``refs``."""


class LLMReplied(Event, frozen=True, kw_only=True, tag="llm_replied"):
    """One answer of a language model, durable before anything uses it."""

    key: str
    """Call key: content id of site, model, adapter, sampling, seed and prompt."""
    site: str
    """Place in the plan that asked, unique within a run."""
    model: str
    adapter: str
    """Adapter id; empty for the base model."""
    template: str
    """Digest of the template; with ``refs`` it recovers the prompt exactly."""
    refs: list[str]
    """Ids of what filled the template."""
    prompt: str
    """SHA-256 of the rendered chat messages."""
    text: str
    """The raw completion."""
    finish: Literal["stop", "length", "refused", "error"]
    """``refused``: the server would not complete it; ``error``: it answered, but never with a completion."""
    tokens_in: int
    tokens_out: int
    temperature: float
    top_p: float
    max_tokens: int
    seed: int
    guide: str = ""
    """What the completion was held to: options or a JSON Schema, as JSON text; empty if it was free."""
    stop: list[str] = []
    """Texts that ended the completion where it came to one; they are no part of ``text``."""
    logprobs: list[float] = []
    """Log-probability in nats of each of the choices that ``guide`` names, where these were scored instead of completed."""


class MessageRedrawn(Event, frozen=True, kw_only=True, tag="message_redrawn"):
    """A completion that did not parse, in place of which its writer was asked for another one."""

    message: str
    """That of the message or rejection that came of it in the end."""
    contest: str
    slot: int
    competitor: str
    anchor: str
    adapter: str
    attempt: int
    """From 1."""
    reason: str


class MessagePublished(Event, frozen=True, kw_only=True, tag="message_published"):
    """A completion that parsed; the audience sees ``text`` only."""

    message: str
    """``<contest>/<slot>``."""
    contest: str
    slot: int
    competitor: str
    anchor: str
    adapter: str
    thinking: str
    text: str
    attempt: int = 1
    """Which of its writer's completions it is; those before it have a ``message_redrawn`` each."""
    cut: int = 0
    """Characters behind its last whole sentence that were left out, because the completion met its bound."""


class MessageRejected(Event, frozen=True, kw_only=True, tag="message_rejected"):
    """A completion that did not parse; it never reaches the audience and counts against its author."""

    message: str
    contest: str
    slot: int
    competitor: str
    anchor: str
    adapter: str
    reason: str
    attempt: int = 1
    """The last of its writer's completions."""
