"""What ``benchmarks/market.py`` trains on, and TRL's trainers on the same: made-up contests of texts as long as the pocket model's messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec

from abm.arenas import arena
from abm.arenas.anchors import load_anchors
from abm.events import MessagePublished
from abm.llm.adapters import CONFIG, WEIGHTS, adapter_of
from abm.llm.folders import model_folder
from learning.methods import METHODS, TrainingSet, training_set
from learning.methods.synthetic import contest, log
from learning.training.examples import examples
from learning.training.policy import advantages_of, policy
from learning.training.preference import preference
from learning.training.settings import PRESETS
from learning.training.step import TrainingStep

VOTES = {2: [0, 0, 0, 1], 4: [0, 0, 1, 2]}
"""Writers -> what each of four people chooses: in pairs three quarters are for the first, everywhere."""
FLIPPED = 0.25
"""Share of a pair's votes that its other message has."""
WORDS = 40
DRAWN = {"temperature": 0.7, "max_tokens": 192}
STRENGTH = 0.005
"""Standard deviation of a random adapter's second factor: it changes what is written, and little of how long it is."""


def made_up(method: str, contests: int, writers: int) -> TrainingSet:
    """Return what a method learns from contests of ``writers`` messages each, whose votes are all alike."""
    rules = arena("sales")
    texts = [anchor.text.split() for anchor in load_anchors(None, rules).train]
    held = []
    for number in range(contests):
        events = contest(f"a{number:03}", VOTES[writers], slots=range(writers))
        held.append([_long(event, texts[(writers * number + 7) % len(texts)]) for event in events])
    return training_set(log(*held), METHODS.get(method)(), source_arm="shared", epoch=1, arena=rules, seed=1)


def _long(event: Any, words: list[str]) -> Any:
    if not isinstance(event, MessagePublished):
        return event
    own = words[event.slot :] + words[: event.slot]
    return msgspec.structs.replace(event, thinking=" ".join(own[:8]), text=" ".join(own[:WORDS]))


def adapted(strength: float = STRENGTH, seed: int = 1) -> tuple[Any, Any]:
    """Return the pocket model with a random LoRA of its preset's shape, and its tokenizer."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder, settings = model_folder("pocket"), PRESETS["pocket"]
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    config = LoraConfig(
        r=settings.rank, lora_alpha=settings.alpha, target_modules=list(settings.targets), task_type="CAUSAL_LM"
    )
    torch.manual_seed(seed)
    model = get_peft_model(base, config)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=strength)
    return model, AutoTokenizer.from_pretrained(folder)


def random_adapter(folder: Path, seed: int) -> str:
    """Write a random adapter under ``folder`` and return its id."""
    adapted(seed=seed)[0].save_pretrained(folder / "new")
    path = folder / "new" / CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base_model_name_or_path": ""}))
    name = adapter_of((folder / "new" / WEIGHTS).read_bytes(), json.loads(path.read_text())).id
    (folder / "new").rename(folder / name)
    return name


def step_of(model: Any, tokenizer: Any, data: TrainingSet) -> TrainingStep:
    """Return a whole training set as one step, whose training holds what does not move."""
    from learning.training._ranks import Ranks
    from learning.training.unmoved import Unmoved

    settings = PRESETS["pocket"]
    units = examples(data, tokenizer, settings.max_length).units
    held = Unmoved(model, units, settings.tokens_per_pass, Ranks())
    options = data.options | (DRAWN if data.loss.endswith("policy") else {})
    return TrainingStep(model, units, options, settings.tokens_per_pass, Ranks(), unmoved=held)


class Losses(Protocol):
    """The same loss by this house and by TRL."""

    def ours(self) -> Iterator[Any]:
        """Yield the parts of ours."""
        ...

    def theirs(self) -> Any:
        """Return TRL's, with gradients."""
        ...

    def both(self) -> tuple[float, float]:
        """Return ours, and what it has to be by TRL's."""
        ...


class TRLPairs:
    """TRL's ``DPOTrainer`` on the pairs of a step, with the reference that is known."""

    def __init__(self, model: Any, tokenizer: Any, step: TrainingStep, folder: Path) -> None:
        from datasets import Dataset
        from trl.trainer.dpo_config import DPOConfig
        from trl.trainer.dpo_trainer import DPOTrainer

        self._step = step
        arguments = DPOConfig(**_plain(folder), beta=step.options["beta"])
        said = Dataset.from_dict({"prompt": ["a"], "chosen": ["b"], "rejected": ["c"]})
        self._trainer = DPOTrainer(model=model, args=arguments, train_dataset=said, processing_class=tokenizer)
        self._trainer.model.delete_adapter("ref")  # by which TRL would make the adapter itself the reference
        self._trainer.precompute_ref_logps = True
        self._inputs = self._batch(turned=False)

    def _batch(self, *, turned: bool) -> dict[str, Any]:
        import torch

        units = [unit[::-1] if turned else unit for unit in self._step.units]
        rows = [chosen for chosen, _ in units] + [rejected for _, rejected in units]
        longest = max(len(row.ids) for row in rows)
        names = ("input_ids", "attention_mask", "completion_mask")
        inputs = {name: torch.zeros((len(rows), longest), dtype=torch.long) for name in names}
        for i, row in enumerate(rows):
            inputs["input_ids"][i, : len(row.ids)] = torch.tensor(row.ids)
            inputs["attention_mask"][i, : len(row.ids)] = 1
            inputs["completion_mask"][i, row.start : len(row.ids)] = 1
        chosen, rejected = self._step.fixed("base").sums(rows).chunk(2)
        return inputs | {"ref_chosen_logps": chosen, "ref_rejected_logps": rejected}

    def ours(self) -> Iterator[Any]:
        return preference(self._step)

    def theirs(self) -> Any:
        return self._trainer._compute_loss(self._trainer.model, self._inputs, return_outputs=False)

    def both(self) -> tuple[float, float]:
        """With one label for all pairs, 1 - e, ours follows from TRL's robust loss, whose label smoothing is e: robust (1 - 2e) = (1 - e) L - e L'."""
        trainer = self._trainer
        turned = float(trainer._compute_loss(trainer.model, self._batch(turned=True), return_outputs=False))
        usual, trainer.loss_types, trainer.label_smoothing = trainer.loss_types, ["robust"], FLIPPED
        robust = float(self.theirs())
        trainer.loss_types, trainer.label_smoothing = usual, 0.0
        return _summed(self.ours()), robust * (1 - 2 * FLIPPED) + 2 * FLIPPED * turned


class TRLPolicy:
    """TRL's ``GRPOTrainer`` on the messages of a step, with advantages and log-probabilities that are known."""

    def __init__(self, model: Any, tokenizer: Any, step: TrainingStep, folder: Path) -> None:
        from datasets import Dataset
        from trl.trainer.grpo_config import GRPOConfig
        from trl.trainer.grpo_trainer import GRPOTrainer

        self._step, options = step, step.options
        arguments = GRPOConfig(
            **_plain(folder), num_generations=4, per_device_train_batch_size=4, temperature=DRAWN["temperature"],
            max_completion_length=DRAWN["max_tokens"], beta=options["beta"], epsilon=options["epsilon"],
            loss_type=options["loss_type"], scale_rewards=options["scale_rewards"],
        )  # fmt: skip
        said = Dataset.from_dict({"prompt": ["a"] * 4})
        self._trainer = GRPOTrainer(
            model=model, reward_funcs=lambda **_: [0.0], args=arguments, train_dataset=said, processing_class=tokenizer
        )
        self._trainer.current_gradient_accumulation_steps = 1
        self._inputs = self._batch()

    def _batch(self) -> dict[str, Any]:
        import torch

        rows, temperature = self._step.rows, DRAWN["temperature"]
        before, behind = max(row.start for row in rows), max(row.learnt for row in rows)
        sizes = {"prompt_ids": before, "prompt_mask": before, "completion_ids": behind, "completion_mask": behind}
        held = {name: torch.zeros((len(rows), size), dtype=torch.long) for name, size in sizes.items()}
        fixed = {"old": self._step.fixed("start", temperature), "ref": self._step.fixed("base", temperature)}
        known = {f"{name}_per_token_logps": torch.zeros(len(rows), behind) for name in fixed}
        for i, row in enumerate(rows):
            held["prompt_ids"][i, before - row.start :] = torch.tensor(row.ids[: row.start])
            held["prompt_mask"][i, before - row.start :] = 1
            held["completion_ids"][i, : row.learnt] = torch.tensor(row.ids[row.start :])
            held["completion_mask"][i, : row.learnt] = 1
            for name, values in fixed.items():
                known[f"{name}_per_token_logps"][i, : row.learnt] = values.tokens([row])
        advantages = torch.tensor(advantages_of(self._step.units, self._step.options["scale_rewards"]))
        learnt = torch.tensor(float(sum(row.learnt for row in rows)))
        return held | known | {"advantages": advantages, "num_items_in_batch": learnt}

    def ours(self) -> Iterator[Any]:
        return policy(self._step)

    def theirs(self) -> Any:
        return self._trainer._compute_loss(self._trainer.model, self._inputs)

    def both(self) -> tuple[float, float]:
        return _summed(self.ours()), float(self.theirs())


def _plain(folder: Path) -> dict[str, Any]:
    """Return settings of TRL's trainers: plain numbers on this CPU, nothing computed twice, nothing told to anybody."""
    return {
        "output_dir": str(folder / "trl"), "report_to": "none", "use_cpu": True, "bf16": False, "gradient_checkpointing": False,
    }  # fmt: skip


def _summed(parts: Iterator[Any]) -> float:
    return float(sum(part.detach() for part in parts))
