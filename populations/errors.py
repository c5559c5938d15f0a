"""The errors that a user can mend; every floor above uses them."""

from __future__ import annotations


class MolochError(Exception):
    """A mistake or a fault that a user can mend; commands print it as one line, without a traceback.

    Args:
        what: what went wrong.
        where: file:line:column, run or event it concerns.
        why: the reason, where it is not plain from ``what``.
        mend: what to do next.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", why: str = "", mend: str = "") -> None:
        self.what, self.where, self.why, self.mend = what, where, why, mend
        super().__init__(": ".join(part for part in (where, what, why) if part) + (f". {mend}" if mend else ""))


class InputError(MolochError):
    """Anchors, personas, arenas or settings that cannot be read as they are."""
