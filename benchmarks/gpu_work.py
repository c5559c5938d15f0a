"""The work that ``benchmarks.gpu`` measures: random texts and a random model, and both sides' writing and learning."""

# pyright: reportMissingImports=false
# vLLM is installed where it runs, and hardly anywhere else.
from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from learning.training.examples import Example
from learning.training.settings import LoraSettings

TEMPERATURE = 0.7
WRITERS = 2  # about one anchor; they share a prompt


class Shape(NamedTuple):
    """A model and the texts that it meets: lengths in tokens, the ends included."""

    config: dict[str, int]
    prompts: tuple[int, int]
    completions: tuple[int, int]
    rows: int  # that we decode together
    rival_rows: int  # that the rival does: with eager attention, more than 64 prompts of 1,500 tokens do not fit 80 GB
    learnt: int  # rows of a round of training: whole steps
    rival_pass: int  # rows of one of the rival's passes


SHAPES = {
    "8b": Shape(
        {"vocab_size": 151_936, "hidden_size": 4096, "intermediate_size": 12_288, "num_hidden_layers": 36,
         "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "max_position_embeddings": 40_960},
        (700, 1500), (100, 400), 128, 64, 32, 4,
    ),
    "tiny": Shape(
        {"vocab_size": 8192, "hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "max_position_embeddings": 512},
        (60, 120), (10, 30), 16, 16, 16, 4,
    ),
}  # fmt: skip


class Text(NamedTuple):
    """A prompt and how many tokens follow it."""

    prompt: list[int]
    length: int


def texts(shape: Shape, rows: int, seed: int) -> list[Text]:
    """Return ``rows`` random texts, ``WRITERS`` to a prompt."""
    random = np.random.default_rng(seed)
    prompts = [
        random.integers(10, shape.config["vocab_size"] - 10, random.integers(*shape.prompts, endpoint=True)).tolist()
        for _ in range(-(-rows // WRITERS))
    ]
    return [Text(prompts[i // WRITERS], int(random.integers(*shape.completions, endpoint=True))) for i in range(rows)]


def build(shape: Shape, device: Any) -> Any:
    """Return a random model of the shape on the device: bfloat16 on a GPU, float32 on a CPU."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model("qwen3", **shape.config, tie_word_embeddings=False)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    with device:
        return AutoModelForCausalLM.from_config(config, dtype=dtype).eval()


# -- rollout -----------------------------------------------------------------------------------------------


def our_rollout(model: Any, asked: Sequence[Text], batch: int, seed: int) -> int:
    """Return the tokens that our loop writes: batches of like length, as the backend makes them."""
    from abm.llm.local._decode import PromptRow, decode
    from abm.llm.local._steps import ready

    ways = ready(model)
    rows = [PromptRow(text.prompt, seed + i, TEMPERATURE, 1.0, text.length) for i, text in enumerate(asked)]
    rows.sort(key=lambda row: len(row.prompt))
    parts = [rows[start : start + batch] for start in range(0, len(rows), batch)]
    return sum(len(row.tokens) for part in parts for row in decode(model, part, pad=0, stops=set(), ways=ways))


def their_rollout(model: Any, asked: Sequence[Text], batch: int, seed: int) -> int:
    """Return the tokens of each row's own length that ``generate`` writes, padded on the right, in the given order."""
    import torch

    torch.manual_seed(seed)
    for start in range(0, len(asked), batch):
        part = asked[start : start + batch]
        longest = max(len(text.prompt) for text in part)
        ids = torch.tensor([text.prompt + [0] * (longest - len(text.prompt)) for text in part], device=model.device)
        mask = torch.tensor([[1] * len(text.prompt) + [0] * (longest - len(text.prompt)) for text in part])
        new = max(text.length for text in part)
        with torch.inference_mode():
            model.generate(
                input_ids=ids, attention_mask=mask.to(model.device), do_sample=True, temperature=TEMPERATURE, top_k=0,
                top_p=1.0, max_new_tokens=new, min_new_tokens=new, pad_token_id=0,
            )  # fmt: skip
    return sum(text.length for text in asked)


def vllm_rollout(shape: Shape, rows: int, rounds: int) -> float:
    """Return vLLM's tokens a second; meant for a process of its own, since it takes most of the memory."""
    from transformers import AutoConfig
    from vllm import LLM, SamplingParams

    with tempfile.TemporaryDirectory() as folder:
        config = AutoConfig.for_model("qwen3", **shape.config, tie_word_embeddings=False)
        config.architectures = ["Qwen3ForCausalLM"]
        config.save_pretrained(folder)
        engine = LLM(
            folder, load_format="dummy", skip_tokenizer_init=True, seed=0, enable_prefix_caching=True,
            max_model_len=shape.prompts[1] + shape.completions[1],
        )  # fmt: skip
        rates = []
        for round_ in range(rounds + 1):
            asked = texts(shape, rows, round_)
            settings = [
                SamplingParams(
                    temperature=TEMPERATURE, max_tokens=text.length, ignore_eos=True, seed=i, detokenize=False
                )
                for i, text in enumerate(asked)
            ]
            began = time.perf_counter()
            found = engine.generate([{"prompt_token_ids": text.prompt} for text in asked], settings, use_tqdm=False)
            rates.append(sum(len(one.outputs[0].token_ids) for one in found) / (time.perf_counter() - began))
    return median(rates[1:])  # the first warms up


# -- training ----------------------------------------------------------------------------------------------


def trainable(model: Any, settings: LoraSettings) -> tuple[Any, Any]:
    """Return the model with a LoRA, and its optimiser."""
    import torch
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=settings.rank, lora_alpha=settings.alpha, lora_dropout=settings.dropout, target_modules=list(settings.targets),
        task_type="CAUSAL_LM",
    )  # fmt: skip
    model = get_peft_model(model, config).train()
    return model, torch.optim.AdamW([w for w in model.parameters() if w.requires_grad], lr=settings.lr)


def examples(asked: Sequence[Text], seed: int) -> list[Example]:
    """Return the texts as trajectories to learn."""
    random = np.random.default_rng(seed)
    return [
        Example([*text.prompt, *random.integers(10, 1000, text.length).tolist()], len(text.prompt)) for text in asked
    ]


def our_training(model: Any, optimiser: Any, rows: Sequence[Example], settings: LoraSettings) -> int:
    """Return the tokens of our steps."""
    from learning.training.losses import layout_of, step_losses, whole_inputs

    base = model.get_base_model()
    with whole_inputs(model):
        for start in range(0, len(rows), settings.batch):
            step = rows[start : start + settings.batch]
            for loss in step_losses(base, step, settings.tokens_per_pass, layout_of(base, settings.shares)):
                loss.backward()
            optimiser.step()
            optimiser.zero_grad()
    return sum(len(row.ids) for row in rows)


def their_training(model: Any, optimiser: Any, rows: Sequence[Example], settings: LoraSettings, each: int) -> int:
    """Return the tokens of the rival's steps: ``each`` rows a pass in the given order, the library's loss on all logits.

    In bf16 as transformers' ``Trainer(bf16=True)`` has it, by autocast.
    """
    import torch

    base = model.get_base_model()
    for start in range(0, len(rows), settings.batch):
        step = rows[start : start + settings.batch]
        learnt = sum(row.learnt for row in step)
        for place in range(0, len(step), each):
            part = step[place : place + each]
            longest = max(len(row.ids) for row in part)
            ids = torch.zeros((len(part), longest), dtype=torch.long)
            mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
            for i, row in enumerate(part):
                ids[i, : len(row.ids)] = torch.tensor(row.ids)
                mask[i, : len(row.ids)] = 1
                labels[i, row.start : len(row.ids)] = ids[i, row.start : len(row.ids)]
            batch = {"input_ids": ids, "attention_mask": mask, "labels": labels}
            batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
            with torch.autocast(model.device.type, torch.bfloat16, enabled=base.dtype == torch.bfloat16):
                loss = base(**batch, use_cache=False, num_items_in_batch=learnt).loss
            loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    return sum(len(row.ids) for row in rows)
