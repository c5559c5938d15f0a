"""What probes found in a message, as pages show it: what it did to win apart from what it could not do.

The kinds are those of :mod:`abm.probe`; knows nothing of how they are distinguished.
"""

from __future__ import annotations

from typing import Any

from abm.probe import Kind
from analysis.readings.book import Message

FAILURES: dict[str, Kind] = {"misbehaved": "strategy", "miscopied": "copying"}
"""What lists are filtered by -> the kind of probe that found it."""


def chips(message: Message) -> list[dict[str, Any]]:
    """Return a chip per probe that found something, those of strategy first."""
    return [{"text": probe, "kind": kind} for name, kind in FAILURES.items() for probe in getattr(message, name)]


def failures(message: Message) -> set[str]:
    """Return which of :data:`FAILURES` a message is."""
    return {name for name in FAILURES if getattr(message, name)}
