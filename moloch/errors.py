"""The errors a user can meet: each says what, where, why, and what to do."""

from __future__ import annotations


class MolochError(Exception):
    """A mistake or a fault that a user can fix; commands print it as one line, without a traceback.

    Args:
        what: what went wrong.
        where: file:line:column, run or event it concerns.
        why: the reason, where it is not plain from ``what``.
        fix: what to do next.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", why: str = "", fix: str = "") -> None:
        self.what, self.where, self.why, self.fix = what, where, why, fix
        super().__init__(": ".join(part for part in (where, what, why) if part) + (f". {fix}" if fix else ""))


class MolochWarning(UserWarning):
    """Something that a user should know before work begins; commands print it as one line."""


class InputError(MolochError):
    """Anchors, personas, arenas or settings that cannot be read as they are."""


class LogError(MolochError):
    """An event log that cannot be opened, verified or written."""

    exit_code = 3


class CorruptLog(LogError):
    """Bytes of the log that contradict its hash chain; never fixed in silence."""


class Locked(LogError):
    """Another process is writing this run."""


class Conflict(LogError):
    """The log moved on since the caller last read its head."""


class NondeterminismError(MolochError):
    """A resumed or replayed run decided otherwise than its log says."""

    exit_code = 4
