"""How models answered: what calls cost, what was retried, what failed. A function of a log's events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

import msgspec

from abm.events import CallsServed, Event, LLMReplied
from analysis.readings.reading import frame_of, result_of

if TYPE_CHECKING:
    import polars as pl

COLUMNS = {
    "model": str,
    "calls": int,
    "tokens_in": int,
    "tokens_out": int,
    "at_bound": int,
    "refused": int,
    "error": int,
    "attempts": int,
    "retried": int,
    "failed": int,
    "usd": float,
    "seconds": float,
}


class Service(msgspec.Struct):
    """The calls of one model in a run.

    Attributes:
        calls, tokens_in, tokens_out: of the answers in the log.
        finishes: how completions ended (``stop``, ``length``, ``refused``, ``error``) -> answers.
        attempts, retried, failed, usd, seconds: of a server, over all its rounds of calls; 0 and empty for models in process.
            ``failed``: why calls were given up; their answers are among those that ended in ``error``.
        answered_by: model, as the server names it -> answers.
        changes: how the server was asked otherwise than is usual, since it refused the usual way.
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
    answered_by: dict[str, int] = {}
    changes: list[str] = []


def service(events: Iterable[Event]) -> dict[str, Service]:
    """Return model -> how it served the run."""
    return result_of(events, ServiceReading())


class ServiceReading:
    """Reads what :func:`service` returns; a row of its frame is a model, with numbers of answers and of attempts."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({LLMReplied, CallsServed})

    def __init__(self) -> None:
        self._models: dict[str, Service] = {}

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case LLMReplied():
                self._answer(self._models.setdefault(event.model, Service()), event)
            case CallsServed():
                self._serve(self._models.setdefault(event.model, Service()), event)

    def result(self) -> dict[str, Service]:
        """Return model -> how it has served so far."""
        return self._models

    def frame(self) -> pl.DataFrame:
        """Return a row per model."""
        rows = [
            (
                model,
                *(served.calls, served.tokens_in, served.tokens_out),
                *(served.finishes.get(finish, 0) for finish in ("length", "refused", "error")),
                *(served.attempts, sum(served.retried.values()), sum(served.failed.values())),
                *(served.usd, served.seconds),
            )
            for model, served in self._models.items()
        ]
        return frame_of(rows, COLUMNS)

    @staticmethod
    def _answer(served: Service, event: LLMReplied) -> None:
        served.calls += 1
        served.tokens_in += event.tokens_in
        served.tokens_out += event.tokens_out
        served.finishes[event.finish] = served.finishes.get(event.finish, 0) + 1

    @staticmethod
    def _serve(served: Service, event: CallsServed) -> None:
        served.attempts += event.attempts
        served.usd += event.usd
        served.seconds += event.seconds
        served.changes = list(dict.fromkeys([*served.changes, *event.changes]))
        counts = (
            (served.retried, event.retried),
            (served.failed, event.failed),
            (served.answered_by, event.answered_by),
        )
        for sums, more in counts:
            for why, times in more.items():
                sums[why] = sums.get(why, 0) + times
