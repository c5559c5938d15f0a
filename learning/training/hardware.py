"""What a training runs on: device, attention kernels, quantisation, and whether activations fit.

Knows models and devices; nothing of examples or optimisers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learning.training.settings import LoraSettings
from moloch.errors import InputError

if TYPE_CHECKING:
    import torch

SPARE = 0.85
"""Share of the free GPU memory that activations may take by estimate."""


def device_of() -> torch.device:
    """Return the GPU of this process, or the CPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def kernels(settings: LoraSettings, device: torch.device) -> str | None:
    """Return the attention that transformers is asked for; None leaves it to transformers.

    Raises:
        InputError: FlashAttention is asked for by name and cannot be had.
    """
    from transformers.utils.import_utils import is_flash_attn_2_available

    fits = device.type == "cuda" and settings.precision == "bf16"
    if settings.attention == "auto":
        return "flash_attention_2" if fits and is_flash_attn_2_available() else None
    if settings.attention == "flash_attention_2" and not (fits and is_flash_attn_2_available()):
        why = "the package flash-attn is not installed" if fits else "it needs a CUDA device and lora.precision bf16"
        raise InputError("no FlashAttention here", why=why, fix="Set lora.attention to auto or sdpa.")
    return settings.attention


def load_base(folder: Path, settings: LoraSettings, device: torch.device) -> Any:
    """Return the frozen base model on ``device``.

    Raises:
        InputError: the settings ask for what this machine does not have.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from abm.llm.local.attention import PLAIN

    options: dict[str, Any] = {"dtype": torch.bfloat16 if settings.precision == "bf16" else torch.float32}
    if (attention := kernels(settings, device)) is not None:
        options["attn_implementation"] = attention
    if settings.quantize == "4bit":
        options |= {"quantization_config": _nf4(device, options["dtype"]), "device_map": {"": device}}
    model: Any = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, use_safetensors=True, **options)
    lean = device.type == "cpu" and settings.shares and settings.precision == "bf16" and settings.attention == "auto"
    if lean and model.config._attn_implementation == "sdpa":
        model.set_attn_implementation(PLAIN)
    return model if settings.quantize == "4bit" else model.to(device)


def _nf4(device: torch.device, dtype: torch.dtype) -> Any:
    """Return QLoRA's quantisation: 4-bit NormalFloat, its constants quantised too (Dettmers et al., arXiv 2305.14314)."""
    if device.type != "cuda":
        raise InputError("4-bit training needs a CUDA device", where="lora.quantize", fix="Set lora.quantize to none.")
    if find_spec("bitsandbytes") is None:
        raise InputError(
            "4-bit training needs bitsandbytes",
            where="lora.quantize",
            why="it is not installed",
            fix="pip install bitsandbytes, or set lora.quantize to none.",
        )
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )


def checkpoints(settings: LoraSettings, model: Any, longest: int) -> bool:
    """Return whether activations are recomputed.

    Args:
        model: with its LoRA, on its device.
        longest: tokens of the longest example.
    """
    import torch

    from abm.llm.local.threads import SMALL

    if settings.shares:
        return False  # what is computed again would not see the beginning
    if settings.checkpointing != "auto":
        return settings.checkpointing
    if model.device.type != "cuda":
        return model.num_parameters() >= SMALL
    torch.cuda.empty_cache()  # what nothing uses is not yet free
    free, _ = torch.cuda.mem_get_info(model.device)
    tokens = max(settings.tokens_per_pass, longest)
    return tokens * activation_bytes(model.config.get_text_config(), settings) > SPARE * free


def activation_bytes(config: Any, settings: LoraSettings) -> int:
    """Return about how many bytes one token's activations take until the backward pass, all layers together.

    Counted from what autograd keeps of a gated transformer layer with LoRA on its linear layers: inputs and outputs of
    norms, projections, attention and gate in the base's precision, the norms once more in float32, and behind dropout
    each adapted layer's own input, with a mask. An estimate for models of this kind; a test holds it against a count.
    """
    width = 2 if settings.precision == "bf16" else 4
    hidden, heads = config.hidden_size, config.num_attention_heads
    inner = getattr(config, "intermediate_size", None) or 4 * hidden
    head = getattr(config, "head_dim", None) or hidden // heads
    queries, keys = heads * head, (getattr(config, "num_key_value_heads", None) or heads) * head
    base = width * (4 * hidden + 4 * queries + 4 * keys + 4 * inner)
    norms = 4 * (4 * hidden + 2 * queries + 2 * keys)
    inputs = {"o_proj": queries, "down_proj": inner}
    adapted = sum(inputs.get(name, hidden) for name in settings.targets) * (width + 1 if settings.dropout else 0)
    return (base + norms + adapted) * config.num_hidden_layers


@contextmanager
def on_device(device: torch.device, settings: LoraSettings) -> Iterator[None]:
    """Let the block train, by attention kernels that take any length; afterwards its memory is given back.

    The libraries collect garbage twice in a training; what was there before, some 400,000 objects, is kept out of it.

    Raises:
        MolochError: memory does not suffice.
    """
    import gc

    import torch

    from abm.llm.local import memory
    from abm.llm.local.attention import any_length

    instead = "leave lora.shared out" if settings.shares else "set lora.checkpointing to true"
    fix = f"Lower lora.tokens_per_pass, now {settings.tokens_per_pass}, or {instead}."
    gc.freeze()
    try:
        with memory.told("training", fix), any_length():
            yield
    finally:
        gc.collect()  # the trainer and its model refer to one another
        gc.unfreeze()
        if device.type == "cuda":
            torch.cuda.empty_cache()
