"""Adapters in generation: LoRA deltas merged into a model's weights, and taken out again exactly.

The original tensors are kept and put back by reference, so that "adapter off" is the base model bit for bit.
Knows plain LoRA on linear layers; refuses variants it would get wrong.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abm.errors import InputError

if TYPE_CHECKING:
    import torch


def tensors_digest(tensors: dict[str, torch.Tensor], extra: bytes = b"") -> str:
    """Return SHA-256 over names, dtypes, shapes and bytes of ``tensors`` in name order, then ``extra``."""
    import torch

    sha = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().contiguous().cpu()
        sha.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        sha.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    sha.update(extra)
    return sha.hexdigest()


def lora_deltas(folder: Path, wanted: set[str]) -> dict[str, torch.Tensor]:
    """Return weight name -> delta (out, in) of the adapter in ``folder``.

    Args:
        wanted: the model's weight names; a delta for another one is an error.

    Raises:
        InputError: no adapter there, or one of a kind that is not plain LoRA on linear layers.
    """
    from safetensors.torch import load_file

    try:
        config: dict[str, Any] = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        tensors = load_file(folder / "adapter_model.safetensors")
    except (OSError, ValueError) as error:
        raise InputError("cannot read the adapter", where=str(folder), why=str(error)) from error
    odd = [key for key in ("use_dora", "modules_to_save", "rank_pattern", "alpha_pattern") if config.get(key)]
    if config.get("peft_type") != "LORA" or odd:
        raise InputError("not a plain LoRA adapter", where=str(folder), why=f"it uses {', '.join(odd) or config.get('peft_type')}")
    rank = config["r"]
    scale = config["lora_alpha"] / (rank**0.5 if config.get("use_rslora") else rank)
    deltas = {}
    for name, down in tensors.items():
        if name.endswith(".lora_A.weight"):
            weight = name.removeprefix("base_model.model.").replace(".lora_A.weight", ".weight")
            if weight not in wanted:
                raise InputError("the adapter does not fit the model", where=str(folder), why=f"the model has no {weight}")
            deltas[weight] = (tensors[name.replace(".lora_A.", ".lora_B.")].float() @ down.float()) * scale
    return deltas


class Swapper:
    """Puts one adapter at a time into a model's weights.

    Args:
        model: a causal language model.
        adapters: folder that holds ``<id>/adapter_model.safetensors``.
    """

    def __init__(self, model: torch.nn.Module, adapters: Path | None) -> None:
        self._weights = dict(model.named_parameters())
        self._originals: dict[str, torch.Tensor] = {}
        self._adapters = adapters
        self.active = ""

    def activate(self, adapter: str) -> None:
        """Make the model answer with ``adapter``; with the base weights, exactly, if it is empty.

        Raises:
            InputError: the adapter cannot be read or does not fit.
        """
        if adapter == self.active:
            return
        for name, original in self._originals.items():
            self._weights[name].data = original
        self._originals, self.active = {}, ""
        if not adapter:
            return
        if self._adapters is None:
            raise InputError(f"no folder of adapters for {adapter}", mend="Give the backend `adapters=`.")
        for name, delta in lora_deltas(self._adapters / adapter, set(self._weights)).items():
            weight = self._weights[name]
            self._originals[name] = weight.data
            weight.data = (weight.data.float() + delta.to(weight.device)).to(weight.dtype)
        self.active = adapter
