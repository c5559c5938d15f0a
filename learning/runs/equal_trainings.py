"""Equal trainings of a run are carried out once: from the same rows, the same adapter, settings and seed comes the same adapter.

In a twinned market half of the first epoch's trainings are equal: the rival in an own twin's market learns the same rows as the rival itself. What is decided
does not depend on it; of which arm's training a result is, the log says beside it (``training_measured.same_as``). Knows no log; what an
earlier process trained is not known here, and is trained again where it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from learning.methods import TrainingSet
from learning.training.settings import LoraSettings
from moloch.content import content_id

if TYPE_CHECKING:
    from learning.training.trainer import Trained, Trainer


class Carried(NamedTuple):
    """A training's result, and the arm for which an equal one was carried out before; empty where it was carried out itself."""

    trained: Trained
    same_as: str = ""


class EqualTrainings:
    """The trainings of this process.

    Args:
        trainer: carries them out.
        models: arm -> the base model on which it stands.
    """

    def __init__(self, trainer: Trainer, models: Mapping[str, str]) -> None:
        self._trainer, self._models = trainer, models
        self._done: dict[str, tuple[str, Trained]] = {}

    def train(
        self,
        data: TrainingSet,
        *,
        parent: str,
        settings: LoraSettings,
        seed: int,
        lineage: dict[str, Any],
        again: bool = False,
    ) -> Carried:
        """Learn as :class:`learning.training.trainer.Trainer` does, or return what an equal training gave.

        Args:
            again: carry it out in any case: a replay holds each training against its own record.
        """
        key = _key(data, parent, settings, seed, self._models.get(str(lineage["arm"]), ""))
        if not again and (done := self._done.get(key)) is not None:
            return Carried(done[1], done[0])
        trained = self._trainer.train(data, parent=parent, settings=settings, seed=seed, lineage=lineage)
        self._done[key] = str(lineage["arm"]), trained
        return Carried(trained)


def _key(data: TrainingSet, parent: str, settings: LoraSettings, seed: int, model: str) -> str:
    """Return a name of all that decides a training; a digest of rows is of their texts, weights and events."""
    of = data.rows_of
    if of is not None and (of.data.digest, of.data.apart, of.max_length) == (
        data.digest,
        data.apart,
        settings.max_length,
    ):
        of = None  # a set that is brought to its own number of rows stays as it is
    brought = [of.arm, of.data.digest, of.data.apart, of.max_length] if of is not None else []
    how = [
        data.digest,
        data.as_sampled,
        data.loss,
        msgspec.to_builtins((data.options, data.terms)),
        data.apart,
        brought,
    ]
    return content_id([*how, model, parent, msgspec.to_builtins(settings), seed])
