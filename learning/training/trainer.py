"""The trainer: from a training set to a LoRA adapter on disk.

Turns rows into tokens and a job, which is carried out here or in processes of its own. Knows nothing of logs or methods;
imports no data frame library, and torch only when it trains.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import msgspec

from learning.methods import RowsOf, TrainingSet
from learning.training._job import Job, Trained, learn
from learning.training._launch import learn_in_processes
from learning.training.equal_rows import RowsBefore, equal_rows, rows_of
from learning.training.examples import Examples, examples
from learning.training.settings import LoraSettings
from moloch.content import content_id
from moloch.errors import InputError
from moloch.registry import Registry

__all__ = ["TRAINERS", "LoRATrainer", "Trained", "Trainer", "nothing"]


class Trainer(Protocol):
    """Learns an adapter from a training set."""

    def train(
        self, data: TrainingSet, *, parent: str, settings: LoraSettings, seed: int, lineage: dict[str, Any]
    ) -> Trained:
        """Learn from ``data``, starting from the adapter ``parent`` or from the base model, and keep the new adapter.

        Args:
            data: rows, and the loss that they are learnt with; where it names a learner (``rows_of``), as many of them are learnt
                as that learner learns.
            parent: adapter id; empty for the base model.
            seed: of the adapter's first weights, the order of contests and dropout.
            lineage: facts about the training that are kept beside the adapter.
        """
        ...


class LoRATrainer:
    """Trains a PEFT LoRA; the same settings, data and seed give the same tensors on one machine.

    Args:
        model: ``"pocket"`` or a model's folder.
        adapters: folder that adapters are read from and written to.
    """

    def __init__(self, model: str, adapters: Path) -> None:
        from abm.llm.folders import model_folder, name_for_others

        self._folder, self._adapters = model_folder(model), adapters
        self._base = name_for_others(model)
        self._before: dict[str, float] = {}  # what is learnt, and how -> its loss by the base model

    @cached_property
    def base_digest(self) -> str:
        """SHA-256 of the base model, as its backend states it."""
        from abm.llm.weights import model_digest

        return model_digest(self._folder)

    @cached_property
    def tokenizer(self) -> Any:
        """The model's tokenizer."""
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self._folder, local_files_only=True)

    def train(
        self, data: TrainingSet, *, parent: str, settings: LoraSettings, seed: int, lineage: dict[str, Any]
    ) -> Trained:
        """Learn an adapter; see :class:`Trainer`.

        Raises:
            InputError: there is no example, every example is over-long, the loss cannot be imported, ``parent`` was
                learnt with another rank, alpha or targets, or the settings ask for what this machine does not have.
            CorruptLog: the files of ``parent``, or of an adapter that is there already, are not what their name says.
            MolochError: the loss is not finite, or memory does not suffice; no adapter is written.
        """
        fitting = examples(data, self.tokenizer, settings.max_length)
        if not fitting.trajectories:
            raise nothing(data, fitting.over_long, settings)
        fitting, before = self._brought(fitting, data.rows_of, seed)
        facts = {
            "model_digest": self.base_digest,
            "parent": parent,
            "data": data.digest,
            "data_range": list(data.data_range),
            "loss": data.loss,
            "seed": seed,
            "settings": msgspec.to_builtins(settings),
        } | ({"rows_before": msgspec.to_builtins(before)} if before else {})
        if data.terms:
            facts["terms"] = msgspec.to_builtins(data.terms)
        job = Job(
            model=str(self._folder),
            base=self._base,
            adapters=str(self._adapters),
            parent=parent,
            settings=settings,
            seed=seed,
            examples=fitting,
            loss=data.loss,
            options=data.options,
            terms=data.terms,
            facts=facts | lineage,
        )
        rows = "" if parent else content_id([facts["settings"], [[row.ids, row.start] for row in fitting.trajectories]])
        job = msgspec.structs.replace(job, before=self._before.get(rows))
        trained = learn(job) if settings.processes == 1 else learn_in_processes(job)
        if rows:
            self._before[rows] = trained.loss_before
        return msgspec.structs.replace(trained, rows_before=before)

    def _brought(self, fitting: Examples, learner: RowsOf | None, seed: int) -> tuple[Examples, RowsBefore | None]:
        """Return what is learnt from, brought to a learner's number of rows, and what it was before where that changed it."""
        if learner is None:
            return fitting, None
        others = examples(learner.data, self.tokenizer, learner.max_length)
        brought = equal_rows(fitting, others, seed) if others.trajectories else fitting
        if brought.units == fitting.units:
            return fitting, None
        return brought, RowsBefore(learner.arm, rows_of(fitting.units), len(fitting.units))


TRAINERS: Registry[Callable[[str, Path], Trainer]] = Registry("trainer")
"""Model -> what learns its adapters, of models that are not learnt with LoRA: called with the model's name and the folder of adapters."""


def nothing(data: TrainingSet, over_long: int, settings: LoraSettings) -> InputError:
    """Return the error for a training set of which nothing can be learnt."""
    if not over_long:
        return InputError("nothing to learn from", why=f"the training set has no trajectory: {data.counts}")
    return InputError(
        "every trajectory is too long to learn from",
        why=f"{over_long} examples are longer than {settings.max_length} tokens; nothing is cut without notice",
        fix="Raise lora.max_length or use shorter anchors.",
    )
