"""How models answered, a line per model: answers, tokens, what was retried, what failed."""

from __future__ import annotations

from typing import Any

from analysis.formats import percent


def service_lines(served: dict[str, Any]) -> list[str]:
    """Return one line per model, of :func:`analysis.readings.service.service` as builtins."""
    return [_line(model, calls) for model, calls in served.items()]


def _line(model: str, served: dict[str, Any]) -> str:
    calls, finishes = max(1, served["calls"]), served["finishes"]
    parts = [f"{served['calls']:,} answers, {served['tokens_in']:,} tokens read, {served['tokens_out']:,} written"]
    if cut := finishes.get("length", 0):
        parts.append(f"{percent(cut / calls)} at their bound")
    for why in ("refused", "error"):
        if number := finishes.get(why, 0):
            parts.append(f"{number:,} {why} ({percent(number / calls)})")
    if served["attempts"]:
        parts.append(_attempts(served))
    parts += [f"given up after {_reasons(served['failed'])}"] if served["failed"] else []
    parts += [f"${served['usd']:.4f}"] if served["usd"] else []
    if others := {name: number for name, number in served.get("answered_by", {}).items() if name != model}:
        parts.append(f"answered by {_reasons(others)}")
    parts += [f"the server {change}" for change in served.get("changes", [])]
    return f"{model}: {'; '.join(parts)}"


def _attempts(served: dict[str, Any]) -> str:
    """Return how often the server was asked. A process that was killed did not log its last round of calls, but its answers."""
    killed = served["attempts"] < served["calls"]
    asked = (
        f"at least {served['calls']:,} attempts, some by a process that was killed"
        if killed
        else f"{served['attempts']:,} attempts"
    )
    tries = _reasons(served["retried"])
    return f"{asked}{f' (again after {tries})' if tries else ''}"


def _reasons(counts: dict[str, int]) -> str:
    return ", ".join(f"{why}: {times:,}" for why, times in sorted(counts.items()))
