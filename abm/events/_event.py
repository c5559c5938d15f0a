"""What every event carries, and the sides and phases that events name."""

from __future__ import annotations

from typing import Literal

import msgspec

SCHEMA_VERSION = 2
"""2: a persona's traits are columns (:mod:`abm.log.upcast` reads 1); bulk reactions, forks and repairs."""

Split = Literal["train", "evaluate"]
"""On which side members and anchors are: those of which is learnt, or held-out ones."""
Phase = Literal["train", "evaluate", "elsewhere"]
"""What contests are for; ``elsewhere``: held-out people read messages in an arena other than the run's own."""


def split_of(phase: str) -> Split:
    """Return the side whose members react in a phase.

    >>> split_of("elsewhere")
    'evaluate'
    """
    return "train" if phase == "train" else "evaluate"


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag_field="type"):
    """What every event carries; ``seq`` and ``at`` are given by the log when the event is appended."""

    seq: int = -1
    """Place in the log, from 0 without gaps."""
    v: int = SCHEMA_VERSION
    """Schema version of this event."""
    step: int = -1
    """Step of the plan in which it happened; -1 outside any step."""
    cause: int = -1
    """``seq`` of the parent event; -1 for none."""
    at: float = 0.0
    """Seconds since the Unix epoch when it was appended."""


class Lifecycle(Event, frozen=True, kw_only=True):
    """About the process, not about the study: left out of the digest and of state."""
