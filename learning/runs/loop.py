"""The loop carries a run's plan out: simulate, learn, simulate with what was learnt, evaluate on unseen data.

One run is one log. All arms share the base model's first epoch and then part: each writes with its own
adapter, alone or in a market with rivals. Contests, personas and random numbers are common to the arms, so that they can be compared in pairs.
Knows nothing of what the results mean; probes are handed in.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from abm.arenas import Arena
from abm.arenas.anchors import Anchor
from abm.events import (
    AdapterTrained,
    ArmFlagged,
    ArmStopped,
    AudienceSet,
    EpochEnded,
    EvaluationAudienceSet,
    Event,
    MessageAudited,
    OtherArenaSet,
    ReaderJoined,
    SurveysSet,
    TasksListed,
    split_of,
)
from abm.journal import Journal, equal
from abm.llm.port import LLM, Sampling, Sleeping, Writing
from abm.probe import Probe
from abm.worlds.agents import NamedPolicy
from abm.worlds.isolated import IsolatedModel
from abm.worlds.model import Model, Society, Stage
from abm.worlds.networked.world import NetworkedModel
from learning.alarms.thresholds import DIVERGED, NO_ROWS
from learning.methods import METHODS, Owned, RowsOf, TrainingSet, collect, training_set
from learning.mitigations import Mitigation
from learning.runs.arms import Arm
from learning.runs.before_fork import arms_before
from learning.runs.config import RunConfig
from learning.runs.empty import nothing_to_learn
from learning.runs.equal_trainings import EqualTrainings
from learning.runs.inputs import Inputs
from learning.runs.markets import SHARED
from learning.runs.members import RunAudiences
from learning.runs.mitigated import of_arms, training_probes
from learning.runs.other_arenas import all_of
from learning.runs.owners import own_messages, seats_of
from learning.runs.participants import enter
from learning.runs.plan import (
    AnswerTasks,
    Evaluate,
    Learn,
    Part,
    Policy,
    Simulate,
    Survey,
    audience_of,
    plan,
    total,
)
from learning.runs.reflections import Reflections
from learning.runs.repeats import picking_seed, training_seed
from learning.runs.rounds import PastRounds, Remembering
from learning.runs.stops import remaining
from learning.runs.surveys import RunSurveys
from learning.runs.tasks import RunTasks, TaskWriter
from learning.runs.watch import ArmWatch, said, training_measured
from learning.training.measured import TrainingDiverged
from learning.training.memory import release
from learning.training.settings import LoraSettings
from moloch.errors import MolochWarning

if TYPE_CHECKING:
    from learning.training.trainer import Trained, Trainer


class Progress(msgspec.Struct, frozen=True):
    """A run's progress: ``done`` of ``total`` steps and trainings.

    Attributes:
        doing: what comes next, in words.
        written: returns the tokens that models have written for the run in this process, at any time and in any thread.
    """

    done: int
    total: int
    doing: str
    written: Callable[[], int] = lambda: 0


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
        adapters: Path | None = None,
    ) -> None:
        self.config, self.journal, self.llm = config, journal, llm
        self.trainings = EqualTrainings(trainer, {arm.name: arm.model for arm in inputs.arms.values()})
        self.reader, self.others = reader or llm, others
        self.inputs, self.arena = inputs, inputs.arena
        self.probes = list(probes(self.arena))
        self.elsewhere = {name: list(probes(other.rules)) for name, other in inputs.other_arenas.items()}
        self.gates = tuple(gates)
        self.mitigations = of_arms(inputs.arms)
        self.report = report
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
        self.rounds = PastRounds(journal.log, self.arena, self._remembering())
        bases = {name: market.base_of(name) for market in inputs.markets for name in market.learners}
        self.watch = ArmWatch(config.alarms, journal.log, bases)
        self._declared = False
        self._trained: dict[Policy, AdapterTrained] = {}  # before a fork, maybe by other settings
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
                    yield Progress(done, total(left), part.doing, self._written)
                    piece()
                    done += 1
                if isinstance(part, Simulate | Evaluate):
                    self._watch(part)
            if isinstance(part, Learn) and part.ends_epoch:
                self._end_epoch(part.epoch)
            left = remaining(self.plan, self.watch.stops)

    def _written(self) -> int:
        """Return the tokens that models wrote in this process, those of a batch under way among them."""
        return self.journal.written + sum(llm.writing for llm in self.models if isinstance(llm, Writing))

    def _pieces(self, part: Part) -> Iterator[Callable[[], object]]:
        """Yield what carries out each step, or the training, of a part."""
        if isinstance(part, Learn):
            yield lambda: self._learn(part)
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
            anchors=self._anchors(part),
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
            return () if part.repeats else self.elsewhere[part.elsewhere] if part.elsewhere else self.probes
        learners = [each.arm for each in self.plan if isinstance(each, Learn) and each.source == part.makes]
        asking = [mitigation for arm in learners for mitigation in self.mitigations[arm]]
        return training_probes(asking, self.arena, (*self.gates, *self.probes))

    def _anchors(self, part: Simulate | Evaluate) -> list[Anchor]:
        if part.elsewhere:
            pool = self.inputs.other_arenas[part.elsewhere].anchors
        else:
            pool = self.inputs.anchors.train if part.phase == "train" else self.inputs.anchors.held_out
        return [pool[i % len(pool)] for i in part.anchors]

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

    # -- learn ---------------------------------------------------------------------------------------------

    def _learn(self, part: Learn) -> None:
        self._audit(part)
        self.reflections.fold()
        if isinstance(logged := self.journal.logged(AdapterTrained), AdapterTrained):
            if self.journal.shares_next:
                self._trained[part.makes] = logged
            self.journal.emit(logged)
            self._raise_alarm(self._logged_stop(part))
        elif (stopped := self._logged_stop(part)) is not None:  # there is no adapter
            self._raise_alarm(stopped)
        elif self.reflections.method_of(part.arm) is not None:
            self._reflect(part)
        else:
            self._train(part)

    def _audit(self, part: Learn) -> None:
        """Record what the arm's auditors found of the messages that it could learn from."""
        self.journal.fold_shared(MessageAudited)
        auditing = [each for each in self.mitigations[part.arm] if type(each).audits is not Mitigation.audits]
        if not auditing or self.journal.shares_next:
            return
        contests = collect(self.journal.log.read(), part.source.arm, part.epoch, self.arena)
        with self.journal.transaction():
            for each in auditing:
                about = {"arm": part.arm, "epoch": part.epoch, "mitigation": each.name}
                for message, found in each.audits(contests, self.config.seed):
                    self.journal.emit(MessageAudited(message=message, found=found, **about))

    def _end_epoch(self, epoch: int) -> None:
        """Say which adapters there are, those of stopped arms as they were left."""
        adapters = self.journal.state.adapters
        with self.journal.transaction():
            kept = {arm: adapters[arm] for arm in self.inputs.arms if arm in adapters}
            self.journal.emit(EpochEnded(epoch=epoch, adapters=kept))

    def _owned(self, part: Learn) -> Owned | None:
        """Return which messages of the contests are the learner's; None for all."""
        return self._own_in(part.arm, self._source(part))

    def _own_in(self, arm: str, held: Simulate) -> Owned | None:
        """Return which messages of a society's contests are an arm's; None for all."""
        market, anchors = self.inputs.market_of(arm), self._anchors(held)
        return own_messages(market, arm, held, anchors, self.config.world, self.config.seed)

    def _remembering(self) -> dict[str, Remembering]:
        """Return the arms that remember past rounds: those of the societies from which they learn."""
        sources = {(part.arm, part.source): self._source(part) for part in self.plan if isinstance(part, Learn)}
        return {
            name: Remembering(
                arm.memory, {of: self._own_in(name, held) for (each, of), held in sources.items() if each == name}
            )
            for name, arm in self.inputs.arms.items()
            if arm.memory is not None
        }

    def _source(self, part: Learn) -> Simulate:
        """Return the contests that a training learns from."""
        return next(each for each in self.plan if isinstance(each, Simulate) and each.makes == part.source)

    def _training_set(self, part: Learn, begun: AdapterTrained | None, owned: Owned | None) -> TrainingSet:
        """Return what an arm learns from in an epoch; as a rendering gives it in a run that was begun so.

        Args:
            begun: the training as the log holds it, where it is made again.
        """
        method, settings, mitigations = self._learnt_by(part)
        return training_set(
            self.journal.log.read(),
            METHODS.get(method).configured(settings.for_methods),
            source_arm=part.source.arm,
            epoch=part.epoch,
            arena=self.arena,
            seed=picking_seed(self.config.seed, self.inputs.arms[part.arm].repeat),
            rendered=begun is not None and not begun.as_sampled,
            owned=owned,
            mitigations=mitigations,
            learner=part.arm,
        )

    def _learnt_by(self, part: Learn) -> tuple[str, LoraSettings, list[Mitigation]]:
        """Return the method, the settings and the mitigations by which an arm learns in an epoch; those that it had, where that was
        before a fork."""
        if (shared := self._trained.get(part.makes)) is not None and shared.kind == "weights":
            settings = msgspec.convert(shared.settings, LoraSettings)
            return shared.method, settings, of_arms(self._before_fork)[part.arm]
        return self.inputs.arms[part.arm].method, self.inputs.lora[part.arm], self.mitigations[part.arm]

    @cached_property
    def _before_fork(self) -> dict[str, Arm]:
        return arms_before(self.journal.log)

    def _rows_of(self, part: Learn, begun: AdapterTrained | None) -> RowsOf | None:
        """Return what the learner learns to whose number of rows an arm is brought; None without one, and where a training that is
        made again was not."""
        learner = self.inputs.arms[part.arm].rows_of
        if not learner or (begun is not None and not begun.rows_of):
            return None
        left = remaining(self.plan, self.watch.stops)  # without trainings of a learner that was stopped before
        trained = (each for each in left if isinstance(each, Learn) and each.epoch == part.epoch)
        other = next((each for each in trained if each.arm == learner), None)
        if other is None:
            return None
        data = self._training_set(other, None, self._owned(other))  # with equal rows, what was sampled is learnt
        return RowsOf(learner, data, self._learnt_by(other)[1].max_length) if data.rows else None

    def _reflect(self, part: Learn) -> None:
        """Have an arm that learns instructions look back at the contests of the log."""
        owned = self._owned(part)
        seed = training_seed(self.config.seed, part.epoch, self.inputs.arms[part.arm].repeat)
        anchors = [anchor.id for anchor in self._anchors(self._source(part))]
        parent, readers = self._adapter(part.parent), self.audiences.source_readers(self._source(part))
        trained = self.reflections.learn(part, owned, anchors, parent=parent, seed=seed, readers=readers)
        if trained is None:
            self._learn_nothing(part, rivals=owned is not None)

    def _learn_nothing(self, part: Learn, *, rivals: bool, mitigated: Mapping[str, int] = MappingProxyType({})) -> None:
        """Stop an arm that has nothing to learn from, if the settings say so.

        Raises:
            InputError: they do not, or no arm has.
        """
        alone = part.source.arm != SHARED or mitigated  # else there is nothing for any arm
        if not alone or (stopped := self.watch.failed(part.arm, part.epoch, NO_ROWS)) is None:
            raise nothing_to_learn(self.journal.log.read(), part, self.arena, rivals=rivals, mitigated=mitigated)
        with self.journal.transaction():
            self._raise_alarm(stopped)

    def _train(self, part: Learn) -> None:
        """Learn a new adapter from the contests of the log, or stop an arm whose training diverges, if the settings say so."""
        arm, epoch = part.arm, part.epoch
        method, settings = self.inputs.arms[arm].method, self.inputs.lora[arm]
        owned, begun = self._owned(part), self.journal.recorded(AdapterTrained)
        rows = self._training_set(part, begun, owned)
        if not rows.rows:
            self._learn_nothing(part, rivals=owned is not None, mitigated=rows.mitigated)
            return
        rows = msgspec.structs.replace(rows, rows_of=self._rows_of(part, begun))
        parent = self._adapter(part.parent)
        seed = training_seed(self.config.seed, epoch, self.inputs.arms[arm].repeat)
        lineage: dict[str, Any] = {"arm": arm, "epoch": epoch, "method": method, "run": self.config.id}
        if mitigations := self.inputs.arms[arm].mitigations:
            lineage["mitigations"] = {name: dict(own) for name, own in mitigations.items()}
        for llm in self.models:
            if isinstance(llm, Sleeping):
                llm.sleep()
        release()  # before and after: reading a crowd's votes and training each leave hundreds of megabytes
        try:
            how: dict[str, Any] = {"parent": parent, "settings": settings, "seed": seed, "lineage": lineage}
            trained, same_as = self.trainings.train(rows, **how, again=begun is not None)
        except TrainingDiverged as error:
            if (stopped := self.watch.failed(arm, epoch, DIVERGED)) is None:
                raise
            with self.journal.transaction():
                if error.measured:
                    self.journal.attach(training_measured(arm, epoch, "", error.measured))
                self._raise_alarm(stopped)
            return
        release()
        measured = trained.measured
        alarm = self.watch.training(arm, epoch, (trained.loss_before, trained.loss_after), measured)
        with self.journal.transaction():
            if measured:
                self.journal.attach(training_measured(arm, epoch, trained.adapter, measured, same_as))
            self.journal.emit(
                AdapterTrained(
                    adapter=trained.adapter,
                    arm=arm,
                    epoch=epoch,
                    method=method,
                    parent=parent,
                    data=rows.digest,
                    data_range=list(rows.data_range),
                    rows=trained.rows,
                    tokens=trained.tokens,
                    over_long=trained.over_long,
                    steps=trained.steps,
                    seed=seed,
                    loss_before=trained.loss_before,
                    loss_after=trained.loss_after,
                    settings=msgspec.to_builtins(settings),
                    as_sampled=rows.as_sampled,
                    figures=trained.figures,
                    mitigated=rows.mitigated,
                    **_brought(trained),
                    repeat_of=self.inputs.arms[arm].repeat_of,
                    repeat=self.inputs.arms[arm].repeat,
                )
            )
            self._raise_alarm(alarm)

    # -- alarms --------------------------------------------------------------------------------------------

    def _watch(self, part: Simulate | Evaluate) -> None:
        """Look at what was written in a part whose contests are all held; what is written elsewhere is no cause for alarm."""
        if part.elsewhere:
            return
        for alarm in self.watch.contests(part):
            with self.journal.transaction():
                self._raise_alarm(alarm)

    def _raise_alarm(self, alarm: ArmFlagged | ArmStopped | None) -> None:
        """Record an alarm, and say it once: not again where the log holds what followed it."""
        if alarm is None:
            return
        if not self.journal.resuming:
            warnings.warn(said(alarm), MolochWarning, stacklevel=2)
        if isinstance(alarm, ArmFlagged):
            self.journal.attach(alarm)
        else:
            self.journal.emit(alarm)
            self.watch.stops.append(alarm)

    def _logged_stop(self, part: Learn) -> ArmStopped | None:
        """Return that an arm's training stopped it, where the log holds that next and it need not be decided again."""
        stopped = self.journal.logged(ArmStopped)
        here = (part.arm, part.epoch, "training")
        return stopped if stopped and (stopped.arm, stopped.epoch, stopped.moment) == here else None


def _brought(trained: Trained) -> dict[str, Any]:
    """Return what is recorded of a training set that was brought to another arm's number of rows."""
    before = trained.rows_before
    return {"rows_of": before.arm, "own_rows": before.rows, "own_units": before.units} if before else {}
