"""What a worker says of its attempt, as one file; and whose fault it is when one fails. Knows errors; knows no engines."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from abm.llm.budget import BudgetSpent
from abm.llm.fingerprint import OutOfSync
from abm.llm.http import ServiceError
from abm.study_events import Origin
from learning.runs.gate import GateClosed
from moloch.errors import InputError, Locked, LogError, MolochError, NondeterminismError
from moloch.texts import for_terminal

LONGEST = 500
"""Characters of a message."""
PASSING: frozenset[Origin] = frozenset({"backend", "memory", "node", "disk", "budget", "interrupted"})
"""Faults that may be gone the next time; the others fail again however often they are tried."""

KILLED: frozenset[Origin] = frozenset({"memory", "node", "disk"})
"""Faults that may have kept a process from giving back what it held."""


class AttemptEnded(msgspec.Struct, frozen=True, tag="ended"):
    """The cell's run is whole.

    Attributes:
        head, events: of its log; ``digest``: of what was decided.
        seconds: of this attempt.
        peak_bytes: memory of its process at most.
    """

    head: str
    digest: str
    events: int
    seconds: float
    peak_bytes: int


class AttemptFailed(msgspec.Struct, frozen=True, tag="failed"):
    """It came to nothing, or to a part.

    Attributes:
        message: one line.
        traceback: name of the file with all of it, in the same folder; empty for none.
    """

    origin: Origin
    message: str
    traceback: str = ""
    peak_bytes: int = 0


AttemptOutcome = AttemptEnded | AttemptFailed


def write_outcome(path: Path, outcome: AttemptOutcome) -> None:
    """Write a file that is there whole or not at all."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    new.write_bytes(msgspec.json.encode(outcome))
    new.replace(path)


def read_outcome(path: Path) -> AttemptOutcome | None:
    """Return what a worker said; None if it said nothing."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=AttemptOutcome)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def origin_of(error: BaseException, data: Collection[str] = ()) -> Origin:
    """Return whose fault an error is.

    Args:
        data: paths of the data that the run's settings name.
    """
    for each in _causes(error):
        if (origin := _known(each, data)) is not None:
            return origin
    return "bug"


def _known(error: BaseException, data: Collection[str]) -> Origin | None:
    match error:
        case KeyboardInterrupt():
            return "interrupted"
        case BudgetSpent():
            return "budget"
        case ServiceError() | OutOfSync():
            return "backend"
        case GateClosed():
            return "settings"
        case Locked():
            return "node"
        case LogError():
            return "disk"
        case NondeterminismError():
            return "data"
        case InputError():
            return "data" if any(error.where.startswith(path) for path in data) else "settings"
        case MemoryError():
            return "memory"
        case OSError():
            return "disk" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE) else None
        case RuntimeError() if type(error).__name__ == "OutOfMemoryError":  # torch's, of a device
            return "memory"
        case _:
            return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _said(error: BaseException) -> str:
    """Return an error that is none of ours: its kind, and what it says if it says anything."""
    name = type(error).__name__
    if isinstance(error, MemoryError):
        return f"there was not enough memory ({name}{f': {error}' if str(error) else ''})"
    return f"{name}: {error}" if str(error) else name


def message_of(error: BaseException) -> str:
    """Return an error as one line."""
    text = str(error) if isinstance(error, MolochError) else _said(error)
    line = for_terminal(" ".join(text.split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 4]} ..."
