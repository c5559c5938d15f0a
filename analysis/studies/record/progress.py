"""How far a cell is and how long it will take, from its own log, of which each look reads only what is new. Shows no effects."""

from __future__ import annotations

from pathlib import Path

from abm.log import open_log
from abm.log.tail import Tail
from analysis.readings.progress import CellProgress, ProgressReading
from moloch.errors import MolochError


class FollowedCell:
    """One cell's run, looked at again and again.

    Args:
        run: its folder, which need not be there yet.
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        self._tail: Tail | None = None
        self._progress = ProgressReading()

    def look(self) -> CellProgress:
        """Return how far it is now; a log that cannot be read is as far as it was."""
        try:
            if self._tail is None and (self.run / "run.json").is_file():
                self._tail = open_log(self.run, write=False).tail()
            for block in self._tail.new() if self._tail else ():
                for event in block.events(ProgressReading.TAKES):
                    self._progress.take(event)
        except MolochError:  # the study's log says what became of it
            pass
        return self._progress.result()
