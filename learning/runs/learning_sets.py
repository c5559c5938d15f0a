"""What the arms of a run learn from: functions of its log, its plan and its settings. Carries nothing out."""

from __future__ import annotations

from functools import cached_property

import msgspec

from abm.arenas.anchors import Anchor
from abm.events import AdapterTrained
from abm.journal import Journal
from learning.arms.arm import Arm
from learning.arms.repeats import picking_seed
from learning.methods import METHODS, Owned, RowsOf, TrainingSet, training_set
from learning.mitigations import Mitigation
from learning.plan.parts import Evaluate, Learn, Plan, Policy, Simulate
from learning.runs.before_fork import arms_before
from learning.runs.inputs import Inputs
from learning.runs.owners import own_messages
from learning.runs.rounds import Remembering
from learning.settings.config import RunConfig
from learning.settings.mitigated import of_arms
from learning.training.settings import LoraSettings


class LearningSets:
    """The training sets of one run.

    Args:
        config, inputs, journal: of the run.
        plan: its parts.

    Attributes:
        mitigations: arm -> what it does against misbehaviour in what it learns.
    """

    def __init__(self, config: RunConfig, inputs: Inputs, journal: Journal, plan: Plan) -> None:
        self._config, self._inputs, self._journal, self._plan = config, inputs, journal, plan
        self._trained: dict[Policy, AdapterTrained] = {}  # before a fork, maybe by other settings
        self.mitigations = of_arms(inputs.arms)

    def shared(self, part: Learn, trained: AdapterTrained) -> None:
        """Note a training that was carried out before a fork."""
        self._trained[part.makes] = trained

    def anchors(self, part: Simulate | Evaluate) -> list[Anchor]:
        """Return what a part's contests are about, in order."""
        if part.elsewhere:
            pool = self._inputs.other_arenas[part.elsewhere].anchors
        else:
            pool = self._inputs.anchors.train if part.phase == "train" else self._inputs.anchors.held_out
        return [pool[i % len(pool)] for i in part.anchors]

    def source(self, part: Learn) -> Simulate:
        """Return the contests that a training learns from."""
        return next(each for each in self._plan if isinstance(each, Simulate) and each.makes == part.source)

    def owned(self, part: Learn) -> Owned | None:
        """Return which messages of the contests are the learner's; None for all."""
        return self._own_in(part.arm, self.source(part))

    def _own_in(self, arm: str, held: Simulate) -> Owned | None:
        """Return which messages of a society's contests are an arm's; None for all."""
        market, anchors = self._inputs.market_of(arm), self.anchors(held)
        return own_messages(market, arm, held, anchors, self._config.world, self._config.seed)

    def remembering(self) -> dict[str, Remembering]:
        """Return the arms that remember past rounds: those of the societies from which they learn."""
        sources = {(part.arm, part.source): self.source(part) for part in self._plan if isinstance(part, Learn)}
        return {
            name: Remembering(
                arm.memory, {of: self._own_in(name, held) for (each, of), held in sources.items() if each == name}
            )
            for name, arm in self._inputs.arms.items()
            if arm.memory is not None
        }

    def training_set(self, part: Learn, begun: AdapterTrained | None, owned: Owned | None) -> TrainingSet:
        """Return what an arm learns from in an epoch; as a rendering gives it in a run that was begun so.

        Args:
            begun: the training as the log holds it, where it is made again.
        """
        method, settings, mitigations = self.learnt_by(part)
        return training_set(
            self._journal.log.read(),
            METHODS.get(method).configured(settings.for_methods),
            source_arm=part.source.arm,
            epoch=part.epoch,
            arena=self._inputs.arena,
            seed=picking_seed(self._config.seed, self._inputs.arms[part.arm].repeat),
            rendered=begun is not None and not begun.as_sampled,
            owned=owned,
            mitigations=mitigations,
            learner=part.arm,
        )

    def learnt_by(self, part: Learn) -> tuple[str, LoraSettings, list[Mitigation]]:
        """Return the method, the settings and the mitigations by which an arm learns in an epoch; those that it had, where that was
        before a fork."""
        if (shared := self._trained.get(part.makes)) is not None and shared.kind == "weights":
            settings = msgspec.convert(shared.settings, LoraSettings)
            return shared.method, settings, of_arms(self._before_fork)[part.arm]
        return self._inputs.arms[part.arm].method, self._inputs.lora[part.arm], self.mitigations[part.arm]

    @cached_property
    def _before_fork(self) -> dict[str, Arm]:
        return arms_before(self._journal.log)

    def rows_of(self, part: Learn, begun: AdapterTrained | None, left: Plan) -> RowsOf | None:
        """Return what the learner learns to whose number of rows an arm is brought; None without one, and where a training that is
        made again was not.

        Args:
            left: the parts of the plan without those of learners that were stopped before.
        """
        learner = self._inputs.arms[part.arm].rows_of
        if not learner or (begun is not None and not begun.rows_of):
            return None
        trained = (each for each in left if isinstance(each, Learn) and each.epoch == part.epoch)
        other = next((each for each in trained if each.arm == learner), None)
        if other is None:
            return None
        data = self.training_set(other, None, self.owned(other))  # with equal rows, what was sampled is learnt
        return RowsOf(learner, data, self.learnt_by(other)[1].max_length) if data.rows else None
