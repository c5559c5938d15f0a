"""The line that says how a model answered."""

from __future__ import annotations

from msgspec import to_builtins

from analysis.readings.service import Service
from analysis.terminal.service import service_lines


def line(**served: object) -> str:
    [said] = service_lines(to_builtins({"m": Service(**served)}))  # pyright: ignore[reportArgumentType]
    return said


def test_attempts_are_those_that_the_server_was_asked():
    """With what was asked again, and why."""
    assert "; 80 attempts (again after HTTP 429: 8)" in line(calls=72, attempts=80, retried={"HTTP 429": 8})
    assert "attempts" not in line(calls=72)  # a model in this process


def test_a_round_that_a_kill_cut_off_is_said():
    """Its answers are in the log, its count of attempts is not: no line has fewer attempts than answers."""
    assert "; at least 72 attempts, some by a process that was killed" in line(calls=72, attempts=64)
