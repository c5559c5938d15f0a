"""The trainer: a PEFT LoRA from a training set to an adapter on disk, with TRL's trainer where TRL is installed.

Makes tokens and the job of them; how it is carried out is in :mod:`learning.training`. Knows nothing of logs; imports
no data frame library, and torch only when it trains.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import msgspec

from learning.methods.sets import TrainingSet
from learning.training.examples import examples
from learning.training.job import Job, Trained, learn
from learning.training.launch import learn_in_processes
from learning.training.settings import LoraSettings
from moloch.errors import InputError

__all__ = ["TRLTrainer", "Trained", "Trainer"]


class Trainer(Protocol):
    """Learns an adapter from a training set."""

    def train(
        self, data: TrainingSet, *, parent: str, settings: LoraSettings, seed: int, lineage: dict[str, Any]
    ) -> Trained:
        """Learn from ``data``, from the adapter ``parent`` or from the base model, and keep the new adapter."""
        ...


class TRLTrainer:
    """Trains with TRL on PEFT; the same settings, data and seed give the same tensors on one machine.

    Args:
        model: ``"pocket"`` or a model's folder.
        adapters: folder that adapters are read from and written to.
    """

    def __init__(self, model: str, adapters: Path) -> None:
        from abm.llm.folders import model_folder

        self._folder, self._adapters = model_folder(model), adapters

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
            InputError: there is no example, every example is over-long, ``parent`` was learnt with another rank, alpha
                or targets, or the settings ask for what this machine does not have.
            MolochError: the loss is not finite, or memory does not suffice; no adapter is written.
        """
        fit = examples(data, self.tokenizer, settings.max_length)
        if not fit.units:
            raise _nothing(data, fit.over_long, settings)
        facts = {"model_digest": self.base_digest, "parent": parent, "data": data.digest, "data_range": list(data.data_range),
                 "seed": seed, "settings": msgspec.to_builtins(settings), **lineage}  # fmt: skip
        job = Job(str(self._folder), str(self._adapters), parent, settings, seed, fit, facts)
        return learn(job) if settings.processes == 1 else learn_in_processes(job)


def _nothing(data: TrainingSet, over_long: int, settings: LoraSettings) -> InputError:
    if not over_long:
        return InputError("nothing to learn from", why=f"the training set has no trajectory: {data.counts}")
    return InputError(
        "every trajectory is too long to learn from",
        why=f"{over_long} examples are longer than {settings.max_length} tokens; nothing is cut in silence",
        fix="Raise lora.max_length or use shorter anchors.",
    )
