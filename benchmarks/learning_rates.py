"""Which learning rate suits a method on the pocket model: one training a rate, looked at on contests that were not learnt from.

No rate is looked at by whom it lets win: what is printed is how well held-out votes are predicted, and how far the model moved.

    python benchmarks/learning_rates.py --method dpo
    python benchmarks/learning_rates.py --method grpo --messages 4
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from abm.log import read_events
from learning.methods import METHODS, TrainingSet, training_set
from learning.runs.run import stepwise
from learning.settings.sources import load_config

RATES = (1e-4, 3e-4, 1e-3, 3e-3)


def contests(arena: str, anchors: int, messages: int, folder: Path) -> list[Any]:
    """Return the log of a run up to its first training."""
    settings = {"arena": arena, "train_anchors": anchors, "messages": messages, "arms": ["rft"], "epochs": 1}
    config = load_config(None, settings)
    pieces = stepwise(config, folder, probes=[])
    for progress in pieces:
        if progress.doing.endswith("learns"):
            break
    pieces.close()
    return list(read_events(folder))


def parted(data: TrainingSet, held_out: int) -> tuple[TrainingSet, TrainingSet]:
    """Return what is learnt, and the rows of the last contests, which are not."""
    names = list(dict.fromkeys(row.contest for row in data.rows))
    last = set(names[-held_out:])
    own = [[row for row in data.rows if (row.contest in last) == side] for side in (False, True)]
    return msgspec.structs.replace(data, rows=own[0]), msgspec.structs.replace(data, rows=own[1])


def looked_at(trainer: Any, adapter: str, data: TrainingSet) -> dict[str, float]:
    """Return how an adapter does on a training set that it has not learnt.

    ``order``: share of a contest's pairs of messages in which that with more votes gained more log-likelihood over the base model;
    ``slope``: mean over messages of their share of votes above the contest's mean, times that gain; ``gain``: mean gain per token, of all
    messages: far below 0, the model has forgotten how messages look.
    """
    import torch
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
    from transformers import AutoModelForCausalLM

    from abm.llm.adapters import read_adapter
    from learning.training._ranks import Ranks
    from learning.training.examples import examples
    from learning.training.settings import PRESETS
    from learning.training.step import TrainingStep

    settings = PRESETS["pocket"]
    base = AutoModelForCausalLM.from_pretrained(trainer._folder)
    config = LoraConfig(r=settings.rank, lora_alpha=settings.alpha, target_modules=list(settings.targets))
    model = get_peft_model(base, config).eval()
    set_peft_model_state_dict(model, read_adapter(trainer._adapters, adapter).tensors())
    units = examples(data, trainer.tokenizer, settings.max_length).units
    step = TrainingStep(model, units, {}, settings.tokens_per_pass, Ranks())  # type: ignore[arg-type]
    right = pairs = slope = gained = tokens = rows = 0.0
    with torch.inference_mode():
        for group in step.passes():
            flat = [row for unit in group for row in unit]
            gains = (step.log_likelihoods(flat) - step.reference(flat)).tolist()
            gained, tokens = gained + sum(gains), tokens + sum(row.learnt for row in flat)
            for unit in group:
                own, gains = gains[: len(unit)], gains[len(unit) :]
                mean = sum(row.weight for row in unit) / len(unit)
                slope, rows = (
                    slope + sum((row.weight - mean) * gain for row, gain in zip(unit, own, strict=True)),
                    rows + len(unit),
                )
                for i, row in enumerate(unit):
                    for j, other in enumerate(unit):
                        if row.weight > other.weight:
                            right, pairs = right + (own[i] > own[j]), pairs + 1
    return {"order": right / pairs, "slope": slope / rows, "gain": gained / tokens}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="dpo")
    parser.add_argument("--arena", default="sales")
    parser.add_argument("--messages", type=int, default=2)
    parser.add_argument("--anchors", type=int, default=144)
    parser.add_argument("--held-out", type=int, default=48)
    parser.add_argument("--rates", type=float, nargs="+", default=RATES)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    from learning.training.settings import lora_settings
    from learning.training.trainer import LoRATrainer

    with tempfile.TemporaryDirectory() as scratch:
        events = contests(options.arena, options.anchors, options.messages, Path(scratch) / "run")
        from abm.arenas import arena

        data = training_set(
            events, METHODS.get(options.method)(), source_arm="shared", epoch=1, arena=arena(options.arena), seed=1
        )
        learnt, held_out = parted(data, options.held_out)
        trainer = LoRATrainer("pocket", Path(scratch) / "adapters")
        for rate in options.rates:
            began = time.perf_counter()
            trained = trainer.train(
                learnt, parent="", settings=lora_settings("pocket", {"lr": rate}), seed=1, lineage={}
            )
            took = time.perf_counter() - began
            found = {"lr": rate, "steps": trained.steps, "seconds": round(took, 1), **trained.figures}
            found |= {name: round(value, 4) for name, value in looked_at(trainer, trained.adapter, held_out).items()}
            print(json.dumps(found) if options.json else "  ".join(f"{n} {v:g}" for n, v in found.items()), flush=True)


if __name__ == "__main__":
    main()
