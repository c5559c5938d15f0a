"""Weights by content: a model's digest, and adapters put into its layers and taken out again exactly.

"Adapter off" is the base model bit for bit. Knows plain LoRA on linear layers; what its files may say is
:mod:`abm.llm.adapters`' matter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from abm.llm.adapters import DOWN, UP, Adapter, read_adapter
from abm.llm.stored_tensors import stored_tensors
from moloch.content import canonical
from moloch.errors import InputError

if TYPE_CHECKING:
    import torch
    from torch.utils.hooks import RemovableHandle

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
_NOT_MEANING = {"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version", "use_cache"}


def model_digest(folder: Path) -> str:
    """Return SHA-256 over a model as its files state it: tensors, settings, tokenizer and chat template.

    It does not depend on the machine, nor on the precision in which the model is run.
    """
    sha = hashlib.sha256()
    with ExitStack() as stack:
        files = [stack.enter_context(stored_tensors(path)) for path in weight_files(folder)]
        held = {name: tensor for file in files for name, tensor in file.items()}
        for name in sorted(held):
            tensor = held[name]
            sha.update(f"{name}\0{tensor.dtype}\0{tensor.shape}\0".encode())
            sha.update(tensor.data)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    generation = folder / "generation_config.json"
    ends = json.loads(generation.read_text("utf-8")).get("eos_token_id") if generation.is_file() else None
    sha.update(canonical([{key: value for key, value in config.items() if key not in _NOT_MEANING}, ends]))
    for name in ("tokenizer.json", "chat_template.jinja"):
        if (folder / name).is_file():
            sha.update(name.encode() + b"\0" + (folder / name).read_bytes())
    if not (folder / "chat_template.jinja").is_file() and (folder / "tokenizer_config.json").is_file():
        sha.update((folder / "tokenizer_config.json").read_bytes())  # where older models keep the template
    return sha.hexdigest()


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of a model's folder; none if it has none or if one is missing."""
    try:
        index = json.loads((folder / INDEX).read_text("utf-8"))
        files = [folder / name for name in sorted(set(index["weight_map"].values()))]
    except (OSError, ValueError, KeyError, AttributeError):
        files = [folder / WEIGHTS]
    return files if all(file.is_file() for file in files) else []


def holds_model(folder: Path) -> bool:
    """Return whether a folder has the settings and all weights of a model."""
    return (folder / "config.json").is_file() and bool(weight_files(folder))


class Factors(NamedTuple):
    """What an adapter adds to a weight, ``scale * up @ down``; float32, shapes (out, rank) and (rank, in)."""

    up: torch.Tensor
    down: torch.Tensor
    scale: float


def lora_factors(adapter: Adapter, shapes: Mapping[str, tuple[int, ...]], where: str) -> dict[str, Factors]:
    """Return weight name -> factors of an adapter.

    Args:
        shapes: the model's weights and their shapes.
        where: the adapter's folder, for messages.

    Raises:
        InputError: factors of a weight that the model does not have.
    """
    tensors = adapter.tensors()
    factors: dict[str, Factors] = {}
    for name in sorted(name for name in tensors if name.endswith(DOWN)):
        up, down = tensors[name.replace(DOWN, UP)], tensors[name]
        weight = name.removeprefix("base_model.model.").removesuffix(DOWN) + ".weight"
        shape = (up.shape[0], down.shape[1])
        if shape != shapes.get(weight):
            why = f"the model has no weight {weight} of shape {shape}"
            raise InputError("the adapter does not fit the model", where=where, why=why)
        factors[weight] = Factors(up.float(), down.float(), adapter.scale)
    return factors


class Swapper:
    """Puts one adapter at a time into a model's layers.

    Into weights of float32 it is merged, and the original tensors are kept and put back by reference. Beside weights of
    less precision it is computed at each call: most of a small change would be lost in their rounding.

    Args:
        model: a causal language model.
        adapters: folder that holds ``<id>/adapter_model.safetensors``.
        digest: returns that of the model; by default adapters of any are taken that fit its layers.
    """

    def __init__(self, model: torch.nn.Module, adapters: Path | None, digest: Callable[[], str] = lambda: "") -> None:
        self._weights = dict(model.named_parameters())
        self._layers = dict(model.named_modules())
        self._originals: dict[str, torch.Tensor] = {}
        self._hooks: list[RemovableHandle] = []
        self._adapters, self._digest = adapters, digest
        self.active = ""

    def activate(self, adapter: str) -> None:
        """Make the model answer with ``adapter``; with the base weights, exactly, if it is empty.

        Raises:
            CorruptLog: the adapter cannot be read, or is not the one of that name.
            InputError: it does not fit. In any case the model then answers with its base weights.
        """
        if adapter == self.active:
            return
        self._take_out()
        if not adapter:
            return
        adapted = self._factors(adapter)
        try:
            for name, factors in adapted.items():
                self._put(name, factors)
        except BaseException:  # memory ran out, say: half an adapter is none
            self._take_out()
            raise
        self.active = adapter

    def merged(self, adapter: str) -> dict[str, torch.Tensor]:
        """Return weight name -> the float32 weight that :meth:`activate` would put there; nothing for the base model, which is put back.

        Raises:
            CorruptLog, InputError: as :meth:`activate`.
        """
        self._take_out()
        return {name: self._sum(name, factors) for name, factors in self._factors(adapter).items()} if adapter else {}

    def _factors(self, adapter: str) -> dict[str, Factors]:
        if self._adapters is None:
            raise InputError(f"no folder of adapters for {adapter}", fix="Give the backend `adapters=`.")
        shapes = {name: tuple(weight.shape) for name, weight in self._weights.items()}
        read = read_adapter(self._adapters, adapter, base=self._digest())
        return lora_factors(read, shapes, str(self._adapters / adapter))

    def _sum(self, name: str, factors: Factors) -> torch.Tensor:
        weight = self._weights[name]
        return weight.data + (factors.up.to(weight.device) @ factors.down.to(weight.device)) * factors.scale

    def _take_out(self) -> None:
        for name, original in self._originals.items():
            self._weights[name].data = original
        for hook in self._hooks:
            hook.remove()
        self._originals, self._hooks, self.active = {}, [], ""

    def _put(self, name: str, factors: Factors) -> None:
        import torch

        weight = self._weights[name]
        if weight.dtype == torch.float32:
            self._originals[name] = weight.data
            weight.data = self._sum(name, factors)
            return
        up, down = factors.up.to(weight.device), factors.down.to(weight.device)
        up, down = (up * factors.scale).to(weight.dtype), down.to(weight.dtype)

        def beside(_: torch.nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor) -> torch.Tensor:
            linear = torch.nn.functional.linear
            return made + linear(linear(given[0], down), up)

        self._hooks.append(self._layers[name.removesuffix(".weight")].register_forward_hook(beside))
