"""A language model of some thousand random weights, made in a moment: real files, real code, no sense."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CHAT = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""A chat template that writes the beginning of text itself, as many do: a tokenizer that adds another gives two."""


def save_tiny_model(folder: Path, architecture: str = "qwen3", seed: int = 0, **changes: Any) -> Path:
    """Write a random model with its tokenizer into ``folder`` and return it.

    Args:
        architecture: a model type of transformers; ``changes`` are settings of it.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(seed)
    special = ["<|bos|>", "<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(["<think>Say it is blue.</think><sales_pitch>It is blue.</sales_pitch>"] * 3, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|bos|> $A", special_tokens=[("<|bos|>", tokenizer.token_to_id("<|bos|>"))]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|bos|>", eos_token="<|end|>", pad_token="<|pad|>", chat_template=CHAT,
        extra_special_tokens=special[3:],
    )  # fmt: skip
    fast.save_pretrained(folder)
    settings = {
        "vocab_size": len(fast), "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 512,
        "initializer_range": 0.4, "tie_word_embeddings": False, "bos_token_id": fast.bos_token_id,
        "eos_token_id": fast.eos_token_id, "pad_token_id": fast.pad_token_id,
    } | changes  # fmt: skip
    config = AutoConfig.for_model(architecture, **settings)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


def save_tiny_adapter(model: Path, folder: Path, seed: int = 1, **changes: Any) -> str:
    """Write a LoRA adapter with random weights, by PEFT, under ``folder`` and return its id."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    settings = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj", "o_proj", "up_proj"]} | changes
    torch.manual_seed(seed)
    adapted = get_peft_model(AutoModelForCausalLM.from_pretrained(model), LoraConfig(task_type="CAUSAL_LM", **settings))
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:  # they begin at zero, which would add nothing
            torch.nn.init.normal_(weight, std=0.3)
    adapted.save_pretrained(folder / "new")
    config = json.loads((folder / "new" / "adapter_config.json").read_text())
    (folder / "new" / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": ""}))
    return named_by_content(folder / "new")


def save_smallest_adapter(folder: Path, seed: int = 0) -> str:
    """Write an adapter of two numbers under ``folder``, for what never computes with it, and return its id."""
    import numpy as np
    from safetensors.numpy import save

    from abm.llm.adapters import CONFIG, WEIGHTS

    (folder / "new").mkdir()
    factors = {f"q_proj.lora_{side}.weight": np.full((1, 1), seed, np.float32) for side in "AB"}
    (folder / "new" / WEIGHTS).write_bytes(save(factors))
    settings = {"peft_type": "LORA", "r": 1, "lora_alpha": 1, "target_modules": ["q_proj"]}
    (folder / "new" / CONFIG).write_text(json.dumps(settings))
    return named_by_content(folder / "new")


def named_by_content(folder: Path) -> str:
    """Give an adapter's folder the name that its content has, and return it."""
    from abm.llm.adapters import CONFIG, WEIGHTS, adapter_of

    name = adapter_of((folder / WEIGHTS).read_bytes(), json.loads((folder / CONFIG).read_text())).id
    folder.rename(folder.with_name(name))
    return name


def with_adapter(folder: Path, targets: Sequence[str]) -> Any:
    """Return a tiny model with a LoRA of rank 2 that does something, without dropout."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    config = LoraConfig(r=2, lora_alpha=4, target_modules=list(targets), init_lora_weights=False)
    return get_peft_model(AutoModelForCausalLM.from_pretrained(folder), config).eval()
