"""The parts of a run's plan: contests of a society, a training, an evaluation, a questionnaire, tasks. Data; knows nothing of settings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType
from typing import ClassVar, NamedTuple

from abm.events import Phase, Split
from abm.societies import arm_and_audience, arm_in, is_before_another
from learning.arms.markets import BASE

AGAINST = "-vs-"
"""Between the names of two arms in the name of the society in which they meet; no arm has it in its own."""


def is_head_to_head(society: str) -> bool:
    """Return whether two arms meet in a society, by its name."""
    return AGAINST in society


def has_old_messages(society: str) -> bool:
    """Return whether the held-out messages of a society were written, and judged, for another one: arms meet, or another audience votes."""
    return is_head_to_head(society) or is_before_another(society)


def writers_in(society: str, bases: Mapping[str, str] = MappingProxyType({})) -> tuple[str, str]:
    """Return who writes in the held-out contests of a society, by slot.

    Args:
        bases: arm -> the name under which its base model writes, where it is not the run's (:func:`learning.arms.arm.bases_of`).
    """
    society, _ = arm_and_audience(arm_in(society))
    first, against, second = society.partition(AGAINST)
    return (first, second) if against else (bases.get(society, BASE), society)


class Policy(NamedTuple):
    """Weights that write: those that an arm learnt in an epoch; of epoch 0, the base model's, or a rival's."""

    arm: str
    epoch: int = 0


class SocietyId(NamedTuple):
    """Where contests are held: phase, epoch and arm, as :class:`abm.events.StepStarted` records them."""

    phase: Phase
    epoch: int
    arm: str


@dataclass(frozen=True, slots=True)
class _Contests(ABC):
    """Contests of one society.

    Attributes:
        arm: the arm whose contests they are, or the market.
        writers: the policies, by slot; by place, where they change slots from contest to contest.
        anchors: one contest each; indices into the phase's anchors. Training anchors are taken again from the first when the
            pool is used up: index ``i`` is anchor ``i`` modulo the size of the pool.
        batch: contests per step.
    """

    epoch: int
    arm: str
    writers: tuple[Policy, ...]
    anchors: range
    batch: int

    @property
    @abstractmethod
    def phase(self) -> Phase:
        """What they are for."""

    @property
    def steps(self) -> int:
        """Steps that hold the contests."""
        return -(-len(self.anchors) // self.batch)

    @property
    def elsewhere(self) -> str:
        """Name of the arena where they are held, if it is another one than the run's."""
        return ""

    @property
    def draws(self) -> tuple[int, ...]:
        """Whose random numbers each writer draws with: those of a slot, by default its own."""
        return tuple(range(len(self.writers)))

    @property
    def needs(self) -> tuple[Policy, ...]:
        """Learnt policies that must be there before it begins."""
        return tuple(dict.fromkeys(writer for writer in self.writers if writer.epoch))

    @property
    def makes(self) -> SocietyId:
        """The society whose contests it holds."""
        return SocietyId(self.phase, self.epoch, self.arm)


@dataclass(frozen=True, slots=True)
class Simulate(_Contests):
    """Training contests: an arm's policy competes with itself, or the policies of a market with each other.

    Attributes:
        turns: whether writers change slots from contest to contest (:mod:`abm.worlds.seats`).
        source_readers: share of those who vote who read the source, 0 .. 1; None: as in all of the run.
    """

    turns: bool = False
    source_readers: float | None = None

    @property
    def phase(self) -> Phase:
        """``train``."""
        return "train"

    @property
    def doing(self) -> str:
        """What happens, in words."""
        if not self.turns:
            return f"epoch {self.epoch}: {self.arm} competes"
        *others, last = dict.fromkeys(writer.arm for writer in self.writers)
        return f"epoch {self.epoch}: {', '.join(others)} and {last} compete in {self.arm}"


@dataclass(frozen=True, slots=True)
class Evaluate(_Contests):
    """Held-out contests: an arm's policy against the base model, or two arms' policies against each other.

    Attributes:
        audience: who votes, by name; empty for the run's own audience.
        arena: where they are held, if it is another arena than the run's: its name, which the society has in its own.
    """

    audience: str = ""
    arena: str = ""

    @property
    def phase(self) -> Phase:
        """``evaluate``; ``elsewhere`` in another arena."""
        return "elsewhere" if self.arena else "evaluate"

    @property
    def elsewhere(self) -> str:
        """Name of the arena where they are held, if it is another one than the run's."""
        return self.arena

    @property
    def doing(self) -> str:
        """What happens, in words."""
        beside = f", {self.audience} votes" if self.audience else f" in {self.arena}" if self.arena else ""
        return f"evaluating {self.writers[1].arm} against {self.writers[0].arm}{beside}"

    @property
    def has_old_messages(self) -> bool:
        """Whether its messages are those that were written, and judged, when each arm met the base model before the run's audience."""
        return has_old_messages(self.arm)

    @property
    def draws(self) -> tuple[int, ...]:
        """The base model draws as in slot 0, every arm as in slot 1: an arm's message about an anchor is one, whomever it meets."""
        return tuple(int(writer.epoch > 0) for writer in self.writers)


@dataclass(frozen=True, slots=True)
class Learn:
    """One training.

    Attributes:
        source: the society whose contests are learnt from.
        parent: the policy that is trained further.
        ends_epoch: whether it is the last training of its epoch.
    """

    epoch: int
    arm: str
    source: SocietyId
    parent: Policy
    ends_epoch: bool
    steps: ClassVar[int] = 0

    @property
    def doing(self) -> str:
        """What happens, in words."""
        return f"epoch {self.epoch}: {self.arm} learns"

    @property
    def needs(self) -> tuple[SocietyId | Policy, ...]:
        """What must be there before it begins."""
        return (self.source, self.parent) if self.parent.epoch else (self.source,)

    @property
    def makes(self) -> Policy:
        """The policy that it learns."""
        return Policy(self.arm, self.epoch)


@dataclass(frozen=True, slots=True)
class Survey:
    """One questionnaire, put to personas at one moment.

    Attributes:
        survey: its place in the settings; ``questions``: its file.
        moment: ``start``, ``epoch 1``, ... or ``end``.
        of: the society whose members are asked what they remember; None at the start.
        splits: whose personas are asked.
    """

    survey: int
    questions: str
    moment: str
    of: SocietyId | None
    splits: tuple[Split, ...]
    epoch: int
    arm: str
    steps: ClassVar[int] = 0

    @property
    def id(self) -> str:
        """What names it within the run."""
        return "/".join((f"survey {self.survey + 1}", self.moment, *(map(str, self.of) if self.of else ())))

    @property
    def doing(self) -> str:
        """What happens, in words."""
        of = f", {self.of.arm}" if self.of else ""
        return f"{self.moment}{of}: answering {PurePath(self.questions).stem}"

    @property
    def needs(self) -> tuple[SocietyId, ...]:
        """What must be there before it begins."""
        return (self.of,) if self.of else ()

    @property
    def makes(self) -> str:
        """The answers, by what names the survey."""
        return self.id


@dataclass(frozen=True, slots=True)
class AnswerTasks:
    """A writer answers the tasks of a set.

    Attributes:
        task_set: its name.
        policy: who answers.
        answers: to all tasks together.
    """

    epoch: int
    arm: str
    task_set: str
    policy: Policy
    answers: int
    steps: ClassVar[int] = 0

    @property
    def doing(self) -> str:
        """What happens, in words."""
        return f"epoch {self.epoch}: {self.arm} answers {self.task_set}"

    @property
    def needs(self) -> tuple[Policy, ...]:
        """What must be there before it begins."""
        return (self.policy,) if self.policy.epoch else ()

    @property
    def makes(self) -> str:
        """The answers, by what names them."""
        return f"tasks {self.task_set}/{self.arm}/{self.policy.epoch}"


Part = Simulate | Learn | Evaluate | Survey | AnswerTasks
Plan = tuple[Part, ...]
