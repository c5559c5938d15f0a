"""Whether the run of a cell that has ended by the study's log is still there: its folder, and the end of its log. Verifies no whole log."""

from __future__ import annotations

import time
from math import inf
from pathlib import Path

from abm.log import open_log
from analysis.studies.record.layout import Layout
from moloch.errors import MolochError

MISSING, DAMAGED = "missing", "damaged"
"""States of a cell that has ended by the study's log: its folder is gone, or its log cannot be read."""
GONE = "Its folder is not there. Bring the folder back."
CUT = "Its log ends before the run's end. Restore the run from a copy."


def within(message: str, study: Path) -> str:
    """Return a message in which places in a study's folder are named within it."""
    return message.replace(f"{study}/", "")


def is_gone(layout: Layout, cell: str, run: Path | None) -> bool:
    """Tell whether a cell that has ended is neither in its folder nor, as the study's folder says, in object storage."""
    return run is None and not layout.upload(cell).is_file()


class CellEnds:
    """Looks at the ends of logs, each once.

    Args:
        patience_s: seconds after which :meth:`damage` answers nothing of logs that it has not looked at yet, from :meth:`again` on.
    """

    def __init__(self, patience_s: float = inf) -> None:
        self._patience_s, self._due = patience_s, time.monotonic() + patience_s
        self._known: dict[Path, str] = {}

    def again(self) -> None:
        """Begin another look."""
        self._due = time.monotonic() + self._patience_s

    def damage(self, run: Path) -> str | None:
        """Return what is wrong with the end of a run's log, empty for nothing; None where it was not looked at yet.

        Reads the log's last segment.
        """
        if run not in self._known and time.monotonic() < self._due:
            self._known[run] = _damage(run)
        return self._known.get(run)


def _damage(run: Path) -> str:
    try:
        ended = open_log(run, write=False).ended()
    except MolochError as error:
        return " ".join(str(error).split())
    return "" if ended is not None else CUT
