"""The trainer: TRL's SFTTrainer on a PEFT LoRA, from a training set to an adapter on disk.

Loss of one optimiser step, with w_r the row's weight and NLL_r its mean loss per completion token:

    L = sum_r w_r * NLL_r / (number of trajectories in the step)

A step holds ``batch`` trajectories, each with the thoughts that belong to it, so that every method takes equally many
steps on the same contests. Prompts carry no loss. Over-long examples are refused and counted, never cut. Knows
nothing of logs; imports no data frame library.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from abm.arenas import Message
from abm.errors import InputError, MolochError
from abm.llm.transformers_backend import model_folder
from abm.llm.weights import tensors_digest
from learning.adapters import load_adapter, save_adapter
from learning.lora import LoraSettings
from learning.training_set import Row, TrainingSet

if TYPE_CHECKING:
    import torch
    from peft import PeftModel


class Trained(msgspec.Struct, frozen=True):
    """What a training did.

    Attributes:
        adapter: id of the adapter, or of its parent's copy where nothing could be learnt.
        tokens: tokens that carried loss, over all steps; ``steps``: optimiser steps.
        loss_before, loss_after: mean NLL per token over the trajectories, without dropout.
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


class _Encoded(msgspec.Struct):
    """One row as tokens; the loss begins at ``start``."""

    ids: list[int]
    start: int
    weight: float
    kind: str


class TRLTrainer:
    """Trains with TRL on PEFT; the same settings, data and seed give the same tensors on one machine.

    Args:
        model: ``"pocket"`` or a model's folder.
        adapters: folder that adapters are read from and written to.
    """

    def __init__(self, model: str, adapters: Path) -> None:
        self._folder, self._adapters = model_folder(model), adapters

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
            InputError: every example is over-long.
            MolochError: the loss is not finite; no adapter is written.
        """
        units, over_long = self._units(data, settings)
        if not units:
            raise InputError("every example is too long to learn from", why=f"{over_long} are longer than {settings.max_length} tokens",
                             mend="Raise lora.max_length or use shorter anchors.")  # fmt: skip
        model = self._model(parent, settings, seed)
        trajectories = [row for unit in units for row in unit if row.kind == "trajectory"]
        before = self._mean_loss(model, trajectories, settings.batch)
        steps = self._fit(model, units, settings, seed)
        after = self._mean_loss(model, trajectories, settings.batch)
        if not (math.isfinite(before) and math.isfinite(after)):
            raise MolochError(
                "training diverged", why=f"loss {before:.3g} before, {after:.3g} after", mend="Lower lora.lr."
            )
        tokens = settings.repeat * sum(len(row.ids) - row.start for unit in units for row in unit)
        facts = {"model": tensors_digest(_base_tensors(model)), "parent": parent, "data": data.digest, "seed": seed,
                 "data_range": list(data.data_range), "settings": msgspec.to_builtins(settings), **lineage}  # fmt: skip
        name = save_adapter(self._adapters, *_adapter_of(model), facts)
        return Trained(name, sum(map(len, units)), over_long, tokens, steps, round(before, 6), round(after, 6))

    # -- data ----------------------------------------------------------------------------------------------

    def _units(self, data: TrainingSet, settings: LoraSettings) -> tuple[list[list[_Encoded]], int]:
        """Return the rows of each contest together, the trajectory first, and how many rows were over-long."""
        units: dict[str, list[_Encoded]] = {}
        over_long = 0
        for row in sorted(data.rows, key=lambda row: row.kind == "thought"):
            encoded = self.encode(row)
            if len(encoded.ids) > settings.max_length:
                over_long += 1
            elif row.kind == "trajectory":
                units[row.contest] = [encoded]
            elif row.contest in units:
                units[row.contest].append(encoded)
        return list(units.values()), over_long

    def encode(self, row: Row) -> _Encoded:
        """Return a row's tokens: the chat template applied once, then the completion and the end token."""
        prompt = self.render(row.prompt)
        head = self.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        tail = self.tokenizer(row.completion, add_special_tokens=False)["input_ids"]
        return _Encoded([*head, *tail, self.tokenizer.eos_token_id], len(head), row.weight, row.kind)

    def render(self, prompt: list[Message]) -> str:
        """Return the prompt's text, as generation renders it."""
        return self.tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)

    def _collate(self, units: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Return the rows of some units, padded on the right."""
        import torch

        rows = [row for unit in units for row in unit["rows"]]
        longest = max(len(row["ids"]) for row in rows)
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else self.tokenizer.eos_token_id
        batch = {
            "input_ids": torch.full((len(rows), longest), pad),
            "attention_mask": torch.zeros((len(rows), longest), dtype=torch.long),
            "labels": torch.full((len(rows), longest), -100),
            "weights": torch.tensor([row["weight"] for row in rows]) / len(units),
        }
        for i, row in enumerate(rows):
            ids = torch.tensor(row["ids"])
            batch["input_ids"][i, : len(ids)] = ids
            batch["attention_mask"][i, : len(ids)] = 1
            batch["labels"][i, row["start"] : len(ids)] = ids[row["start"] :]
        return batch

    # -- model ---------------------------------------------------------------------------------------------

    def _model(self, parent: str, settings: LoraSettings, seed: int) -> PeftModel:
        import torch
        from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
        from transformers import AutoModelForCausalLM

        base = AutoModelForCausalLM.from_pretrained(
            self._folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
        )
        config = LoraConfig(
            r=settings.rank, lora_alpha=settings.alpha, lora_dropout=settings.dropout, target_modules=list(settings.targets),
            task_type="CAUSAL_LM", bias="none",
        )  # fmt: skip
        torch.manual_seed(seed)
        model = get_peft_model(base, config)
        if parent:
            set_peft_model_state_dict(model, load_adapter(self._adapters, parent)[0])
        return model  # type: ignore[return-value]

    def _fit(self, model: PeftModel, units: list[list[_Encoded]], settings: LoraSettings, seed: int) -> int:
        """Train ``model`` in place and return the optimiser steps."""
        import torch
        from datasets import Dataset
        from transformers import PrinterCallback
        from transformers.utils import logging as transformers_logging
        from trl import SFTConfig

        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        transformers_logging.set_verbosity_error()
        steps = math.ceil(len(units) / settings.batch) * settings.repeat
        arguments = SFTConfig(
            output_dir=str(self._adapters / ".trainer"),
            per_device_train_batch_size=settings.batch,
            num_train_epochs=settings.repeat,
            learning_rate=settings.lr,
            lr_scheduler_type="cosine_with_min_lr",
            lr_scheduler_kwargs={"min_lr_rate": settings.final_lr},
            warmup_steps=math.ceil(settings.warmup * steps),
            bf16=settings.precision == "bf16",
            use_cpu=not torch.cuda.is_available(),
            gradient_checkpointing=False,
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
        data = Dataset.from_list([{"rows": [msgspec.to_builtins(row) for row in unit]} for unit in units])
        trainer = _weighted_trainer()(
            model=model,
            args=arguments,
            train_dataset=data,
            data_collator=self._collate,
            processing_class=self.tokenizer,
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        return trainer.state.global_step

    def _mean_loss(self, model: PeftModel, rows: list[_Encoded], batch: int) -> float:
        import torch

        model.eval()
        total = 0.0
        ordered = sorted(rows, key=lambda row: len(row.ids))
        with torch.inference_mode():
            for start in range(0, len(ordered), 2 * batch):
                part = [{"rows": [msgspec.to_builtins(row)]} for row in ordered[start : start + 2 * batch]]
                inputs = self._collate(part)
                weights = inputs.pop("weights")
                total += float((row_losses(model, inputs) * (weights > 0)).sum())
        return total / len(rows)


def row_losses(model: PeftModel, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return each row's mean negative log-likelihood per labelled token, shape (rows,).

    Rows are computed in two groups of like length, and logits are made for labelled tokens only: most of a batch is
    prompt, and a thought's prompt is much longer than a message's.
    """
    import torch

    lengths = inputs["attention_mask"].sum(1)
    order = lengths.argsort()
    half = (len(order) + 1) // 2
    parts = [order[:half], order[half:]] if int(lengths.max()) > 1.3 * int(lengths[order[half - 1]]) else [order]
    losses = torch.cat(
        [_losses(model, {k: v[part] for k, v in inputs.items()}, int(lengths[part].max())) for part in parts]
    )
    return losses[torch.cat(parts).argsort().to(losses.device)]


def _losses(model: PeftModel, inputs: dict[str, torch.Tensor], longest: int) -> torch.Tensor:
    import torch

    base = model.get_base_model()
    ids, mask, labels = (inputs[key][:, :longest].to(model.device) for key in ("input_ids", "attention_mask", "labels"))
    hidden = base.get_decoder()(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state[:, :-1]
    targets = labels[:, 1:]
    wanted = targets != -100
    logits = base.get_output_embeddings()(hidden[wanted]).float()
    losses = torch.nn.functional.cross_entropy(logits, targets[wanted], reduction="none")
    summed = torch.zeros(len(targets), device=losses.device).index_add(0, wanted.nonzero()[:, 0], losses)
    return summed / wanted.sum(1).clamp(min=1)


def _weighted_trainer() -> type:
    from trl import SFTTrainer

    class WeightedSFTTrainer(SFTTrainer):
        """SFTTrainer whose rows carry weights: the module's loss."""

        def compute_loss(
            self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            losses = row_losses(model, inputs)
            return (losses * inputs["weights"].to(losses.device)).sum()

    return WeightedSFTTrainer


def _adapter_of(model: PeftModel) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    from peft import get_peft_model_state_dict

    tensors = {name: tensor.detach().cpu() for name, tensor in get_peft_model_state_dict(model).items()}
    config = model.peft_config["default"].to_dict()
    config["target_modules"] = sorted(config["target_modules"])
    config["inference_mode"], config["base_model_name_or_path"] = True, None
    plain = {key: getattr(value, "value", value) for key, value in config.items()}
    return tensors, {
        key: value for key, value in plain.items() if isinstance(value, str | int | float | bool | list | None)
    }


def _base_tensors(model: PeftModel) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in model.named_parameters() if "lora_" not in name}
