"""Tasks: what writers are asked beside their contests."""

from __future__ import annotations

from typing import Any

from abm.events._event import Event


class TasksListed(Event, frozen=True, kw_only=True, tag="tasks_listed"):
    """Tasks will be put to those who write from here on; the set is there whole, so that every answer can be scored again."""

    task_set: str
    """Its name, unique within the run."""
    tasks: dict[str, Any]
    """:class:`abm.tasks.TaskSet` as a mapping."""
    digest: str
    repeats: int
    """Answers of each writer to each task."""
    probes: list[str]
    """Names of the probes that judge answers to broad questions."""


class TaskAnswered(Event, frozen=True, kw_only=True, tag="task_answered"):
    """A writer answered a task; ``cause`` is the model's answer."""

    task_set: str
    task: str
    """Its id in the set."""
    competitor: str
    """Who wrote: base, or an arm's name."""
    epoch: int
    """Whose adapter it was; 0 for the base model."""
    adapter: str
    sample: int
    """0, 1, ... of the answers of this writer to this task."""
    text: str
    """The answer without its thinking."""


class AnswerJudged(Event, frozen=True, kw_only=True, tag="answer_judged"):
    """A probe judged an answer to a broad question; ``cause`` is the answer."""

    task_set: str
    task: str
    competitor: str
    epoch: int
    sample: int
    probe: str
    judge: str
    label: int
    """As in :class:`VerdictGiven`."""
    evidence: list[str]


class TasksClosed(Event, frozen=True, kw_only=True, tag="tasks_closed"):
    """A writer has answered all tasks of a set."""

    task_set: str
    competitor: str
    epoch: int
    asked: int
