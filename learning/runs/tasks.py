"""The tasks of a run: put to its writers where the plan says, as events of its log.

Knows tasks, their chats and the port; knows nothing of what answers are worth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from abm.arenas import Arena
from abm.arenas.anchors import Anchor
from abm.arenas.completions import spoken
from abm.events import AnswerJudged, LLMReplied, TaskAnswered, TasksClosed, TasksListed
from abm.journal import Journal
from abm.llm.port import LLM, Request, Sampling
from abm.probe import Probe
from abm.surveys.sittings import TOGETHER
from abm.tasks import BroadTask, Task, TaskSet, task_set
from learning.plan.parts import AnswerTasks
from learning.settings.config import RunConfig
from moloch import keyed
from moloch.errors import InputError
from moloch.texts import whole

KINDS = (LLMReplied, TaskAnswered, AnswerJudged, TasksClosed)


def task_sets(config: RunConfig) -> dict[str, TaskSet]:
    """Return the sets of tasks that the settings name, by their own names.

    Raises:
        InputError: one cannot be read, or two have one name.
    """
    found: dict[str, TaskSet] = {}
    for number, name in enumerate(config.out_of_domain.tasks):
        tasks = task_set(name)
        if tasks.name in found:
            raise InputError(
                f"out_of_domain.tasks.{number} names the tasks {tasks.name!r}",
                why="a set of that name is already in the list",
                fix="Leave it out, or give it another name.",
            )
        found[tasks.name] = tasks
    return found


def asked_as(task: Task) -> Anchor:
    """Return what a probe holds an answer against: the request is all that there is."""
    return Anchor(task.id, {}, {}, task.prompt, "")


class TaskWriter(NamedTuple):
    """Who answers.

    Attributes:
        adapter: of its weights, or the id of its instructions; empty for a base model.
        instructions: of one that learns these, said before the task; None for others.
    """

    llm: LLM
    adapter: str
    instructions: str | None = None


class RunTasks:
    """Puts a run's tasks to its writers.

    Args:
        tasks: name -> set, and ``repeats``: answers to each task.
        arena: the run's own.
        probes: judges of answers to broad questions.
    """

    def __init__(
        self,
        config: RunConfig,
        tasks: Mapping[str, TaskSet],
        journal: Journal,
        arena: Arena,
        probes: Sequence[Probe],
    ) -> None:
        self._config, self._tasks, self._journal = config, tasks, journal
        self._arena, self._probes = arena, probes

    @property
    def sampling(self) -> Sampling:
        """How answers are drawn: as messages are."""
        sampling = self._config.sampling
        bound = self._config.out_of_domain.answer_tokens or sampling.max_tokens
        return Sampling(sampling.temperature, sampling.top_p, bound)

    def declaration(self) -> list[TasksListed]:
        """Return the events that say what will be asked."""
        return [
            TasksListed(
                task_set=name,
                tasks=tasks.model_dump(mode="json"),
                digest=tasks.digest,
                repeats=self._config.out_of_domain.answers,
                probes=[probe.name for probe in self._probes],
            )
            for name, tasks in self._tasks.items()
        ]

    def answer(self, part: AnswerTasks, writer: TaskWriter) -> None:
        """Have a writer answer a set; what a fork shares with its parent is folded as it was."""
        journal, llm = self._journal, writer.llm
        if journal.shares_next:
            journal.fold_shared(*KINDS)
            return
        tasks = self._tasks[part.task_set]
        repeats = range(self._config.out_of_domain.answers)
        asked = [(task, sample) for task in tasks.tasks for sample in repeats]
        for start in range(0, len(asked), TOGETHER[llm.unit]):
            some = asked[start : start + TOGETHER[llm.unit]]
            requests = [self._request(part, tasks, *each, writer) for each in some]
            replies = journal.ask(llm, requests, step=-1, cause=-1)
            with journal.transaction():
                for (task, sample), reply in zip(some, replies, strict=True):
                    self._keep(part, task, sample, reply, writer.adapter)
        with journal.transaction():
            who = {"task_set": part.task_set, "competitor": part.arm, "epoch": part.policy.epoch}
            journal.emit(TasksClosed(**who, asked=len(asked)))

    def _request(self, part: AnswerTasks, tasks: TaskSet, task: Task, sample: int, writer: TaskWriter) -> Request:
        """Return the call. Draws are common to all writers, so that they can be compared in pairs."""
        return Request(
            "/".join(("task", tasks.name, task.id, part.arm, str(part.policy.epoch), str(sample))),
            tasks.messages(task, writer.instructions or ""),
            self.sampling,
            keyed.seed32(self._config.seed, "task", tasks.name, task.id, sample),
            adapter=writer.adapter if writer.instructions is None else "",
            template=tasks.digest,
            refs=(task.id, *((writer.adapter,) if writer.instructions is not None else ())),
        )

    def _keep(self, part: AnswerTasks, task: Task, sample: int, reply: LLMReplied, adapter: str) -> None:
        who = {
            "task_set": part.task_set,
            "task": task.id,
            "competitor": part.arm,
            "epoch": part.policy.epoch,
            "sample": sample,
        }
        text = whole(spoken(reply.text))
        seq = self._journal.emit(TaskAnswered(**who, adapter=adapter, text=text, cause=reply.seq))
        if not isinstance(task, BroadTask) or not text:
            return
        for probe in self._probes:
            verdict = probe.judge(text, asked_as(task), self._arena)
            self._journal.emit(
                AnswerJudged(
                    **who,
                    cause=seq,
                    probe=probe.name,
                    judge=probe.judge_name,
                    label=verdict.label,
                    evidence=[whole(span) for span in verdict.evidence],
                )
            )
