"""A run's plan as data: which society competes, who learns, what is evaluated, who is asked, in this order. A pure function of settings and counts.

What carries a run out iterates it; progress, cost estimates, checks of forks and of interventions, and what a page calls
"to come" are functions of it. Knows nothing of logs, models or files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from abm.events import Split, split_of
from abm.societies import ABROAD, before, is_before_another
from learning.arms.base_models import is_base
from learning.arms.markets import BASE, SHARED, Market
from learning.plan.parts import (
    AGAINST,
    AnswerTasks,
    Evaluate,
    Learn,
    Part,
    Plan,
    Policy,
    Simulate,
    SocietyId,
    Survey,
)

TRAIN_ANCHORS = 96
"""Training anchors of an epoch, where the settings leave it open and there are as many."""


class SurveyTimes(Protocol):
    """What of a survey's settings decides when it is held; :class:`learning.settings.parts.SurveyConfig` is one."""

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
