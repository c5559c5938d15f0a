"""One kind of input that a user gives: how odd ones are drawn, and what reads them. What comes of it is success or an error of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from moloch.errors import Mistakes, MolochError
from tests.support.time_limit import no_longer_than

LONGEST_S = 30.0
"""What takes more processor time hangs."""
LONGEST_LINE = 30_000
"""Characters of an error, before the terminal shortens it; an input may hold a name of 5,000."""


@dataclass(frozen=True)
class Entry:
    """A kind of input.

    Attributes:
        name: of the kind.
        file: name of the file that holds it.
        draw: returns an odd input, by the lot given.
        read: reads the file of that path; what must hold of all that is taken is asserted there.
        cost: how much dearer than others an input is, about.
    """

    name: str
    file: str
    draw: Callable[[Random], bytes]
    read: Callable[[Path], object]
    cost: int = 1


def taken(entry: Entry, data: bytes, folder: Path) -> bool:
    """Return whether an input was taken; False: it was refused as it should be.

    Raises:
        AssertionError: the refusal is no error for a user.
        Exception: anything else that reading ended in, the time among it.
    """
    path = folder / entry.file
    path.write_bytes(data)
    try:
        with no_longer_than(LONGEST_S, processor=True):
            entry.read(path)
    except MolochError as error:
        for each in error.each if isinstance(error, Mistakes) else (error,):
            check_said(str(each))
        return False
    return True


def check_said(said: str) -> None:
    """Check that an error is one sentence for a user: it says something, on one line, and nothing of the program's insides."""
    assert said.strip(), "it says nothing"
    assert len(said) <= LONGEST_LINE, f"{len(said)} characters: {said[:200]!r}"
    for inside in (" object at 0x", "Traceback", "pydantic", "errors.pydantic.dev", "validation error for", "<class '"):
        assert inside not in said, said
