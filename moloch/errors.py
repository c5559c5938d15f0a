"""The errors a user can meet: each says what, where, why, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from moloch.exit_codes import ExitCode


class MolochError(Exception):
    """A mistake or a fault that a user can fix; commands print it as one line, without a traceback.

    Args:
        what: what went wrong.
        where: file:line:column, run or event it concerns.
        why: the reason, where it is not plain from ``what``.
        fix: what to do next.
    """

    exit_code = ExitCode.INPUT

    def __init__(self, what: str, *, where: str = "", why: str = "", fix: str = "") -> None:
        self.what, self.where, self.why, self.fix = what, where, why, fix
        super().__init__(": ".join(part for part in (where, what, why) if part) + (f". {fix}" if fix else ""))


class MolochWarning(UserWarning):
    """Something that a user should know before work begins; commands print it as one line."""


class InputError(MolochError):
    """Anchors, personas, arenas or settings that cannot be read as they are."""


class PartFailed(InputError):
    """An exception that a part of the user's own raised while it was used."""


class Mistakes(InputError):
    """Several mistakes of one input, told together, a line each.

    Args:
        each: the mistakes, at least one, in the order in which they are told.
    """

    def __init__(self, each: Sequence[InputError]) -> None:
        first = each[0]
        super().__init__(first.what, where=first.where, why=first.why, fix=first.fix)
        self.each = tuple(each)

    def __str__(self) -> str:
        return "\n".join(map(str, self.each))


def together(mistakes: Sequence[InputError]) -> InputError:
    """Return the one mistake as it is, or several as one error; a mistake that was found twice is reported once."""
    told = list({str(each): each for each in mistakes}.values())
    return told[0] if len(told) == 1 else Mistakes(told)


def check_all(*reads: Callable[[], object]) -> None:
    """Call each of several functions, also after one has found a mistake.

    Raises:
        InputError: the mistakes of all of them, as one error.
    """
    mistakes = list[InputError]()
    for read in reads:
        try:
            read()
        except Mistakes as several:
            mistakes += several.each
        except InputError as mistake:
            mistakes.append(mistake)
    if mistakes:
        raise together(mistakes)


class LogError(MolochError):
    """An event log that cannot be opened, verified or written."""

    exit_code = ExitCode.NOT_WHOLE


class NoRun(LogError):
    """A folder that is no run; what was named is wrong, not a log."""

    exit_code = ExitCode.INPUT


class CorruptLog(LogError):
    """Bytes of the log that contradict its hash chain; never fixed in silence."""


class ContradictoryLog(LogError):
    """Events of a log whose hash chain holds, one of which says what cannot be so after those before it.

    Args:
        seq: that event's number.
    """

    def __init__(self, what: str, *, seq: int, where: str = "", why: str = "", fix: str = "") -> None:
        self.seq = seq
        super().__init__(what, where=where, why=why, fix=fix)


class Locked(LogError):
    """Another process is writing this run."""


class Conflict(LogError):
    """The log moved on since the caller last read its head."""


class NondeterminismError(MolochError):
    """A resumed or replayed run decided otherwise than its log says."""

    exit_code = ExitCode.DIFFERS
