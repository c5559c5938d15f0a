"""A model that answers from a log, and only from it. Knows events; knows nothing of weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from abm.events import Event, LLMReplied
from abm.llm.port import Reply, Request
from moloch.errors import NondeterminismError


class RecordedLLM:
    """An :class:`~abm.llm.port.LLM` that knows the answers in ``events`` and refuses any other question.

    Args:
        events: of the recorded run; all but its answers are passed over.
        name: of the model whose answers these are.
        digest: of that model, part of every call's key.
    """

    unit: Literal["batch", "call"] = "batch"

    def __init__(self, events: Iterable[Event], *, name: str, digest: str) -> None:
        self.name, self.digest = name, digest
        self._answers = {event.key: event for event in events if isinstance(event, LLMReplied)}

    def complete(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """Yield the recorded replies.

        Raises:
            NondeterminismError: a request that was not recorded.
        """
        for request in requests:
            key = request.key(self.digest)
            if (event := self._answers.get(key)) is None:
                raise NondeterminismError(
                    "no recorded answer",
                    where=request.site,
                    why=f"call key {key} is not in the log",
                    fix="Model, adapter, sampling, seed or prompt are not those of the recording.",
                )
            yield Reply(
                request.site, event.text, event.finish, event.tokens_in, event.tokens_out, tuple(event.logprobs)
            )
