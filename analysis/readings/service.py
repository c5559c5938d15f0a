"""How models answered: what calls cost, what was tried again, what came to nothing. A function of a log's events."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from abm.events import CallsServed, Event, LLMReplied


class Service(msgspec.Struct):
    """The calls of one model in a run.

    Attributes:
        calls, tokens_in, tokens_out: of the answers in the log.
        finishes: how completions ended (``stop``, ``length``, ``refused``, ``error``) -> answers.
        attempts, retried, failed, usd, seconds: of a server, over all its rounds of calls; 0 and empty for models in process.
            ``failed``: why calls were given up; their answers are among those that ended in ``error``.
    """

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    finishes: dict[str, int] = {}
    attempts: int = 0
    retried: dict[str, int] = {}
    failed: dict[str, int] = {}
    usd: float = 0.0
    seconds: float = 0.0


def service(events: Iterable[Event]) -> dict[str, Service]:
    """Return model -> how it served the run."""
    reader = ServiceReader()
    for event in events:
        reader.take(event)
    return reader.found


class ServiceReader:
    """Folds events, one at a time, into what :func:`service` returns."""

    def __init__(self) -> None:
        self.found: dict[str, Service] = {}

    def take(self, event: Event) -> None:
        if isinstance(event, LLMReplied):
            mine = self.found.setdefault(event.model, Service())
            mine.calls += 1
            mine.tokens_in += event.tokens_in
            mine.tokens_out += event.tokens_out
            mine.finishes[event.finish] = mine.finishes.get(event.finish, 0) + 1
        elif isinstance(event, CallsServed):
            mine = self.found.setdefault(event.model, Service())
            mine.attempts += event.attempts
            mine.usd += event.usd
            mine.seconds += event.seconds
            for sums, more in ((mine.retried, event.retried), (mine.failed, event.failed)):
                for why, times in more.items():
                    sums[why] = sums.get(why, 0) + times
