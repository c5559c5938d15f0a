"""The trainer: TRL's SFTTrainer on a PEFT LoRA, from a training set to an adapter on disk.

A step holds ``batch`` trajectories, each with the thoughts that belong to it, so that every method takes equally many
steps on the same contests in the same order. The loss is in :mod:`learning.examples`. Knows nothing of logs; imports
no data frame library, and torch only when it trains.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Sequence
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from abm.errors import InputError, MolochError
from learning.adapters import load_adapter, save_adapter
from learning.examples import Unit, examples, mean_loss, step_losses
from learning.lora import LoraSettings
from learning.training_set import TrainingSet

if TYPE_CHECKING:
    import torch
    from peft import PeftModel


class Trained(msgspec.Struct, frozen=True):
    """What a training did.

    Attributes:
        adapter: id of the adapter.
        rows: examples that were learnt from, before they were repeated.
        over_long: examples refused for their length, and thoughts left out with their contest's trajectory.
        tokens: tokens that carried loss, over all steps; ``steps``: optimiser steps.
        loss_before, loss_after: mean negative log-likelihood per completion token over the trajectories, without dropout.
    """

    adapter: str
    rows: int
    over_long: int
    tokens: int
    steps: int
    loss_before: float
    loss_after: float


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
            InputError: there is no example, every example is over-long, or ``parent`` was learnt with another rank,
                alpha or targets.
            MolochError: the loss is not finite; no adapter is written.
        """
        import torch

        from abm.llm.transformers_backend import SMALL, torch_threads

        fit = examples(data, self.tokenizer, settings.max_length)
        if not fit.units:
            raise _nothing(data, fit.over_long, settings)
        _quiet()
        model = self._model(parent, settings, seed)
        with torch_threads(1 if model.num_parameters() < SMALL else torch.get_num_threads()):
            before = mean_loss(model.get_base_model(), fit.trajectories, settings.tokens_per_pass)
            steps = self._fit(model, fit.units, settings, seed)
            after = mean_loss(model.get_base_model(), fit.trajectories, settings.tokens_per_pass)
        _finite(after, "after training", settings)
        facts = {"model_digest": self.base_digest, "parent": parent, "data": data.digest, "data_range": list(data.data_range),
                 "seed": seed, "settings": msgspec.to_builtins(settings), "versions": _versions(), **lineage}  # fmt: skip
        return Trained(
            adapter=save_adapter(self._adapters, *_adapter_of(model), facts),
            rows=sum(map(len, fit.units)),
            over_long=fit.over_long + fit.orphaned,
            tokens=settings.repeat * sum(row.learnt for unit in fit.units for row in unit),
            steps=steps,
            loss_before=round(before, 6),
            loss_after=round(after, 6),
        )

    def _model(self, parent: str, settings: LoraSettings, seed: int) -> PeftModel:
        """Return the base model with a fresh LoRA, or with the parent's to go on from."""
        import torch
        from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
        from transformers import AutoModelForCausalLM

        dtype = torch.bfloat16 if settings.precision == "bf16" else torch.float32
        base = AutoModelForCausalLM.from_pretrained(
            self._folder, local_files_only=True, use_safetensors=True, dtype=dtype
        )
        config = LoraConfig(
            r=settings.rank, lora_alpha=settings.alpha, lora_dropout=settings.dropout, target_modules=list(settings.targets),
            task_type="CAUSAL_LM", bias="none",
        )  # fmt: skip
        torch.manual_seed(seed)
        model = get_peft_model(base, config)
        if parent:
            tensors, learnt = load_adapter(self._adapters, parent)
            wanted = {"r": settings.rank, "lora_alpha": settings.alpha, "target_modules": sorted(settings.targets)}
            if differs := [
                f"{key} {learnt.get(key)}, not {value}" for key, value in wanted.items() if learnt.get(key) != value
            ]:
                raise InputError("the parent adapter has other settings", where=parent, why="; ".join(differs),
                                 mend="Go on with the settings that it was learnt with.")  # fmt: skip
            set_peft_model_state_dict(model, tensors)
        return model  # type: ignore[return-value]

    def _fit(self, model: PeftModel, units: Sequence[Unit], settings: LoraSettings, seed: int) -> int:
        """Train ``model`` in place and return the optimiser steps."""
        import torch
        from datasets import Dataset
        from transformers import PrinterCallback
        from trl.trainer.sft_config import SFTConfig

        repeated = list(range(len(units))) * settings.repeat
        steps = math.ceil(len(repeated) / settings.batch)
        warmup = min(round(settings.warmup * steps), steps - 1)  # steps of a warm-up begin at rate 0: never all of them
        with tempfile.TemporaryDirectory() as scratch:
            arguments = SFTConfig(
                output_dir=scratch,
                per_device_train_batch_size=settings.batch,
                num_train_epochs=1,
                learning_rate=settings.lr,
                lr_scheduler_type="cosine_with_min_lr",
                lr_scheduler_kwargs={"min_lr_rate": settings.final_lr},
                warmup_steps=warmup,
                bf16=False,  # the base model has its precision already
                use_cpu=not torch.cuda.is_available(),
                gradient_checkpointing=settings.checkpointing,
                gradient_checkpointing_kwargs={"use_reentrant": False},
                max_length=None,
                seed=seed,
                data_seed=seed,
                save_strategy="no",
                logging_strategy="no",
                report_to="none",
                disable_tqdm=True,
                remove_unused_columns=False,
                dataset_kwargs={"skip_prepare_dataset": True},
                dataloader_pin_memory=False,
            )
            arguments._n_gpu = min(arguments.n_gpu, 1)  # more would multiply the batch, and with it the method
            trainer = _unit_trainer()(
                model, units, settings, args=arguments, train_dataset=Dataset.from_dict({"unit": repeated}),
                data_collator=lambda picked: {"unit": [item["unit"] for item in picked]}, processing_class=self.tokenizer,
            )  # fmt: skip
            trainer.remove_callback(PrinterCallback)
            trainer.train()
        return trainer.state.global_step


def _unit_trainer() -> type:
    from trl.trainer.sft_trainer import SFTTrainer

    class UnitTrainer(SFTTrainer):
        """SFTTrainer whose batches are numbers of units, and whose loss is that of :mod:`learning.examples`."""

        def __init__(self, model: PeftModel, units: Sequence[Unit], settings: LoraSettings, **arguments: Any) -> None:
            self._peft, self._units, self._settings = model, units, settings
            super().__init__(model=model, **arguments)

        def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
            import torch

            self._peft.train()
            rows = [row for unit in inputs["unit"] for row in self._units[unit]]
            total = torch.zeros((), device=self._peft.device)
            for loss in step_losses(self._peft.get_base_model(), rows, self._settings.tokens_per_pass):
                self.accelerator.backward(loss)
                total += loss.detach()
            _finite(float(total), f"at step {self.state.global_step + 1}", self._settings)
            return total

    return UnitTrainer


def _finite(loss: float, when: str, settings: LoraSettings) -> None:
    if not math.isfinite(loss):
        raise MolochError(
            "training diverged", why=f"the loss is {loss} {when}", mend=f"Lower lora.lr, now {settings.lr:g}."
        )


def _nothing(data: TrainingSet, over_long: int, settings: LoraSettings) -> InputError:
    if not over_long:
        return InputError("nothing to learn from", why=f"the training set has no trajectory: {data.counts}")
    return InputError(
        "every trajectory is too long to learn from",
        why=f"{over_long} examples are longer than {settings.max_length} tokens; nothing is cut in silence",
        mend="Raise lora.max_length or use shorter anchors.",
    )


def _quiet() -> None:
    """Keep the libraries' progress bars and advice out of the run's own progress."""
    from transformers.utils import logging as transformers_logging

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()


def _adapter_of(model: PeftModel) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return the adapter's tensors and the part of PEFT's configuration that is plain data."""
    from peft import get_peft_model_state_dict

    tensors = {name: tensor.detach().cpu() for name, tensor in get_peft_model_state_dict(model).items()}
    config = model.peft_config["default"].to_dict()
    config["target_modules"] = sorted(config["target_modules"])
    config["inference_mode"], config["base_model_name_or_path"] = True, None
    plain = {key: getattr(value, "value", value) for key, value in config.items()}
    return tensors, {
        key: value for key, value in plain.items() if isinstance(value, str | int | float | bool | list | None)
    }


def _versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in ("torch", "transformers", "peft", "trl")}
