"""Adapters on disk: safetensors, named by their content, with the lineage of what they learnt from.

``<folder>/<id>/adapter_model.safetensors``, ``adapter_config.json`` (as PEFT reads them) and ``lineage.json``.
A folder is there whole or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abm.content import canonical
from abm.errors import CorruptLog
from abm.llm.weights import tensors_digest

if TYPE_CHECKING:
    import torch


def adapter_id(tensors: dict[str, torch.Tensor], config: dict[str, Any]) -> str:
    """Return the content id of an adapter: of its tensors, and of the settings that change what they mean."""
    meaning = {key: config.get(key) for key in ("peft_type", "r", "lora_alpha", "use_rslora")}
    return tensors_digest(tensors, canonical(meaning))[:16]


def save_adapter(folder: Path, tensors: dict[str, torch.Tensor], config: dict[str, Any], lineage: dict[str, Any]) -> str:
    """Write an adapter under ``folder`` and return its id; one that is there already is left as it is."""
    from safetensors.torch import save_file

    name = adapter_id(tensors, config)
    final, new = folder / name, folder / f".{name}.new"
    if final.is_dir():
        return name
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    save_file({key: value.contiguous() for key, value in tensors.items()}, new / "adapter_model.safetensors")
    (new / "adapter_config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
    (new / "lineage.json").write_text(json.dumps(lineage, indent=1, sort_keys=True) + "\n")
    for path in (*new.iterdir(), new):
        _sync(path)
    new.rename(final)
    _sync(folder)
    return name


def load_adapter(folder: Path, name: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return an adapter's tensors and PEFT settings, its content checked against its name.

    Raises:
        CorruptLog: the files are missing or are not what the name says.
    """
    from safetensors.torch import load_file

    try:
        tensors = load_file(folder / name / "adapter_model.safetensors")
        config = json.loads((folder / name / "adapter_config.json").read_text())
    except (OSError, ValueError) as error:
        raise CorruptLog("cannot read the adapter", where=str(folder / name), why=str(error)) from error
    if adapter_id(tensors, config) != name:
        raise CorruptLog("the adapter is not the one that was learnt", where=str(folder / name), why="its content has another id")
    return tensors, config


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
