"""Adapters of moves models: what was learnt, in the files that every adapter has.

The policy is a layer of one input, 1, and an output for each move; an adapter is a LoRA of rank 1 on it, ``delta = up @ [1]``. So the format,
its checks and its content ids are those of :mod:`abm.llm.adapters`, and the digest of the law stands where that of a base model does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from abm.llm.adapters import BASE_DIGEST, DOWN, UP, read_adapter
from learning.moves.law import Law, Numbers
from learning.moves.repertoire import MOVES
from learning.training.adapter_files import save_weights
from moloch.errors import InputError

_LAYER = "base_model.model.moves"


def save_delta(folder: Path, delta: Numbers, law: Law, lineage: dict[str, Any]) -> str:
    """Write what was learnt, shape (moves,), in float32, and return its content id.

    Raises:
        CorruptLog, MolochError: as :func:`learning.training.adapter_files.save_weights`.
    """
    from safetensors.numpy import save

    tensors = {_LAYER + DOWN: np.ones((1, 1), dtype=np.float32), _LAYER + UP: delta.astype(np.float32).reshape(-1, 1)}
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": 1,
        "lora_alpha": 1,
        "target_modules": ["moves"],
        "bias": "none",
        "inference_mode": True,
        "base_model_name_or_path": law.name,
        BASE_DIGEST: law.digest,
    }
    return save_weights(folder, save(tensors), config, lineage)


def read_delta(folder: Path, adapter: str, digest: str) -> Numbers:
    """Return what an adapter learnt, shape (moves,).

    Args:
        digest: of the law that it is to be used with.

    Raises:
        CorruptLog: its files cannot be read, or hold another adapter.
        InputError: it was learnt on another model.
    """
    stored = read_adapter(folder, adapter, base=digest).stored
    up = stored.get(_LAYER + UP)
    if up is None or up.shape != (len(MOVES), 1) or up.dtype != "torch.float32":
        raise InputError(
            "the adapter does not fit the moves model",
            where=str(folder / adapter),
            why="it holds other layers",
            fix="Use an adapter that a moves model learnt.",
        )
    return np.frombuffer(up.data, dtype="<f4").astype(np.float64)
