"""The errors a user can meet: each says what, where, why, and what to do."""

from __future__ import annotations

from populations.errors import InputError, MolochError

__all__ = ["Conflict", "CorruptLog", "InputError", "Locked", "LogError", "MolochError", "NondeterminismError"]


class LogError(MolochError):
    """An event log that cannot be opened, verified or written."""

    exit_code = 3


class CorruptLog(LogError):
    """Bytes of the log that contradict its hash chain; never mended in silence."""


class Locked(LogError):
    """Another process is writing this run."""


class Conflict(LogError):
    """The log moved on since the caller last read its head."""


class NondeterminismError(MolochError):
    """A resumed or replayed run decided otherwise than its log says."""

    exit_code = 4
