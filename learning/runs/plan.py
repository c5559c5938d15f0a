"""A run's plan as data: which society competes, who learns, what is evaluated, who is asked, in this order. A pure function of settings and counts.

What carries a run out iterates it; progress, cost estimates, checks of forks and of interventions, and what a page calls
"to come" are functions of it. Knows nothing of logs, models or files.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol

from abm.events import Phase, Split, split_of
from abm.societies import ABROAD, arm_and_audience, arm_in, before, is_before_another
from learning.arms.base_models import is_base
from learning.arms.markets import BASE, SHARED, Market

TRAIN_ANCHORS = 96
"""Training anchors of an epoch, where the settings leave it open and there are as many."""
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


class SurveyTimes(Protocol):
    """What of a survey's settings decides when it is held; :class:`learning.runs.config.SurveyConfig` is one."""

    @property
    def questions(self) -> str: ...
    @property
    def epochs(self) -> Sequence[int | None]:
        """After which epochs: 0 for the start, None for the last."""
        ...

    @property
    def who(self) -> str: ...


class PlanSettings(Protocol):
    """What of a run's settings decides its plan; :class:`learning.RunConfig` is one."""

    @property
    def all_markets(self) -> Sequence[Market]:
        """The markets of all arms, those of arms that compete with themselves among them."""
        ...

    @property
    def epochs(self) -> int: ...
    @property
    def messages(self) -> int: ...
    @property
    def batch(self) -> int: ...
    @property
    def evaluate(self) -> str: ...
    @property
    def head_to_head(self) -> str | int: ...
    @property
    def evaluation_audiences(self) -> Collection[str]:
        """Names of the audiences that vote on held-out messages beside the run's own."""
        ...

    @property
    def surveys(self) -> Sequence[SurveyTimes]: ...


class Counts(Protocol):
    """How many anchors there are; :class:`learning.runs.inputs.Inputs` says so."""

    @property
    def train_anchors(self) -> int:
        """Training anchors of an epoch."""
        ...

    @property
    def held_out_anchors(self) -> int:
        """Anchors of an evaluation."""
        ...

    @property
    def elsewhere(self) -> Mapping[str, int]:
        """Other arena in which arms are evaluated -> its anchors."""
        ...

    @property
    def answers(self) -> Mapping[str, int]:
        """Set of tasks that are put to writers -> the answers of each, to all of its tasks together."""
        ...


def plan(config: PlanSettings, inputs: Counts) -> Plan:
    """Return the parts of a run, in order.

    A questionnaire follows the contests of which those who are asked remember something. In the first epoch the base model writes for
    all arms: those whose contests have ``messages`` messages share one society; then each market has its own. An epoch ends when
    every arm has learnt; evaluations follow it.
    """
    return tuple(_parts(config, inputs))


def _parts(config: PlanSettings, inputs: Counts) -> Iterator[Part]:
    yield from _asked(config, 0, None)
    for part in _work(config, inputs):
        yield part
        if isinstance(part, Simulate | Evaluate) and not part.elsewhere and not is_before_another(part.arm):
            yield from _asked(config, part.epoch, part.makes)


def _asked(config: PlanSettings, epoch: int, of: SocietyId | None) -> Iterator[Survey]:
    """Yield the questionnaires that are put after a society's contests, or at the start."""
    for number, survey in enumerate(config.surveys):
        splits: tuple[Split, ...] = ("train", "evaluate") if of is None else (split_of(of.phase),)
        splits = tuple(split for split in splits if survey.who in ("all", split))
        epochs = [config.epochs if each is None else each for each in survey.epochs]
        if splits and epoch in epochs:
            moment = "start" if of is None else "end" if epoch == config.epochs else f"epoch {epoch}"
            yield Survey(number, survey.questions, moment, of, splits, epoch, of.arm if of else SHARED)


def _work(config: PlanSettings, inputs: Counts) -> Iterator[Part]:
    markets = config.all_markets
    last = markets[-1].learners[-1] if markets else ""
    for epoch in range(1, config.epochs + 1):
        held: set[SocietyId] = set()
        for market in markets:
            society = society_of(market, epoch, config.messages)
            if society not in held:
                held.add(society)
                yield _simulation(config, inputs, market, society)
            for arm in market.learners:
                parent = Policy(arm, epoch - 1) if epoch > 1 else Policy(market.base_of(arm))
                yield Learn(epoch, arm, society, parent, ends_epoch=arm == last)
        if epoch == config.epochs or config.evaluate == "every":
            bases = {arm: market.base_of(arm) for market in markets for arm in market.evaluated}
            evaluated = list(bases)
            for arm in evaluated:
                writers = (Policy(bases[arm]), Policy(arm, epoch))
                yield Evaluate(epoch, arm, writers, range(inputs.held_out_anchors), config.batch)
            for first, second in pairs(evaluated, config.head_to_head):
                writers = (Policy(first, epoch), Policy(second, epoch))
                society = f"{first}{AGAINST}{second}"
                yield Evaluate(epoch, society, writers, range(inputs.held_out_anchors), config.batch)
            for audience in config.evaluation_audiences:
                for arm in evaluated:
                    writers = (Policy(bases[arm]), Policy(arm, epoch))
                    anchors = range(inputs.held_out_anchors)
                    yield Evaluate(epoch, before(arm, audience), writers, anchors, config.batch, audience)
            yield from _out_of_domain(config, inputs, epoch, bases)


def _out_of_domain(config: PlanSettings, inputs: Counts, epoch: int, bases: Mapping[str, str]) -> Iterator[Part]:
    """Yield evaluations in other arenas, and tasks; base models answer them once.

    Args:
        bases: evaluated arm -> the name of its base model.
    """
    for arena, anchors in inputs.elsewhere.items():
        for arm, base in bases.items():
            writers = (Policy(base), Policy(arm, epoch))
            yield Evaluate(epoch, f"{arm}{ABROAD}{arena}", writers, range(anchors), config.batch, arena=arena)
    for task_set, answers in inputs.answers.items():
        if epoch == (1 if config.evaluate == "every" else config.epochs):
            for base in dict.fromkeys(bases.values()):
                yield AnswerTasks(epoch, base, task_set, Policy(base), answers)
        for arm in bases:
            yield AnswerTasks(epoch, arm, task_set, Policy(arm, epoch), answers)


def pairs(arms: Sequence[str], wanted: str | int) -> list[tuple[str, str]]:
    """Return which arms meet each other: none, all, or so many pairs, in which arms occur about equally often.

    These are the first of a cyclic design: each arm meets the next one, then each the one after that, and so on (David 1963,
    "The structure of cyclic paired-comparison designs", J. Austral. Math. Soc. 3).
    """
    if wanted == "none":
        return []
    count, found = len(arms), dict[tuple[str, str], None]()
    for distance in range(1, count // 2 + 1):
        for i in range(count):
            first, second = sorted((i, (i + distance) % count))
            found[(arms[first], arms[second])] = None
    return list(found)[: None if isinstance(wanted, str) else wanted]


def society_of(market: Market, epoch: int, messages: int) -> SocietyId:
    """Return where a market's contests of an epoch are held: in the first one, those of equal size in which one base model alone
    writes, before the run's usual readers, hold theirs together, and twins hold theirs with the market that they are twins of.

    Args:
        messages: of a contest in which arms compete with themselves.
    """
    if epoch > 1:
        return SocietyId("train", epoch, market.name)
    first, *others = dict.fromkeys(market.opening)
    if others or not is_base(first):
        return SocietyId("train", epoch, market.twin_of or market.name)
    shares = len(market.writers) == messages and market.source_readers is None
    return SocietyId("train", epoch, SHARED + first.removeprefix(BASE) if shares else market.name)


def _simulation(config: PlanSettings, inputs: Counts, market: Market, society: SocietyId) -> Simulate:
    epoch = society.epoch
    anchors = range((epoch - 1) * inputs.train_anchors, epoch * inputs.train_anchors)
    names = market.writers if epoch > 1 else market.opening
    writers = tuple(Policy(each, epoch - 1 if each in market.learners else 0) for each in names)
    turns = len(set(writers)) > 1
    return Simulate(epoch, society.arm, writers, anchors, config.batch, turns, market.source_readers)


def total(parts: Iterable[Part]) -> int:
    """Return how many steps and trainings there are."""
    return sum(part.steps or 1 for part in parts)


def part_at(parts: Iterable[Part], done: int) -> Part | None:
    """Return the part that follows ``done`` steps and trainings; None at the plan's end."""
    for part in parts:
        done -= part.steps or 1
        if done < 0:
            return part
    return None


def begun(parts: Iterable[Part], steps: int) -> Plan:
    """Return the parts up to the one that holds step ``steps``, counted from 1: those that a fork after this step shares."""
    shared: list[Part] = []
    for part in parts:
        if steps <= 0:
            break
        shared.append(part)
        steps -= part.steps
    return tuple(shared)


def before_epoch(parts: Iterable[Part], epoch: int) -> Plan:
    """Return the parts before an epoch: those that a fork at this epoch shares."""
    return tuple(takewhile(lambda part: part.epoch < epoch, parts))


def to_come(parts: Iterable[Part], steps: int) -> Plan:
    """Return the parts that are not done when ``steps`` steps are, the one that is under way among them."""
    coming: list[Part] = []
    for part in parts:
        if part.steps > steps or (steps == 0 and not part.steps):
            coming.append(part)
        steps = max(0, steps - part.steps)
    return tuple(coming)


def contests(parts: Iterable[Part], split: Split, audience: str = "") -> int:
    """Return how many contests are held before the people of a side in an audience, by its name; empty: the run's own."""
    return sum(len(part.anchors) for part in held_before(parts, split, audience))


def held_before(parts: Iterable[Part], split: Split, audience: str = "") -> Iterator[Simulate | Evaluate]:
    """Yield the parts whose contests are held before the people of a side in an audience, by its name; empty: the run's own."""
    for part in parts:
        if isinstance(part, Simulate | Evaluate) and split_of(part.phase) == split and audience_of(part) == audience:
            yield part


def audience_of(part: Simulate | Evaluate) -> str:
    """Return which audience votes in a part; empty for the run's own."""
    return part.audience if isinstance(part, Evaluate) else ""


def messages(parts: Iterable[Part]) -> int:
    """Return how many messages are written. What one policy writes about one anchor in an epoch, all arms share."""
    return sum(messages_by(parts).values())


def messages_by(parts: Iterable[Part]) -> dict[str, int]:
    """Return competitor -> how many messages it writes; see :func:`messages`."""
    written: dict[tuple[Phase, str, int, str, int], int] = {}
    for part in parts:
        if isinstance(part, Simulate | Evaluate):
            drawn = zip(part.draws, part.writers, strict=True)
            place = part.phase, part.elsewhere, part.epoch
            written |= {(*place, writer.arm, draw): len(part.anchors) for draw, writer in drawn}
    by: dict[str, int] = {}
    for (*_, name, _), count in written.items():
        by[name] = by.get(name, 0) + count
    return by


def part_dicts(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """Return the parts as JSON-able mappings."""
    return [
        {
            "part": type(part).__name__.lower(),
            "epoch": part.epoch,
            "arm": part.arm,
            "steps": part.steps,
            "contests": len(part.anchors) if isinstance(part, Simulate | Evaluate) else 0,
            "doing": part.doing,
        }
        for part in parts
    ]
