"""A model whose answers are a function: for tests and examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from abm.content import digest
from abm.llm.port import Reply, Request


class ScriptedLLM:
    """An :class:`~abm.llm.port.LLM` that answers ``answer(request)``; tokens are counted as words."""

    def __init__(self, answer: Callable[[Request], str], name: str = "scripted") -> None:
        self.name, self.digest = name, digest(name.encode())
        self._answer = answer
        self.calls = 0
        """Requests answered so far."""

    def complete(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """Yield one reply per request, in order."""
        for request in requests:
            self.calls += 1
            text = self._answer(request)
            words = sum(len(message["content"].split()) for message in request.messages)
            yield Reply(request.site, text, "stop", words, len(text.split()))
