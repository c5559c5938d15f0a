"""How far a cell is and how long it will take, from its own log, of which each look reads only what is new. Shows no effects."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from abm.events import (
    AdapterTrained,
    AnchorsListed,
    Event,
    Forked,
    RunConfigured,
    RunEnded,
    StepEnded,
    StepStarted,
    SurveyClosed,
)
from abm.log import open_log
from abm.log.tail import Tail
from learning.runs.plan import Learn, Part, Plan, Survey, part_at, recorded_plan, total
from moloch.errors import MolochError

KINDS = {RunConfigured, Forked, AnchorsListed, StepStarted, StepEnded, AdapterTrained, SurveyClosed, RunEnded}


class CellProgress(NamedTuple):
    """How far a run is.

    Attributes:
        done, total: steps and trainings (and questionnaires) of its plan; total 0 where its log has no plan yet.
        doing: what comes next, in words; empty at its end.
        eta_s: seconds it will take, as its own steps and trainings took so far; None where none is done.
        ended: whether it has ended.
    """

    done: int
    total: int
    doing: str
    eta_s: float | None
    ended: bool


class FollowedCell:
    """One cell's run, looked at again and again.

    Args:
        run: its folder, which need not be there yet.
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        self._tail: Tail | None = None
        self._config: dict[str, Any] = {}
        self._anchors: Counter[str] = Counter()
        self._parts: Plan = ()
        self._done, self._ended = 0, False
        self._last = self._began = 0.0
        self._took: dict[str, list[float]] = defaultdict(list)

    def look(self) -> CellProgress:
        """Return how far it is now; a log that cannot be read is as far as it was."""
        try:
            if self._tail is None and (self.run / "run.json").is_file():
                self._tail = open_log(self.run, write=False).tail()
            for block in self._tail.new() if self._tail else ():
                for event in block.events(KINDS):
                    self._take(event)
        except MolochError:  # the study's log says what became of it
            pass
        part = part_at(self._parts, self._done)
        return CellProgress(
            self._done, total(self._parts), "" if self._ended or part is None else part.doing, self._eta(), self._ended
        )

    def _take(self, event: Event) -> None:
        match event:
            case RunConfigured() | Forked():
                self._config = event.config
            case AnchorsListed():
                self._anchors[event.split] += len(event.anchors)
                self._parts = recorded_plan(self._config, self._anchors["train"], self._anchors["evaluate"])
            case StepStarted():
                self._began = event.at
            case StepEnded() | AdapterTrained() | SurveyClosed():
                since = self._began if isinstance(event, StepEnded) else self._last
                if (part := part_at(self._parts, self._done)) is not None and 0 < since <= event.at:
                    self._took[_kind(part)].append(event.at - since)
                self._done += 1
            case RunEnded():
                self._ended = True
            case _:
                pass
        self._last = event.at

    def _eta(self) -> float | None:
        """Return the sum over what is left of the mean of its kind; of a kind that was not done yet, the mean of all."""
        if self._ended:
            return 0.0
        means = {kind: sum(each) / len(each) for kind, each in self._took.items()}
        if not means or not self._parts:
            return None
        every = [one for each in self._took.values() for one in each]
        usual, left, skip = sum(every) / len(every), 0.0, self._done
        for part in self._parts:
            pieces = part.steps or 1
            left += max(0, pieces - skip) * means.get(_kind(part), usual)
            skip = max(0, skip - pieces)
        under_way = time.time() - self._last if self._last else 0.0
        return max(0.0, left - min(under_way, means.get("", usual)))


def _kind(part: Part) -> str:
    return type(part).__name__ if isinstance(part, Learn | Survey) else part.phase
