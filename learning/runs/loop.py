"""The loop carries a run's plan out: simulate, learn, simulate with what was learnt, evaluate on unseen data.

One run is one log. All arms share the base model's first epoch and then part: each writes with its own
adapter, alone or in a market with rivals. Contests, personas and random numbers are common to the arms, so that they can be compared in pairs.
Knows nothing of what the results mean; probes are handed in.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from abm.arenas import Arena
from abm.arenas.anchors import Anchor
from abm.audience import AskedAudience, Audience, ChoiceModel, Mixed, as_mapping, features_digest
from abm.events import (
    AdapterTrained,
    ArmFlagged,
    ArmStopped,
    AudienceSet,
    EpochEnded,
    Event,
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
from learning.methods import METHODS, Owned, RowsOf, TrainingSet, training_set
from learning.runs.config import RunConfig
from learning.runs.empty import nothing_to_learn
from learning.runs.inputs import Inputs
from learning.runs.markets import SHARED
from learning.runs.other_arenas import all_of
from learning.runs.owners import own_messages, seats_of
from learning.runs.participants import enter
from learning.runs.plan import AnswerTasks, Evaluate, Learn, Part, Policy, Simulate, Survey, plan, total
from learning.runs.stops import remaining
from learning.runs.surveys import RunSurveys
from learning.runs.tasks import RunTasks
from learning.runs.watch import ArmWatch, said, training_measured
from learning.training.measured import TrainingDiverged
from learning.training.memory import release
from moloch import keyed
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
        trainer: learns adapters into ``adapters``.
        probes: judges of evaluation messages; ``answer_probes``: of answers to broad questions.
        report: called with the progress before each part.
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
        probes: Callable[[Arena], Sequence[Probe]] = lambda arena: (),
        answer_probes: Sequence[Probe] = (),
        report: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self.config, self.journal, self.llm, self.trainer = config, journal, llm, trainer
        self.reader = reader or llm
        self.inputs, self.arena = inputs, inputs.arena
        self.probes = list(probes(self.arena))
        self.elsewhere = {name: list(probes(other.rules)) for name, other in inputs.others.items()}
        self.report = report
        self.voters = inputs.voters
        self.society = Society(
            arena=self.arena,
            audience=self._audience(self.arena),
            llm=llm,
            sampling=Sampling(**config.sampling.model_dump()),
            seed=config.seed,
            ties=config.ties,
            batch=config.batch,
            members=config.members,
            competitor=config.competitor,
        )
        self.societies = {name: self._society_in(other.rules) for name, other in inputs.others.items()}
        self.surveys = RunSurveys(config, inputs, journal, self.reader)
        self.tasks = RunTasks(config, inputs.tasks, journal, llm, self.arena, answer_probes)
        self.plan = plan(config, inputs)
        self.watch = ArmWatch(config.alarms, journal.log)
        self._declared = False
        self._said: list[Event] = []

    def _society_in(self, arena: Arena) -> Society:
        """Return the run's society in another arena: the same people, asked there."""
        return msgspec.structs.replace(self.society, arena=arena, audience=self._audience(arena))

    def _audience(self, arena: Arena) -> Audience:
        asked = self.inputs.audience or self._asked(arena)
        if not self.config.crowd.size:
            return asked
        core = [voters.ids[: len(self.inputs.split(split))] for split, voters in self.voters.items()]
        return Mixed(asked, self.inputs.crowd, np.concatenate(core))

    def _asked(self, arena: Arena) -> AskedAudience:
        settings = self.config.reader
        personas = {
            int(index): (persona.id, persona.text)
            for split, voters in self.voters.items()
            for index, persona in zip(voters.ids, self.inputs.split(split), strict=False)
        }
        return AskedAudience(
            self.reader,
            arena,
            personas,
            Sampling(settings.temperature, settings.top_p, settings.max_tokens),
            self.config.seed,
            settings.answer,
            settings.retries,
        )

    def run(self) -> None:
        """Carry out the whole plan; what the log holds already is not done again."""
        for progress in self.advance():
            self.report(progress)

    def advance(self) -> Iterator[Progress]:
        """Carry out the plan piece by piece: yield before each step and each training, which is done on the next call.

        What comes between them (who takes part, the end of an epoch) is done before the next is yielded.
        """
        enter(self.config, self.inputs, self.journal, self.llm)
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
        models = {id(llm): llm for llm in (self.llm, self.reader)}.values()
        return self.journal.written + sum(llm.writing for llm in models if isinstance(llm, Writing))

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
        if inherited := self.journal.fold_shared(ReaderJoined, AudienceSet, SurveysSet, OtherArenaSet, TasksListed):
            self._said = inherited
        if self.journal.shares_next:
            return
        self._declared = True
        now = self._reacting()
        if len(now) != len(self._said) or not all(map(equal, now, self._said)):
            with self.journal.transaction():
                for event in now:
                    self.journal.emit(event)

    def _reacting(self) -> list[Event]:
        """Return who plays the personas, the choice models of those who are not played, what each will be asked, and where else."""
        asked, model = self.inputs.audience, self.reader
        if isinstance(asked, ChoiceModel):
            personas: Event = _set("personas", asked)
        elif asked is not None:
            personas = ReaderJoined(model=self.config.audience, model_digest="")
        else:
            personas = ReaderJoined(model=model.name, model_digest=model.digest)
        crowd = [_set("crowd", self.inputs.crowd)] if self.config.crowd.size else []
        asked = self.surveys.declaration()
        others = (other.event(self.elsewhere[name]) for name, other in self.inputs.others.items())
        return [personas, *crowd, *([asked] if asked else []), *others, *self.tasks.declaration()]

    # -- simulate ------------------------------------------------------------------------------------------

    def _society_of(self, part: Simulate | Evaluate) -> Model:
        """Return the model that holds a part's contests."""
        draws = part.draws if isinstance(part, Evaluate) else [None] * len(part.writers)
        writers = [
            NamedPolicy(writer.arm, self._adapter(writer), draw=draw)
            for writer, draw in zip(part.writers, draws, strict=True)
        ]
        seats: list[list[int]] = []
        if isinstance(part, Simulate) and part.turns:
            seats = seats_of(part, self.config.world, self.config.seed).tolist()
            if self.config.world == "networked":  # an account keeps its writer
                writers, seats = [writers[place] for place in seats[0]], []
        probes = self.elsewhere[part.elsewhere] if part.elsewhere else self.probes
        stage = Stage(
            anchors=self._anchors(part),
            writers=writers,
            voters=self.voters[split_of(part.phase)],
            phase=part.phase,
            epoch=part.epoch,
            arm=part.arm,
            probes=probes if isinstance(part, Evaluate) and not part.head_to_head else (),
            remembered=self.surveys.remembered,
            seats=seats,
        )
        society = self.societies[part.elsewhere] if part.elsewhere else self.society
        if self.config.world == "networked":
            checkers = all_of(self.probes, {part.elsewhere: probes})
            return NetworkedModel(society, self.journal, stage, self.config.network, checkers)
        return IsolatedModel(society, self.journal, stage)

    def _anchors(self, part: Simulate | Evaluate) -> list[Anchor]:
        if part.elsewhere:
            pool = self.inputs.others[part.elsewhere].anchors
        else:
            pool = self.inputs.anchors.train if part.phase == "train" else self.inputs.anchors.held_out
        return [pool[i % len(pool)] for i in part.anchors]

    def _adapter(self, policy: Policy) -> str:
        """Return the adapter of a policy; empty for the base model."""
        return self.journal.state.adapters[policy.arm] if policy.epoch else ""

    def _step(self, model: Model) -> None:
        self._declare()
        model.step()

    def _survey(self, part: Survey) -> None:
        self._declare()
        self.surveys.hold(part)

    def _answer(self, part: AnswerTasks) -> None:
        self._declare()
        self.tasks.answer(part, self._adapter(part.policy))

    # -- learn ---------------------------------------------------------------------------------------------

    def _learn(self, part: Learn) -> None:
        if isinstance(logged := self.journal.logged(AdapterTrained), AdapterTrained):
            self.journal.emit(logged)
            self._raise_alarm(self._logged_stop(part))
        elif (stopped := self._logged_stop(part)) is not None:  # there is no adapter
            self._raise_alarm(stopped)
        else:
            self._train(part)

    def _end_epoch(self, epoch: int) -> None:
        """Say which adapters there are, those of stopped arms as they were left."""
        adapters = self.journal.state.adapters
        with self.journal.transaction():
            kept = {arm: adapters[arm] for arm in self.inputs.arms if arm in adapters}
            self.journal.emit(EpochEnded(epoch=epoch, adapters=kept))

    def _owned(self, part: Learn) -> Owned | None:
        """Return which messages of the contests are the learner's; None for all."""
        held = next(each for each in self.plan if isinstance(each, Simulate) and each.makes == part.source)
        return own_messages(
            self.inputs.market_of(part.arm), part.arm, held, self._anchors(held), self.config.world, self.config.seed
        )

    def _training_set(self, part: Learn, begun: AdapterTrained | None, owned: Owned | None) -> TrainingSet:
        """Return what an arm learns from in an epoch; as a rendering gives it in a run that was begun so.

        Args:
            begun: the training as the log holds it, where it is made again.
        """
        arm = self.inputs.arms[part.arm]
        return training_set(
            self.journal.log.read(),
            METHODS.get(arm.method).configured(self.inputs.lora[arm.name].for_methods),
            source_arm=part.source.arm,
            epoch=part.epoch,
            arena=self.arena,
            seed=self.config.seed,
            rendered=begun is not None and not begun.as_sampled,
            owned=owned,
        )

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
        return RowsOf(learner, data, self.inputs.lora[learner].max_length) if data.rows else None

    def _train(self, part: Learn) -> None:
        """Learn a new adapter from the contests of the log, or stop an arm whose training diverges, if the settings say so."""
        arm, epoch = part.arm, part.epoch
        method, settings = self.inputs.arms[arm].method, self.inputs.lora[arm]
        owned, begun = self._owned(part), self.journal.recorded(AdapterTrained)
        rows = self._training_set(part, begun, owned)
        if not rows.rows:
            alone = part.source.arm != SHARED  # else there is nothing for any arm
            if alone and (stopped := self.watch.failed(arm, epoch, NO_ROWS)) is not None:
                with self.journal.transaction():
                    self._raise_alarm(stopped)
                return
            raise nothing_to_learn(self.journal.log.read(), part, self.arena, rivals=owned is not None)
        rows = msgspec.structs.replace(rows, rows_of=self._rows_of(part, begun))
        parent = self._adapter(part.parent)
        seed = keyed.seed32(self.config.seed, "learn", epoch)
        lineage = {"arm": arm, "epoch": epoch, "method": method, "run": self.config.id}
        for llm in (self.llm, self.reader):
            if isinstance(llm, Sleeping):
                llm.sleep()
        release()  # before and after: reading a crowd's votes and training each leave hundreds of megabytes
        try:
            trained = self.trainer.train(rows, parent=parent, settings=settings, seed=seed, lineage=lineage)
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
                self.journal.attach(training_measured(arm, epoch, trained.adapter, measured))
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
                    **_brought(trained),
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


def _set(part: Literal["personas", "crowd"], model: ChoiceModel) -> AudienceSet:
    return AudienceSet(part=part, choice_model=as_mapping(model), features=features_digest())
