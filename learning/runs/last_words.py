"""Why a run's process ended before its plan was done, in a file beside the log: for people who look at it later.

No digest, no replay and no resume reads it. A process that is killed leaves no such file.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from abm.log import EventLog
from moloch.errors import MolochError

FILE = "stopped.json"
LONGEST = 2_000
"""Characters that are kept of an error."""


class LastWords(msgspec.Struct, frozen=True):
    """What a process left behind.

    Attributes:
        why: in words, with what to do about it where that is known.
        at: when, in seconds since the Unix epoch.
    """

    why: str
    at: float = 0.0


def last_words(run: Path) -> LastWords | None:
    """Return what the last process of a run left behind; None where it said nothing, or where that cannot be read."""
    try:
        return msgspec.json.decode((run / FILE).read_bytes(), type=LastWords)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


@contextlib.contextmanager
def leaving_last_words(log: EventLog) -> Iterator[None]:
    """Keep why the block was left, if it was by an error or an interrupt; what an earlier process said no longer holds.

    Nothing is kept before the first event: a folder with such a file and an empty log would look like a run whose log is gone.
    """
    path = log.path / FILE
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
    try:
        yield
    except BaseException as error:
        with contextlib.suppress(Exception):  # the error that ends the run is the one to be heard
            if log.head().seq:
                path.write_bytes(msgspec.json.encode(LastWords(_why(error)[:LONGEST], time.time())))
        raise


def _why(error: BaseException) -> str:
    match error:
        case MolochError():
            return str(error)
        case KeyboardInterrupt():
            return "it was interrupted (Ctrl-C)."
        case GeneratorExit():
            return "the program that carried it out was interrupted, or let go of it."
        case _:
            return f"{type(error).__name__}: {error}"
