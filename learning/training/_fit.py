"""The optimiser's steps: TRL's SFTTrainer on a PEFT LoRA, or, where TRL is not installed, transformers' Trainer under it.

TRL's trainer is a subclass that adds data preparation and losses; ours come from the caller, so that both give the same
tensors (docs/decisions/0022-methods.md). A step holds ``batch`` units, each with everything that belongs to its contest,
so that every method takes equally many steps on the same contests in the same order. Knows no method and no loss.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from learning.training._ranks import Ranks
from learning.training.examples import Unit
from learning.training.hardware import checkpoints
from learning.training.measured import StepMeasures, TrainingDiverged
from learning.training.settings import LoraSettings

if TYPE_CHECKING:
    import torch
    from peft import PeftModel


StepLoss = Callable[[Sequence[Unit]], Iterator["torch.Tensor"]]
"""Units of a step -> the parts of the step's loss that this process computes."""


def fit(
    model: PeftModel,
    units: Sequence[Unit],
    loss: StepLoss,
    settings: LoraSettings,
    seed: int,
    ranks: Ranks,
    tokenizer: Any,
    measures: StepMeasures,
) -> int:
    """Train ``model`` in place and return the number of optimiser steps.

    Args:
        measures: takes what is measured at each step.

    Raises:
        TrainingDiverged: the loss is not finite.
    """
    from transformers import PrinterCallback

    order = list(range(len(units))) * settings.repeat
    longest = max(len(row.ids) for unit in units for row in unit)
    with tempfile.TemporaryDirectory() as scratch:
        trainer = _unit_trainer()(
            model,
            lambda numbers: loss([units[number] for number in numbers]),
            settings,
            ranks,
            measures,
            args=_arguments(settings, len(order), seed, scratch, checkpoints(settings, model, longest)),
            train_dataset=_dataset(order),
            processing_class=tokenizer,
            data_collator=lambda picked: {"unit": [item["unit"] for item in picked]},
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return trainer.state.global_step


def with_trl() -> bool:
    """Return whether TRL's trainer is installed."""
    return find_spec("trl") is not None and find_spec("datasets") is not None


def _dataset(order: list[int]) -> Any:
    """Return the numbers of the units in the form that the library's trainer takes."""
    if not with_trl():
        return [{"unit": unit} for unit in order]
    from datasets import Dataset

    return Dataset.from_dict({"unit": order})


def _arguments(settings: LoraSettings, rows: int, seed: int, scratch: str, recompute: bool) -> Any:
    """Return the settings as the library wants them."""
    import torch

    steps = math.ceil(rows / settings.batch)
    warmup = min(round(settings.warmup * steps), steps - 1)  # steps of a warm-up begin at rate 0: never all of them
    common: dict[str, Any] = {
        "output_dir": scratch,
        "per_device_train_batch_size": settings.batch,
        "num_train_epochs": 1,
        "learning_rate": settings.lr,
        "lr_scheduler_type": "cosine_with_min_lr",
        "lr_scheduler_kwargs": {"min_lr_rate": settings.final_lr},
        "warmup_steps": warmup,
        "bf16": False,  # the base model has its precision already
        "use_cpu": not torch.cuda.is_available(),
        "gradient_checkpointing": recompute,
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
        "seed": seed,
        "data_seed": seed,
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "dataloader_pin_memory": False,
    }
    if with_trl():
        from trl.trainer.sft_config import SFTConfig

        arguments = SFTConfig(**common, max_length=None, dataset_kwargs={"skip_prepare_dataset": True})
    else:
        from transformers import TrainingArguments

        arguments = TrainingArguments(**common)
    arguments._n_gpu = min(arguments.n_gpu, 1)  # more would multiply the batch, and with it the method
    return arguments


def _unit_trainer() -> Any:
    import torch

    if with_trl():
        from huggingface_hub import constants
        from trl.trainer.sft_trainer import SFTTrainer as Base

        constants.HF_HUB_DISABLE_TELEMETRY = True  # TRL would report every training to its makers
    else:
        from transformers import Trainer as Base  # type: ignore[assignment]

    class UnitTrainer(Base):  # type: ignore[misc, valid-type]
        """A trainer whose batches are numbers of units, and whose loss is ``loss(numbers)``."""

        def __init__(
            self,
            model: PeftModel,
            loss: Callable[[Sequence[int]], Iterator[torch.Tensor]],
            settings: LoraSettings,
            ranks: Ranks,
            measures: StepMeasures,
            **arguments: Any,
        ) -> None:
            self._peft, self._loss, self._settings, self._ranks = model, loss, settings, ranks
            self._measures = measures
            super().__init__(model=model, **arguments)
            self._weights = [weight for weight in model.parameters() if weight.requires_grad]
            for weight in self._weights:
                weight.data = weight.data.float()  # TRL makes the adapter of a quantised base bfloat16

        def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
            self._peft.train()
            if self._ranks.rank and not self.state.global_step:
                torch.manual_seed(self.args.seed + self._ranks.rank)  # each process has its own dropout
            total = torch.zeros((), device=self._peft.device)
            for part in self._loss(inputs["unit"]):
                self.accelerator.backward(part)
                total += part.detach()
            self._ranks.add_gradients(self._weights)
            over_all = self._ranks.total(float(total), total.device)
            rate = self.optimizer.param_groups[0]["lr"]  # type: ignore[union-attr]
            self._measures.add(over_all, gradient_norm(self._weights), float(rate))
            finite(over_all, f"at step {self.state.global_step + 1}", self._settings)
            return total

    return UnitTrainer


def gradient_norm(weights: Sequence[torch.nn.Parameter]) -> float:
    """Return the Euclidean norm of all gradients together."""
    import torch

    norms = [weight.grad.detach().norm() for weight in weights if weight.grad is not None]
    return float(torch.stack(norms).norm()) if norms else 0.0


def finite(loss: float, when: str, settings: LoraSettings) -> None:
    """Raise :class:`TrainingDiverged` unless the loss is a number."""
    if not math.isfinite(loss):
        raise TrainingDiverged(
            "training diverged", why=f"the loss is {loss} {when}", fix=f"Lower lora.lr, now {settings.lr:g}."
        )


def quiet() -> None:
    """Keep the libraries' progress bars and advice out of the run's own progress."""
    from transformers.utils import logging as transformers_logging

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
