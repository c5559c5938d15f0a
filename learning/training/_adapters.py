"""An adapter's tensors, as a trainer holds them, on their way to the files of :mod:`learning.training.adapter_files`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from abm.llm.fingerprint import Fingerprint
from learning.training.adapter_files import save_weights

if TYPE_CHECKING:
    import torch


def save_adapter(
    folder: Path,
    tensors: dict[str, torch.Tensor],
    config: dict[str, Any],
    lineage: dict[str, Any],
    known: Fingerprint | None = None,
) -> str:
    """Write an adapter under ``folder`` and return its id; see :func:`learning.training.adapter_files.save_weights`."""
    from safetensors.torch import save

    weights = save({name: tensor.contiguous() for name, tensor in tensors.items()})
    return save_weights(folder, weights, config, lineage, known)
