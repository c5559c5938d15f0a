"""The trainers of a run whose arms stand on several base models: each arm's adapters are learnt on its own. Knows no weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from learning.methods import TrainingSet
    from learning.training.settings import LoraSettings
    from learning.training.trainer import Trained, Trainer


class TrainersByArm:
    """A :class:`~learning.training.trainer.Trainer` that hands each arm's training to the trainer of its base model.

    Args:
        usual: of the run's model, and ``others``: arm -> trainer, for those that stand on another one.
    """

    def __init__(self, usual: Trainer, others: Mapping[str, Trainer]) -> None:
        self._usual, self._others = usual, others

    def train(
        self, data: TrainingSet, *, parent: str, settings: LoraSettings, seed: int, lineage: dict[str, Any]
    ) -> Trained:
        """Learn an adapter for the arm that ``lineage`` names."""
        trainer = self._others.get(str(lineage["arm"]), self._usual)
        return trainer.train(data, parent=parent, settings=settings, seed=seed, lineage=lineage)
