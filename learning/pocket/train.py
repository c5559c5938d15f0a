"""Pretrain the pocket model from scratch: ``python -m learning.pocket.train --out FOLDER``.

Reproducible from its seed; writes a checkpoint every few minutes and goes on from it when the same command is
run again. The schedule counts steps, not time. Stage 1: honest messages with many drills (copying first), then
all strategies; stage 2: rounded numbers; stage 3: every number, and free text with the shape of English.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learning.pocket.stream import Exercise, Mix, batch
from learning.pocket.tokenizer import build

if TYPE_CHECKING:
    import torch
    from transformers import Qwen3ForCausalLM

HELD_OUT_STEP = 10**9
"""Steps from here on are never trained on; they measure the held-out loss."""


@dataclass(frozen=True)
class PocketSettings:
    """What decides the weights."""

    stage: int = 1
    """2 and 3 go on from the weights of the stage before (``--weights``) with a mix of their own."""
    steps: int = 4800
    batch: int = 16
    seed: int = 1
    peak_lr: float = 2.5e-3
    warmup: int = 100
    hidden: int = 192
    layers: int = 5
    heads: int = 6
    inner: int = 448


LAST = Mix(drills=0.08, long=0.08, free=0.12, recite=0.45, boost=2.0)
"""The mix of the last quarter of stage 1."""

STAGE_2 = Mix(drills=0.05, long=0.1, free=0.15, recite=0.4, boost=1.1, wide=0.0, real_thoughts=True)
"""The mix of stage 2: rounded numbers."""

STAGE_3 = Mix(
    drills=0.05, ledgers=0.12, long=0.15, free=0.2, recite=0.4, boost=0.0, wide=0.75, prose=0.7, real_thoughts=True
)
"""The mix of stage 3: every number, and English-like free text."""

CALIBRATED_FROM = 1050
"""Step of stage 2 from which strategies are drawn at the calibrated rates."""


def mix_at(step: int, settings: PocketSettings) -> Mix:
    """Return the mix of a step."""
    if settings.stage == 1:
        return _mix_of_stage_1(step / settings.steps)
    if settings.stage == 2:
        return STAGE_2 if step < CALIBRATED_FROM else replace(STAGE_2, boost=0.0)
    return STAGE_3


def _mix_of_stage_1(progress: float) -> Mix:
    """Return the mix at a share of stage 1.

    Drills fade from 70 % to 8 % over the first quarter; long texts come in at 20 %, strategies at 45 %, recitals at
    62.5 %; the last quarter is for copying facts, and for strategies that sampling at 0.7 would thin out.
    """
    drills = max(0.08, 0.7 - progress / 0.25 * 0.62)
    if progress < 0.45:
        return Mix(drills=drills, long=0.0 if progress < 0.2 else 0.2, strategies=False)
    if progress < 0.75:
        return Mix(drills=drills, long=0.2, recite=0.0 if progress < 0.625 else 0.35)
    return LAST


def new_model(settings: PocketSettings, tokenizer: Any) -> Qwen3ForCausalLM:
    """Return an untrained model; a standard architecture, so that every engine can serve it."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(settings.seed)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
        head_dim=settings.hidden // settings.heads,
        intermediate_size=settings.inner,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        attention_dropout=0.0,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen3ForCausalLM(config)


def encode(examples: list[Exercise], tokenizer: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids and labels, shape (examples, longest), padded on the right; prompts carry no loss (-100)."""
    import torch

    rows = []
    for example in examples:
        prompt = tokenizer.apply_chat_template(example.prompt, tokenize=False, add_generation_prompt=True)
        if "<" not in example.completion:  # a drill goes on inside the user's turn
            prompt = prompt.rsplit("<|end|>", 1)[0]
        head = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        tail = tokenizer(example.completion, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
        rows.append((head + tail, [-100] * len(head) + tail))
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.full((len(rows), longest), tokenizer.pad_token_id)
    labels = torch.full((len(rows), longest), -100)
    for i, (tokens, marks) in enumerate(rows):
        ids[i, : len(tokens)] = torch.tensor(tokens)
        labels[i, : len(marks)] = torch.tensor(marks)
    return ids, labels


def loss_of(model: Qwen3ForCausalLM, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the summed loss over labelled tokens; logits are made for those only."""
    import torch

    hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
    targets = labels[:, 1:]
    wanted = targets != -100
    return torch.nn.functional.cross_entropy(model.lm_head(hidden[wanted]).float(), targets[wanted], reduction="sum")


def learning_rate(step: int, settings: PocketSettings) -> float:
    """Return the rate: linear warm-up, then cosine to 2 %."""
    if step < settings.warmup:
        return settings.peak_lr * (step + 1) / settings.warmup
    progress = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    return settings.peak_lr * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))


def train(
    settings: PocketSettings, out: Path, *, weights: Path | None = None, every: int = 150, bf16: bool = False
) -> None:
    """Train to the end, from the newest checkpoint in ``out`` if there is one; see the module.

    Under ``python -m torch.distributed.run --nproc-per-node 2 -m learning.pocket.train ...`` the processes share each
    step's examples, one thread each.
    """
    import torch
    from torch import distributed

    torch.set_num_threads(1)
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1:
        distributed.init_process_group("gloo")
    tokenizer: Any = build()
    model = new_model(settings, tokenizer)
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=True)
    if weights is not None:
        load_weights(model, weights)
    step, tokens = restore(model, optimizer, out, settings)
    unseen = Mix(0.0, 0.0, wide=float(settings.stage != 2))
    held_out = [encode(batch(settings.seed, HELD_OUT_STEP + i, unseen, 16), tokenizer) for i in range(2)]
    began, first = time.perf_counter(), tokens
    while step < settings.steps:
        examples = batch(settings.seed, step, mix_at(step, settings), settings.batch)
        ids, labels = encode(examples[rank::world], tokenizer)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, settings)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            loss = loss_of(model, ids, labels)
        loss.backward()
        counts = torch.tensor([float((labels[:, 1:] != -100).sum()), float(ids.numel()), float(loss.detach())])
        _share_gradients(model, counts, world)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step, tokens = step + 1, tokens + int(counts[1])
        if rank == 0 and step % 25 == 0:
            rate = (tokens - first) / (time.perf_counter() - began)
            _log(out, step, tokens, float(counts[2] / counts[0]), _held_out_loss(model, held_out), rate)
        if rank == 0 and (step % every == 0 or step == settings.steps):
            save(model, optimizer, tokenizer, out, settings, step, tokens)
    if world > 1:
        distributed.destroy_process_group()


def _share_gradients(model: Qwen3ForCausalLM, counts: torch.Tensor, world: int) -> None:
    """Turn gradients of summed losses into gradients of the mean over all processes' labelled tokens."""
    import torch
    from torch import distributed

    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    if world > 1:
        flat = torch.cat([g.reshape(-1) for g in gradients])
        distributed.all_reduce(flat)
        distributed.all_reduce(counts)
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))
    for gradient in gradients:
        gradient /= counts[0]


def _held_out_loss(model: Qwen3ForCausalLM, batches: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
    import torch

    with torch.inference_mode():
        total = sum(float(loss_of(model, ids, labels)) for ids, labels in batches)
    return total / sum(int((labels[:, 1:] != -100).sum()) for _, labels in batches)


def _log(out: Path, step: int, tokens: int, loss: float, held_out: float, rate: float) -> None:
    line = {
        "step": step,
        "tokens": tokens,
        "loss": round(loss, 4),
        "held_out": round(held_out, 4),
        "tokens_per_s": round(rate),
    }
    with (out / "train.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")


def save(
    model: Any, optimizer: Any, tokenizer: Any, out: Path, settings: PocketSettings, step: int, tokens: int
) -> None:
    """Write a checkpoint; the newest replaces the last.

    All that a resumed run reads lies in one file, replaced at once: a kill leaves the old checkpoint or the new one, never
    the weights of one with the optimizer state of the other. The other files are for using the model.
    """
    from safetensors.torch import save_file

    state = {f"optimizer.{i}.{k}": v for i, s in optimizer.state_dict()["state"].items() for k, v in s.items()}
    state |= {f"model.{name}": tensor.detach() for name, tensor in model.named_parameters()}
    progress = json.dumps({"step": step, "tokens": tokens, "settings": asdict(settings)})
    save_file(state, out / "resume.safetensors.new", {"progress": progress})
    (out / "resume.safetensors.new").replace(out / "resume.safetensors")
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "progress.json").write_text(progress)


def load_weights(model: Any, folder: Path) -> None:
    """Load the weights of a checkpoint."""
    from safetensors.torch import load_file

    model.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
    model.tie_weights()


def restore(model: Any, optimizer: Any, out: Path, settings: PocketSettings) -> tuple[int, int]:
    """Load the newest checkpoint into model and optimizer; return steps and tokens done."""
    from safetensors import safe_open

    out.mkdir(parents=True, exist_ok=True)
    if not (out / "resume.safetensors").exists():
        if (out / "progress.json").exists():
            raise SystemExit(f"{out} holds an older kind of checkpoint; give another --out")
        return 0, 0
    with safe_open(out / "resume.safetensors", "pt") as file:
        progress = json.loads(file.metadata()["progress"])
        flat = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    if progress["settings"] != asdict(settings):
        raise SystemExit(f"{out} holds a checkpoint with other settings: {progress['settings']}")
    weights = {name.removeprefix("model."): v for name, v in flat.items() if name.startswith("model.")}
    model.load_state_dict(weights, strict=False)
    model.tie_weights()
    state = optimizer.state_dict()
    for name in flat.keys() - {f"model.{name}" for name in weights}:
        _, index, key = name.split(".", 2)
        state["state"].setdefault(int(index), {})[key] = flat[name]
    optimizer.load_state_dict(state)
    _forget(out / "train.jsonl", progress["step"])
    return progress["step"], progress["tokens"]


def _forget(log: Path, step: int) -> None:
    """Drop the log's lines after ``step``: they belong to weights that were lost, and their steps come again."""
    if log.exists():
        lines = log.read_text().splitlines(keepends=True)
        log.write_text("".join(line for line in lines if json.loads(line)["step"] <= step))


def main() -> None:
    """Read the settings from the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="finished weights to go on from (stage 2)")
    parser.add_argument("--bf16", action="store_true")
    for name, value in asdict(PocketSettings()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    values = vars(parser.parse_args())
    out, weights, bf16 = values.pop("out"), values.pop("weights"), values.pop("bf16")
    train(PocketSettings(**values), out, weights=weights, bf16=bf16)


if __name__ == "__main__":
    main()
