"""The trainings of a run, carried out against its journal: weights or instructions, from the contests that the log holds by then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from abm.events import AdapterTrained, MessageAudited
from abm.journal import Journal
from abm.llm.port import LLM, Sleeping
from learning.alarms.thresholds import DIVERGED, NO_ROWS
from learning.arms.markets import SHARED
from learning.arms.repeats import training_seed
from learning.methods import collect
from learning.mitigations import Mitigation
from learning.plan.parts import Learn, Plan, Policy
from learning.runs.empty import nothing_to_learn
from learning.runs.equal_trainings import EqualTrainings
from learning.runs.inputs import Inputs
from learning.runs.learning_sets import LearningSets
from learning.runs.members import RunAudiences
from learning.runs.reflections import Reflections
from learning.runs.stops import remaining
from learning.runs.watch import ArmWatch, training_measured
from learning.settings.config import RunConfig
from learning.training.measured import TrainingDiverged
from learning.training.memory import release

if TYPE_CHECKING:
    from learning.training.trainer import Trained, Trainer


class Trainings:
    """The trainings of one run.

    Args:
        config, inputs, journal: of the run, and ``plan``: its parts.
        sets: what its arms learn from.
        trainer: learns weights.
        reflections: learns instructions.
        models: all that write and read, which sleep meanwhile if they can.
        audiences: before which what is proposed is tried.
        watch: the run's alarms.
        adapter_of: policy -> id of its adapter; empty for a model without one.
    """

    def __init__(
        self,
        config: RunConfig,
        inputs: Inputs,
        journal: Journal,
        plan: Plan,
        *,
        sets: LearningSets,
        trainer: Trainer,
        reflections: Reflections,
        models: Sequence[LLM],
        audiences: RunAudiences,
        watch: ArmWatch,
        adapter_of: Callable[[Policy], str],
    ) -> None:
        self._config, self._inputs, self._journal, self._plan = config, inputs, journal, plan
        self._sets, self._reflections, self._models = sets, reflections, models
        self._audiences, self._watch, self._adapter_of = audiences, watch, adapter_of
        self._trainings = EqualTrainings(trainer, {arm.name: arm.model for arm in inputs.arms.values()})

    def _left(self) -> Plan:
        """Return the parts without those of arms that were stopped."""
        return remaining(self._plan, self._watch.stops)

    def carry_out(self, part: Learn) -> None:
        """Learn an adapter, or take up what the log holds of it; an arm may be stopped by it.

        Raises:
            InputError, GateClosed: there is nothing to learn from, and the settings do not say that the arm is stopped then.
            TrainingDiverged: the training has no result, likewise.
        """
        self._audit(part)
        self._reflections.fold()
        if isinstance(logged := self._journal.logged(AdapterTrained), AdapterTrained):
            if self._journal.shares_next:
                self._sets.shared(part, logged)
            self._journal.emit(logged)
            self._watch.record(self._watch.logged_stop(part))
        elif (stopped := self._watch.logged_stop(part)) is not None:  # there is no adapter
            self._watch.record(stopped)
        elif self._reflections.method_of(part.arm) is not None:
            self._reflect(part)
        else:
            self._train(part)

    def _audit(self, part: Learn) -> None:
        """Record what the arm's auditors found of the messages that it could learn from."""
        self._journal.fold_shared(MessageAudited)
        auditing = [each for each in self._sets.mitigations[part.arm] if type(each).audits is not Mitigation.audits]
        if not auditing or self._journal.shares_next:
            return
        contests = collect(self._journal.log.read(), part.source.arm, part.epoch, self._inputs.arena)
        with self._journal.transaction():
            for each in auditing:
                about = {"arm": part.arm, "epoch": part.epoch, "mitigation": each.name}
                for message, found in each.audits(contests, self._config.seed):
                    self._journal.emit(MessageAudited(message=message, found=found, **about))

    def _reflect(self, part: Learn) -> None:
        """Have an arm that learns instructions look back at the contests of the log."""
        owned = self._sets.owned(part)
        seed = training_seed(self._config.seed, part.epoch, self._inputs.arms[part.arm].repeat)
        anchors = [anchor.id for anchor in self._sets.anchors(self._sets.source(part))]
        parent, readers = self._adapter_of(part.parent), self._audiences.source_readers(self._sets.source(part))
        trained = self._reflections.learn(part, owned, anchors, parent=parent, seed=seed, readers=readers)
        if trained is None:
            self._learn_nothing(part, rivals=owned is not None)

    def _learn_nothing(self, part: Learn, *, rivals: bool, mitigated: Mapping[str, int] = MappingProxyType({})) -> None:
        """Stop an arm that has nothing to learn from, if the settings say so.

        Raises:
            InputError, GateClosed: they do not, or no arm has.
        """
        alone = part.source.arm != SHARED or mitigated  # else there is nothing for any arm
        if not alone or (stopped := self._watch.failed(part.arm, part.epoch, NO_ROWS)) is None:
            raise nothing_to_learn(
                self._journal.log.read(), part, self._inputs.arena, rivals=rivals, mitigated=mitigated
            )
        with self._journal.transaction():
            self._watch.record(stopped)

    def _train(self, part: Learn) -> None:
        """Learn a new adapter from the contests of the log, or stop an arm whose training diverges, if the settings say so."""
        arm, epoch = part.arm, part.epoch
        method, settings = self._inputs.arms[arm].method, self._inputs.lora[arm]
        owned, begun = self._sets.owned(part), self._journal.recorded(AdapterTrained)
        rows = self._sets.training_set(part, begun, owned)
        if not rows.rows:
            self._learn_nothing(part, rivals=owned is not None, mitigated=rows.mitigated)
            return
        rows = msgspec.structs.replace(rows, rows_of=self._sets.rows_of(part, begun, self._left()))
        parent = self._adapter_of(part.parent)
        seed = training_seed(self._config.seed, epoch, self._inputs.arms[arm].repeat)
        lineage: dict[str, Any] = {"arm": arm, "epoch": epoch, "method": method, "run": self._config.id}
        if mitigations := self._inputs.arms[arm].mitigations:
            lineage["mitigations"] = {name: dict(own) for name, own in mitigations.items()}
        for llm in self._models:
            if isinstance(llm, Sleeping):
                llm.sleep()
        release()  # before and after: reading a crowd's votes and training each leave hundreds of megabytes
        try:
            how: dict[str, Any] = {"parent": parent, "settings": settings, "seed": seed, "lineage": lineage}
            trained, same_as = self._trainings.train(rows, **how, again=begun is not None)
        except TrainingDiverged as error:
            if (stopped := self._watch.failed(arm, epoch, DIVERGED)) is None:
                raise
            with self._journal.transaction():
                if error.measured:
                    self._journal.attach(training_measured(arm, epoch, "", error.measured))
                self._watch.record(stopped)
            return
        release()
        measured = trained.measured
        alarm = self._watch.training(arm, epoch, (trained.loss_before, trained.loss_after), measured)
        with self._journal.transaction():
            if measured:
                self._journal.attach(training_measured(arm, epoch, trained.adapter, measured, same_as))
            self._journal.emit(
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
                    repeat_of=self._inputs.arms[arm].repeat_of,
                    repeat=self._inputs.arms[arm].repeat,
                )
            )
            self._watch.record(alarm)


def _brought(trained: Trained) -> dict[str, Any]:
    """Return what is recorded of a training set that was brought to another arm's number of rows."""
    before = trained.rows_before
    return {"rows_of": before.arm, "own_rows": before.rows, "own_units": before.units} if before else {}
