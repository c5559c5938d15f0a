"""The settings of an evaluation out of domain: in which other arenas arms are evaluated, too, and which tasks they are put.

Knows nothing of files, nor of how a run goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from abm.arenas import ARENAS
from abm.audience.weights import YAML
from abm.probe import PROBES
from abm.tasks import BUILT_IN as TASK_SETS
from abm.tasks.sets import unknown_tasks
from moloch.errors import InputError
from moloch.records import InUnit


class OtherArenaConfig(BaseModel):
    """Another arena, with anchors of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    arena: str
    """Built-in arena, or the path of an arena's YAML."""
    anchors: str | None = None
    """Folder with files of ``train`` and ``test`` anchors, of which ``test`` is used. By default the built-in pack."""


class OutOfDomainConfig(BaseModel):
    """What arms are evaluated on beside what they learnt from; nothing of it by default."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    arenas: tuple[OtherArenaConfig, ...] = Field(default=(), max_length=16)
    """Other arenas in which every arm and the base model write about held-out anchors: names, or settings."""
    anchors: Annotated[int | None, InUnit("anchors")] = Field(default=None, ge=2)
    """Anchors of each other arena. By default as many as held-out anchors of the run."""

    tasks: tuple[str, ...] = Field(default=(), max_length=16)
    """Sets of tasks for every arm and the base model: ``copying``, ``refusal``, ``broad``, or paths of YAML files."""
    answers: Annotated[int, InUnit("answers")] = Field(default=1, ge=1, le=100)
    """Answers of each writer to each task."""
    answer_tokens: Annotated[int | None, InUnit("tokens")] = Field(default=None, ge=8, le=8192)
    """Limit on an answer, thinking included. By default ``sampling.max_tokens``."""
    probes: tuple[str, ...] = ("populism", "unsafe")
    """Names of the probes that judge answers to broad questions; these have no anchor to compare with."""

    @field_validator("arenas", mode="before")
    @classmethod
    def _by_name(cls, given: Any) -> Any:
        """Let a name stand for an arena with its built-in pack."""
        if not isinstance(given, list | tuple):
            return given
        return [{"arena": each} if isinstance(each, str) else each for each in given]


def unknown_parts(config: OutOfDomainConfig) -> Iterator[tuple[tuple[str | int, ...], InputError]]:
    """Yield arenas, sets of tasks and probes that are neither there nor files, each with its error and the keys of the setting."""
    for i, other in enumerate(config.arenas):
        if other.arena not in ARENAS and Path(other.arena).suffix not in YAML:
            keys = ("out_of_domain", "arenas", i)
            yield keys, ARENAS.unknown(other.arena, also="or the path of a YAML file")
    for i, name in enumerate(config.tasks):
        if name not in TASK_SETS and Path(name).suffix not in YAML:
            yield ("out_of_domain", "tasks", i), unknown_tasks(name)
    for i, probe in enumerate(config.probes):
        if probe not in PROBES:
            yield ("out_of_domain", "probes", i), PROBES.unknown(probe)
