"""The loop carries a run's plan out: simulate, learn, simulate with what was learnt, evaluate on unseen data.

One run is one log. All arms share the base model's first epoch and then part: each writes with its own
adapter, alone or in a market with rivals. Contests, personas and random numbers are common to the arms, so that they can be compared in pairs.
Knows nothing of what the results mean; probes are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from abm.arenas import Arena
from abm.events import (
    AudienceSet,
    EpochEnded,
    EvaluationAudienceSet,
    Event,
    OtherArenaSet,
    ReaderJoined,
    SurveysSet,
    TasksListed,
    split_of,
)
from abm.journal import Journal, equal
from abm.llm.port import LLM, Sampling
from abm.probe import Probe
from abm.worlds.agents import NamedPolicy
from abm.worlds.isolated import IsolatedModel
from abm.worlds.model import Model, Society, Stage
from abm.worlds.networked.world import NetworkedModel
from learning.plan.counts import audience_of, total
from learning.plan.order import plan
from learning.plan.parts import AnswerTasks, Evaluate, Learn, Part, Policy, Simulate, Survey
from learning.runs.inputs import Inputs
from learning.runs.learning_sets import LearningSets
from learning.runs.members import RunAudiences
from learning.runs.other_arenas import all_of
from learning.runs.owners import seats_of
from learning.runs.participants import enter
from learning.runs.reflections import Reflections
from learning.runs.rounds import PastRounds
from learning.runs.stops import remaining
from learning.runs.surveys import RunSurveys
from learning.runs.tasks import RunTasks, TaskWriter
from learning.runs.traffic import Traffic
from learning.runs.trainings import Trainings
from learning.runs.watch import ArmWatch
from learning.settings.config import RunConfig
from learning.settings.mitigated import training_probes

if TYPE_CHECKING:
    from learning.training.trainer import Trainer


class Progress(msgspec.Struct, frozen=True):
    """A run's progress: ``done`` of ``total`` steps and trainings.

    Attributes:
        doing: what comes next, in words.
        traffic: returns what its models are doing, at any time and in any thread.
    """

    done: int
    total: int
    doing: str
    traffic: Callable[[], Traffic] = Traffic


class Loop:
    """A run's plan, carried out against its journal.

    Args:
        config: what decides the run.
        inputs: what :func:`gather` read for it.
        journal: the run's log and state.
        llm: the model that writes.
        reader: the model that plays the personas, if the audience is ``llm``; by default the one that writes.
        others: competitor -> model, for those for whom another one writes than ``llm``.
        voting: evaluation audience -> the model that plays the personas there, of those that are no choice models.
        trainer: learns adapters into ``adapters``.
        probes: judges of evaluation messages; ``answer_probes``: of answers to broad questions.
        gates: judges of training messages, for the mitigations that ask them; by default those of the names that these ask for.
        report: called with the progress before each part.
        traffic: returns what the models are doing.
        adapters: folder in which instructions are kept; None where nothing is, as in a replay.
    """

    def __init__(
        self,
        config: RunConfig,
        inputs: Inputs,
        journal: Journal,
        llm: LLM,
        trainer: Trainer,
        *,
        reader: LLM | None = None,
        others: Mapping[str, LLM] = MappingProxyType({}),
        voting: Mapping[str, LLM] = MappingProxyType({}),
        probes: Callable[[Arena], Sequence[Probe]] = lambda arena: (),
        answer_probes: Sequence[Probe] = (),
        gates: Sequence[Probe] = (),
        report: Callable[[Progress], None] = lambda progress: None,
        traffic: Callable[[], Traffic] = Traffic,
        adapters: Path | None = None,
    ) -> None:
        self.config, self.journal, self.llm = config, journal, llm
        self.reader, self.others = reader or llm, others
        self.inputs, self.arena = inputs, inputs.arena
        self.probes = list(probes(self.arena))
        self.elsewhere = {name: list(probes(other.rules)) for name, other in inputs.other_arenas.items()}
        self.gates = tuple(gates)
        self.report, self.traffic = report, traffic
        self.voters = inputs.voters
        self.audiences = RunAudiences(config, inputs, self.reader, voting)
        self.models = list({id(each): each for each in (llm, *self.audiences.models, *others.values())}.values())
        self.society = Society(
            arena=self.arena,
            audience=self.audiences.own,
            llm=llm,
            sampling=Sampling(**config.sampling.model_dump()),
            seed=config.seed,
            ties=config.ties,
            batch=config.batch,
            members=config.members,
            competitor=config.competitor,
        )
        self.societies = {name: self._society_in(other.rules) for name, other in inputs.other_arenas.items()}
        self.surveys = RunSurveys(config, inputs, journal, self.reader)
        self.tasks = RunTasks(config, inputs.tasks, journal, self.arena, answer_probes)
        self.reflections = Reflections(config, inputs, journal, self._writer_of, self.society, adapters)
        self.plan = plan(config, inputs)
        self.sets = LearningSets(config, inputs, journal, self.plan)
        self.rounds = PastRounds(journal.log, self.arena, self.sets.remembering())
        bases = {name: market.base_of(name) for market in inputs.markets for name in market.learners}
        self.watch = ArmWatch(config.alarms, journal, bases)
        self.trainings = Trainings(
            config,
            inputs,
            journal,
            self.plan,
            sets=self.sets,
            trainer=trainer,
            reflections=self.reflections,
            models=self.models,
            audiences=self.audiences,
            watch=self.watch,
            adapter_of=self._adapter,
        )
        self._declared = False
        self._said: list[Event] = []

    def _society_in(self, arena: Arena) -> Society:
        """Return the run's society in another arena: the same people, asked there."""
        return msgspec.structs.replace(self.society, arena=arena, audience=self.audiences.in_arena(arena))

    def run(self) -> None:
        """Carry out the whole plan; what the log holds already is not done again."""
        for progress in self.advance():
            self.report(progress)

    def advance(self) -> Iterator[Progress]:
        """Carry out the plan piece by piece: yield before each step and each training, which is done on the next call.

        What comes between them (who takes part, the end of an epoch) is done before the next is yielded.
        """
        enter(self.config, self.inputs, self.journal, self.llm, self.others)
        done, left = 0, self.plan
        for part in self.plan:
            if part in left:
                for piece in self._pieces(part):
                    yield Progress(done, total(left), part.doing, self.traffic)
                    piece()
                    done += 1
                if isinstance(part, Simulate | Evaluate):
                    self._watch(part)
            if isinstance(part, Learn) and part.ends_epoch:
                self._end_epoch(part.epoch)
            left = remaining(self.plan, self.watch.stops)

    def _pieces(self, part: Part) -> Iterator[Callable[[], object]]:
        """Yield what carries out each step, or the training, of a part."""
        if isinstance(part, Learn):
            yield lambda: self.trainings.carry_out(part)
            return
        if isinstance(part, Survey):
            yield lambda: self._survey(part)
            return
        if isinstance(part, AnswerTasks):
            yield lambda: self._answer(part)
            return
        model = self._society_of(part)
        for _ in range(part.steps):
            yield lambda: self._step(model)

    # -- who and what --------------------------------------------------------------------------------------

    def _declare(self) -> None:
        """Say how members react, before the first step that no run before a fork said it for, if it is said otherwise."""
        if self._declared:
            return
        kinds = (ReaderJoined, AudienceSet, EvaluationAudienceSet, SurveysSet, OtherArenaSet, TasksListed)
        if inherited := self.journal.fold_shared(*kinds):
            self._said = inherited
        if self.journal.shares_next:
            return
        self._declared = True
        asked = self.surveys.declaration()
        others = (other.event(self.elsewhere[name]) for name, other in self.inputs.other_arenas.items())
        now = [*self.audiences.declaration(), *([asked] if asked else []), *others, *self.tasks.declaration()]
        if len(now) != len(self._said) or not all(map(equal, now, self._said)):
            with self.journal.transaction():
                for event in now:
                    self.journal.emit(event)

    # -- simulate ------------------------------------------------------------------------------------------

    def _society_of(self, part: Simulate | Evaluate) -> Model:
        """Return the model that holds a part's contests."""
        draws = part.draws if isinstance(part, Evaluate) else [None] * len(part.writers)
        writers = [
            NamedPolicy(
                writer.arm,
                self._adapter(writer),
                draw=draw,
                llm=self.others.get(writer.arm),
                instructions=self._instructions(writer),
            )
            for writer, draw in zip(part.writers, draws, strict=True)
        ]
        seats: list[list[int]] = []
        if isinstance(part, Simulate) and part.turns:
            seats = seats_of(part, self.config.world, self.config.seed).tolist()
            if self.config.world == "networked":  # an account keeps its writer
                writers, seats = [writers[place] for place in seats[0]], []
        stage = Stage(
            anchors=self.sets.anchors(part),
            writers=writers,
            voters=self.voters[split_of(part.phase)],
            phase=part.phase,
            epoch=part.epoch,
            arm=part.arm,
            probes=self._judges(part),
            remembered=self.surveys.remembered,
            seats=seats,
            recall=self.rounds.recall if part.phase == "train" else None,
            source=self.audiences.source_readers(part),
        )
        society = self.society
        if part.elsewhere:
            society = self.societies[part.elsewhere]
        elif audience_of(part):
            society = msgspec.structs.replace(self.society, audience=self.audiences.of(audience_of(part)))
        if self.config.world == "networked":
            checkers = all_of(self.probes, self.elsewhere) if part.elsewhere else self.probes
            return NetworkedModel(society, self.journal, stage, self.config.network, checkers)
        return IsolatedModel(society, self.journal, stage)

    def _judges(self, part: Simulate | Evaluate) -> Sequence[Probe]:
        """Return who judges a part's messages: in training those whom the mitigations of the arms that learn from it ask."""
        if isinstance(part, Evaluate):
            return () if part.has_old_messages else self.elsewhere[part.elsewhere] if part.elsewhere else self.probes
        learners = [each.arm for each in self.plan if isinstance(each, Learn) and each.source == part.makes]
        asking = [mitigation for arm in learners for mitigation in self.sets.mitigations[arm]]
        return training_probes(asking, self.arena, (*self.gates, *self.probes))

    def _writer_of(self, arm: str) -> LLM:
        """Return the model that writes for an arm."""
        return self.others.get(arm, self.llm)

    def _adapter(self, policy: Policy) -> str:
        """Return the adapter of a policy; empty for a model without one."""
        if policy.epoch:
            return self.journal.state.adapters[policy.arm]
        return self.inputs.rivals[policy.arm].id if policy.arm in self.inputs.rivals else ""

    def _instructions(self, policy: Policy) -> str | None:
        """Return the instructions of a policy that is those; None for weights and the base model."""
        return self.reflections.instructions_of(policy.arm) if policy.epoch else None

    def _step(self, model: Model) -> None:
        self._declare()
        model.step()

    def _survey(self, part: Survey) -> None:
        self._declare()
        self.surveys.hold(part)

    def _answer(self, part: AnswerTasks) -> None:
        self._declare()
        writer = TaskWriter(
            self.others.get(part.arm, self.llm), self._adapter(part.policy), self._instructions(part.policy)
        )
        self.tasks.answer(part, writer)

    # -- between them --------------------------------------------------------------------------------------

    def _end_epoch(self, epoch: int) -> None:
        """Say which adapters there are, those of stopped arms as they were left."""
        adapters = self.journal.state.adapters
        with self.journal.transaction():
            kept = {arm: adapters[arm] for arm in self.inputs.arms if arm in adapters}
            self.journal.emit(EpochEnded(epoch=epoch, adapters=kept))

    def _watch(self, part: Simulate | Evaluate) -> None:
        """Look at what was written in a part whose contests are all held; what is written elsewhere is no cause for alarm."""
        if part.elsewhere:
            return
        for alarm in self.watch.contests(part):
            with self.journal.transaction():
                self.watch.record(alarm)
