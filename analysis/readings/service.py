"""How models answered: what calls cost, what was tried again, what came to nothing. A function of a log's events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

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


def service_lines(found: dict[str, Any]) -> list[str]:
    """Return one line per model, of :func:`service` as builtins."""
    return [_line(model, mine) for model, mine in found.items()]


def _reasons(counts: dict[str, int]) -> str:
    return ", ".join(f"{why}: {times:,}" for why, times in sorted(counts.items()))


def _line(model: str, mine: dict[str, Any]) -> str:
    calls = max(1, mine["calls"])
    cut, bad = mine["finishes"].get("length", 0), {k: mine["finishes"].get(k, 0) for k in ("refused", "error")}
    parts = [f"{mine['calls']:,} answers, {mine['tokens_in']:,} tokens read, {mine['tokens_out']:,} written"]
    parts += [f"{100 * cut / calls:.1f} % at their bound"] if cut else []
    parts += [f"{number:,} {why} ({100 * number / calls:.1f} %)" for why, number in bad.items() if number]
    if mine["attempts"]:
        tries = _reasons(mine["retried"])
        parts.append(f"{mine['attempts']:,} attempts{f' (again after {tries})' if tries else ''}")
    parts += [f"given up after {_reasons(mine['failed'])}"] if mine["failed"] else []
    parts += [f"${mine['usd']:.4f}"] if mine["usd"] else []
    return f"{model}: {'; '.join(parts)}"
