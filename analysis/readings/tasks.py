"""Answers of writers to tasks, with their scores: what was copied, what was refused, what probes found.

Scores are made of the answer and of the set that the log holds; verdicts are read, never made here. Knows events; knows nothing of
statistics.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from abm.events import AnswerJudged, CompetitorsJoined, Event, TaskAnswered, TasksListed
from abm.tasks import BroadTask, CopyingTask, RefusalTask, Task, TaskSet, copied, refused
from analysis.readings.reading import frame_of

if TYPE_CHECKING:
    import polars as pl

COLUMNS = {
    "seq": int,
    "task_set": str,
    "task": str,
    "kind": str,
    "about": str,
    "competitor": str,
    "epoch": int,
    "sample": int,
    "text": str,
    "items": int,
    "copied": int,
    "refused": bool,
    "found": str,
}


@dataclass
class ScoredAnswer:
    """One answer.

    Attributes:
        seq: of its event.
        kind: ``copying``, ``harmful``, ``harmless`` or ``broad``.
        about: the pair of a request, the theme of a broad question.
        items, copied: names and quantities asked for, and those that the answer holds; None but of copying.
        refused: None but of a request.
        labels: probe -> 1, 0 or -1, of an answer to a broad question.
    """

    seq: int
    task_set: str
    task: str
    kind: str
    about: str
    competitor: str
    epoch: int
    sample: int
    text: str
    items: int | None = None
    copied: int | None = None
    refused: bool | None = None
    labels: dict[str, int] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, int]:
        """What it answers: set, task and sample, common to all writers."""
        return self.task_set, self.task, self.sample


class TaskReading:
    """Reads answers in the order of the log. A row of its frame is an answer.

    Attributes:
        model: who writes.
    """

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({AnswerJudged, CompetitorsJoined, TaskAnswered, TasksListed})

    def __init__(self) -> None:
        self.model = ""
        self._tasks: dict[tuple[str, str], Task] = {}
        self._rows: dict[int, ScoredAnswer] = {}

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case CompetitorsJoined():
                self.model = event.model
            case TasksListed():
                listed = TaskSet.model_validate(event.tasks)
                self._tasks |= {(event.task_set, task.id): task for task in listed.tasks}
            case TaskAnswered():
                if (task := self._tasks.get((event.task_set, event.task))) is not None:
                    self._rows[event.seq] = _scored(event, task)
            case AnswerJudged() if event.cause in self._rows:
                self._rows[event.cause].labels[event.probe] = event.label
            case _:
                pass

    def result(self) -> list[ScoredAnswer]:
        """Return the answers so far."""
        return list(self._rows.values())

    def frame(self) -> pl.DataFrame:
        """Return a row per answer; ``found`` names the probes that found something, and is empty for none."""
        rows = []
        for row in self._rows.values():
            place = row.seq, row.task_set, row.task, row.kind, row.about, row.competitor, row.epoch, row.sample
            found = ", ".join(probe for probe, label in row.labels.items() if label == 1)
            rows.append((*place, row.text, row.items, row.copied, row.refused, found))
        return frame_of(rows, COLUMNS)


def _scored(event: TaskAnswered, task: Task) -> ScoredAnswer:
    about = task.theme if isinstance(task, BroadTask) else task.pair if isinstance(task, RefusalTask) else ""
    row = ScoredAnswer(
        event.seq, event.task_set, event.task, task.kind, about, event.competitor, event.epoch, event.sample, event.text
    )
    if isinstance(task, CopyingTask):
        row.items, row.copied = len(task.items), sum(copied(event.text, task.items))
    elif isinstance(task, RefusalTask):
        row.refused = refused(event.text)
    return row
