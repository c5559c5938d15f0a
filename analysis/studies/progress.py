"""How far a cell is and how long it will take, from its own log, of which each look reads only what is new. Shows no effects."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from abm.events import (
    AdapterTrained,
    AnchorsListed,
    ArmStopped,
    Event,
    Forked,
    OtherArenaSet,
    RunConfigured,
    RunEnded,
    StepEnded,
    StepStarted,
    SurveyClosed,
    TasksClosed,
    TasksListed,
)
from abm.log import open_log
from abm.log.tail import Tail
from learning.alarms.thresholds import without_adapter
from learning.runs.plan_counts import part_at, total
from learning.runs.plan_parts import AnswerTasks, Learn, Part, Plan, Survey
from learning.runs.recorded_plan import answers_of, recorded_plan
from learning.runs.stops import remaining
from moloch.errors import MolochError

KINDS = {
    RunConfigured,
    Forked,
    AnchorsListed,
    ArmStopped,
    StepStarted,
    StepEnded,
    AdapterTrained,
    SurveyClosed,
    OtherArenaSet,
    TasksListed,
    TasksClosed,
    RunEnded,
}


class CellProgress(NamedTuple):
    """How far a run is.

    Attributes:
        done, total: steps and trainings (and questionnaires) of its plan; total 0 where its log has no plan yet.
        doing: what comes next, in words; empty at its end.
        eta_s: seconds it will still take, as its own steps and trainings took so far; None while that is not known.
        elapsed_s: seconds since its first event; 0 before it.
        ended: whether it has ended.
    """

    done: int
    total: int
    doing: str
    eta_s: float | None
    elapsed_s: float
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
        self._elsewhere: dict[str, int] = {}
        self._answers: dict[str, int] = {}
        self._parts: Plan = ()
        self._done, self._ended = 0, False
        self._first = self._last = self._began = 0.0
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
            done=self._done,
            total=total(self._parts),
            doing="" if self._ended or part is None else part.doing,
            eta_s=self._eta(),
            elapsed_s=max(0.0, time.time() - self._first) if self._first else 0.0,
            ended=self._ended,
        )

    def _take(self, event: Event) -> None:
        match event:
            case RunConfigured() | Forked():
                self._config = event.config
            case AnchorsListed():
                self._anchors[event.split] += len(event.anchors)
                self._plan()
            case OtherArenaSet():
                self._elsewhere[str(event.arena.get("name"))] = len(event.anchors)
                self._plan()
            case TasksListed():
                self._answers[event.task_set] = answers_of(event)
                self._plan()
            case StepStarted():
                self._began = event.at
            case ArmStopped():
                self._done += without_adapter(event.measures)  # its training is over, without an adapter
                self._parts = remaining(self._parts, [event])
            case StepEnded() | AdapterTrained() | SurveyClosed() | TasksClosed():
                since = self._began if isinstance(event, StepEnded) else self._last
                if (part := part_at(self._parts, self._done)) is not None and 0 < since <= event.at:
                    self._took[_kind(part)].append(event.at - since)
                self._done += 1
            case RunEnded():
                self._ended = True
            case _:
                pass
        self._first, self._last = self._first or event.at, event.at

    def _plan(self) -> None:
        """Take the plan anew, after what it depends on was listed."""
        listed = self._anchors["train"], self._anchors["evaluate"]
        self._parts = recorded_plan(self._config, *listed, self._elsewhere, self._answers)

    def _eta(self) -> float | None:
        """Return the sum over what is left of the mean of its kind, less what the piece under way has had; None while a kind that is
        left was never done: a training takes as long as many steps."""
        if self._ended:
            return 0.0
        means = {kind: sum(each) / len(each) for kind, each in self._took.items()}
        left, skip = [], self._done
        for part in self._parts:
            pieces = part.steps or 1
            left += [_kind(part)] * max(0, pieces - skip)
            skip = max(0, skip - pieces)
        if not left or any(kind not in means for kind in left):
            return None
        under_way = min(time.time() - self._last, means[left[0]])
        return sum(means[kind] for kind in left) - max(0.0, under_way)


def _kind(part: Part) -> str:
    return type(part).__name__ if isinstance(part, Learn | Survey | AnswerTasks) else part.phase
