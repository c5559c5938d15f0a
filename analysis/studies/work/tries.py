"""Whether a cell is tried again, and when, by why and how often its attempts failed. Reads how far a cell is; carries nothing out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from abm.events import Event, Lifecycle
from abm.log import open_log
from abm.log.codec import RUN_KINDS
from abm.study_events import Origin
from analysis.studies.work.rules import LONGEST_PAUSE, TRIES
from moloch.errors import MolochError

_PROCESS: set[type[Event]] = {kind for kind in RUN_KINDS.values() if issubclass(kind, Lifecycle)}


class Tries:
    """The attempts at cells that one controller saw fail.

    A node that is lost is no fault of the cell: attempts that got on count once, so that a long cell on machines that come and go is not
    given up, while one that takes its node away again and again is.

    Args:
        pauses: seconds before a second attempt, by origin.
    """

    def __init__(self, pauses: Mapping[Origin, float]) -> None:
        self._pauses = pauses
        self._failed = Counter[str]()
        self._reached: dict[str, int] = {}

    def again(self, cell: str, origin: Origin, run: Path) -> bool:
        """Note that an attempt failed; return whether there is another one.

        Args:
            run: the cell's folder.
        """
        if origin in ("budget", "interrupted"):
            return True
        if origin == "node":
            before, self._reached[cell] = self._reached.get(cell, 0), decided(run)
            if self._reached[cell] > before:
                self._failed[cell] = 0
        self._failed[cell] += 1
        return self._failed[cell] < TRIES.get(origin, 1)

    def pause(self, cell: str, origin: Origin) -> float:
        """Return the seconds until then."""
        pause = self._pauses.get(origin, 0.0) * 2 ** max(0, self._failed[cell] - 1)
        return min(pause, LONGEST_PAUSE)


def decided(run: Path) -> int:
    """Return how many events a run's log holds that are not about its processes; 0 where it has none that can be read."""
    try:
        blocks = open_log(run, write=False).blocks()
        return sum(block.commit.n - len(block.events(_PROCESS)) for block in blocks)
    except MolochError:
        return 0
