"""A model whose answers are a function: for tests and examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from abm.llm.port import Reply, Request
from moloch.content import digest


class ScriptedLLM:
    """An :class:`~abm.llm.port.LLM` that answers ``answer(request)``; tokens are counted as words.

    Args:
        unit: ``call`` for one that takes the place of a remote model.
        scores: returns the log-probability of each choice of a scored request; without it there are none.
    """

    def __init__(
        self,
        answer: Callable[[Request], str],
        name: str = "scripted",
        *,
        unit: Literal["batch", "call"] = "batch",
        scores: Callable[[Request], Sequence[float]] | None = None,
    ) -> None:
        self.name, self.digest, self.unit = name, digest(name.encode()), unit
        self._answer, self._scores = answer, scores
        self.calls = 0
        """Requests answered so far."""

    def complete(self, requests: Sequence[Request]) -> Iterator[Reply]:
        """Yield one reply per request, in order."""
        for request in requests:
            self.calls += 1
            text = self._answer(request)
            words = sum(len(message["content"].split()) for message in request.messages)
            scores = tuple(self._scores(request)) if self._scores and request.scored else ()
            yield Reply(request.site, text, "stop", words, len(text.split()), scores)
