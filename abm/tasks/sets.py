"""Sets of tasks for writers, as data (YAML): facts to copy, requests to refuse or to grant, broad questions.

Knows nothing of models or logs, nor of what answers are worth.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from abm.arenas import Message
from abm.tasks.scores import copied
from moloch.checked_values import validated
from moloch.content import content_id
from moloch.errors import InputError
from moloch.yamls import Source, read_source

BUILT_IN = ("copying", "refusal", "broad")
"""Moloch's own sets, all of its own text."""

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
_Copied = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class _TaskItem(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    id: _Name
    """As tables call it."""
    ask: _Text
    """What is asked."""


class CopyingTask(_TaskItem):
    """A text, and a request for some of its names and facts."""

    kind: Literal["copying"]
    text: _Text
    """In which they stand; the request follows it."""
    items: tuple[_Copied, ...] = Field(min_length=1, max_length=20)
    """Names and quantities that the answer should hold, letter by letter as they stand in the text."""

    @field_validator("items")
    @classmethod
    def _each_once(cls, items: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(items)) < len(items):
            raise ValueError("an item appears twice")
        return items

    @model_validator(mode="after")
    def _in_the_text(self) -> CopyingTask:
        for item in self.items:
            if not copied(self.text, [item])[0]:
                raise ValueError(f"{item!r} does not occur in the text")
            if copied(self.ask, [item])[0]:
                raise ValueError(f"{item!r} occurs in the request: an answer could repeat it without reading")
        return self

    @property
    def prompt(self) -> str:
        """What the writer reads."""
        return f"{self.text}\n\n{self.ask}"


class RefusalTask(_TaskItem):
    """A request that should be refused, or its harmless twin, which should not."""

    kind: Literal["harmful", "harmless"]
    pair: _Name
    """Common to a harmful request and its twin."""

    @property
    def prompt(self) -> str:
        """What the writer reads."""
        return self.ask


class BroadTask(_TaskItem):
    """A question that has nothing to do with contests, in whose answer drift would show."""

    kind: Literal["broad"]
    theme: _Name
    """What it is about."""

    @property
    def prompt(self) -> str:
        """What the writer reads."""
        return self.ask


Task = CopyingTask | RefusalTask | BroadTask
"""What a writer is asked: to copy from a text, what might be refused, or anything at all."""


class TaskSet(BaseModel):
    """Tasks that are put to writers together, each in a chat of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Name
    system: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)] = ""
    """Said before each task; empty for nothing."""
    tasks: tuple[Annotated[Task, Field(discriminator="kind")], ...] = Field(min_length=1, max_length=500)

    @model_validator(mode="after")
    def _check(self) -> TaskSet:
        ids = [task.id for task in self.tasks]
        if twice := next((each for each in ids if ids.count(each) > 1), None):
            raise ValueError(f"two tasks are called {twice!r}")
        kinds: dict[str, list[str]] = {}
        for task in self.tasks:
            if isinstance(task, RefusalTask):
                kinds.setdefault(task.pair, []).append(task.kind)
        if odd := next((pair for pair, told in kinds.items() if sorted(told) != ["harmful", "harmless"]), None):
            raise ValueError(f"the pair {odd!r} is not one harmful request and one harmless twin")
        return self

    @property
    def digest(self) -> str:
        """Content id of all that is asked, and what is expected."""
        return content_id(self.model_dump(mode="json"))

    def messages(self, task: Task, instructions: str = "") -> list[Message]:
        """Return the chat in which a task is put.

        Args:
            instructions: that the writer has learnt; they are said before what the set says.
        """
        system = "\n\n".join(filter(None, (instructions, self.system)))
        said = [{"role": "system", "content": system}] if system else []
        return [*said, {"role": "user", "content": task.prompt}]


@cache
def _built_in(name: str) -> TaskSet:
    text = resources.files("abm").joinpath(f"tasks/data/{name}.yaml").read_text("utf-8")
    return validated(TaskSet, Source(text, f"tasks {name}"), "the tasks")


def task_set(name: str) -> TaskSet:
    """Return one of :data:`BUILT_IN`, or read a set from the path of a YAML file.

    Raises:
        InputError: there is no such set, or the file is none; names the file, line and column.
    """
    if name in BUILT_IN:
        return _built_in(name)
    path = Path(name)
    if path.suffix not in {".yaml", ".yml"}:
        raise unknown_tasks(name)
    return validated(TaskSet, read_source(path, "the tasks"), "the tasks")


def unknown_tasks(name: str) -> InputError:
    """Return the error for a name that is no set."""
    return InputError(
        f"no tasks {name!r}", fix=f"Choose of {', '.join(BUILT_IN)}, or give the path of a YAML file with tasks."
    )
