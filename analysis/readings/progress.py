"""How far a run is in its plan, and how long the rest will take. Shows no effects."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from typing import Any, ClassVar, NamedTuple

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
from learning.alarms.thresholds import without_adapter
from learning.plan.counts import part_at, total
from learning.plan.parts import AnswerTasks, Learn, Part, Plan, Survey
from learning.plan.recorded import answers_of, recorded_plan
from learning.runs.stops import remaining


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


class ProgressReading:
    """Reads how far a run is.

    Attributes:
        parts: of its plan that are carried out: those of an arm that stopped are none; empty where its log has no plan.
        part: that comes next, or is under way; None at its end, and without a plan.
        in_step: whether a step has begun that has not ended.
    """

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({
        AdapterTrained, AnchorsListed, ArmStopped, Forked, OtherArenaSet, RunConfigured, RunEnded, StepEnded, StepStarted, SurveyClosed,
        TasksClosed, TasksListed,
    })  # fmt: skip

    def __init__(self) -> None:
        self.parts: Plan = ()
        self.in_step = False
        self._config: dict[str, Any] = {}
        self._anchors: Counter[str] = Counter()
        self._elsewhere: dict[str, int] = {}
        self._answers: dict[str, int] = {}
        self._done, self._ended = 0, False
        self._first = self._last = self._began = 0.0
        self._took: dict[str, list[float]] = defaultdict(list)

    @property
    def part(self) -> Part | None:
        """The part that comes next, or is under way."""
        return None if self._ended else part_at(self.parts, self._done)

    def result(self) -> CellProgress:
        """Return how far it is now."""
        return CellProgress(
            done=self._done,
            total=total(self.parts),
            doing=self.part.doing if self.part else "",
            eta_s=self._eta(),
            elapsed_s=max(0.0, time.time() - self._first) if self._first else 0.0,
            ended=self._ended,
        )

    def took(self, part: Part) -> float | None:
        """Return the mean seconds of what is done of a part's kind; None where nothing is."""
        seconds = self._took.get(_kind(part))
        return sum(seconds) / len(seconds) if seconds else None

    def take(self, event: Event) -> None:
        """Take the next event."""
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
                self._began, self.in_step = event.at, True
            case ArmStopped():
                self._done += without_adapter(event.measures)  # its training is over, without an adapter
                self.parts = remaining(self.parts, [event])
            case StepEnded() | AdapterTrained() | SurveyClosed() | TasksClosed():
                self._finish(event)
            case RunEnded():
                self._ended = True
            case _:
                return
        self._first, self._last = self._first or event.at, event.at

    def _finish(self, event: Event) -> None:
        """Count a step or a training, and how long it took."""
        since = self._began if isinstance(event, StepEnded) else self._last
        if (part := part_at(self.parts, self._done)) is not None and 0 < since <= event.at:
            self._took[_kind(part)].append(event.at - since)
        self._done, self.in_step = self._done + 1, False

    def _plan(self) -> None:
        """Take the plan anew, after what it depends on was listed."""
        listed = self._anchors["train"], self._anchors["evaluate"]
        self.parts = recorded_plan(self._config, *listed, self._elsewhere, self._answers)

    def _eta(self) -> float | None:
        """Return the sum over what is left of the mean of its kind, less what the piece under way has had; None while a kind that is
        left was never done: a training takes as long as many steps."""
        if self._ended:
            return 0.0
        left, skip = list[float | None](), self._done
        for part in self.parts:
            pieces = part.steps or 1
            left += [self.took(part)] * max(0, pieces - skip)
            skip = max(0, skip - pieces)
        known = [seconds for seconds in left if seconds is not None]
        if not left or len(known) < len(left):
            return None
        under_way = min(time.time() - self._last, known[0])
        return sum(known) - max(0.0, under_way)


def _kind(part: Part) -> str:
    return type(part).__name__ if isinstance(part, Learn | Survey | AnswerTasks) else part.phase
