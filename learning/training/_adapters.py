"""Adapters on disk: safetensors, named by their content, with the lineage of what they learnt from.

``<folder>/<id>/adapter_model.safetensors``, ``adapter_config.json`` (as PEFT reads them) and ``lineage.json``.
A folder is there whole or not at all; learning the same again gives the same id and finds it there. Knows nothing of
how adapters are learnt.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abm.llm.weights import tensors_digest
from moloch.content import canonical
from moloch.errors import CorruptLog, MolochError

if TYPE_CHECKING:
    import torch


def adapter_id(tensors: dict[str, torch.Tensor], config: dict[str, Any]) -> str:
    """Return the content id of an adapter: of its tensors, and of the settings that change what they mean.

    Files are not hashed: PEFT writes lists of names in no fixed order.
    """
    meaning = {key: config.get(key) for key in ("peft_type", "r", "lora_alpha", "use_rslora")}
    return tensors_digest(tensors, canonical(meaning))[:16]


def save_adapter(
    folder: Path, tensors: dict[str, torch.Tensor], config: dict[str, Any], lineage: dict[str, Any]
) -> str:
    """Write an adapter under ``folder`` and return its id; one that is there already is left as it is.

    Raises:
        MolochError: it cannot be written (a full disk, say); no adapter of that id is there.
    """
    from safetensors import SafetensorError

    name = adapter_id(tensors, config)
    final, new = folder / name, folder / f".{name}.new"
    if final.is_dir():
        return name
    try:
        _write(new, tensors, config, lineage)
        new.rename(final)
        _sync(folder, folder.parent)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(new, ignore_errors=True)
        raise MolochError(
            "cannot write the adapter",
            where=str(final),
            why=str(error),
            fix="Fix the cause and run the same command again.",
        ) from error
    return name


def _write(folder: Path, tensors: dict[str, torch.Tensor], config: dict[str, Any], lineage: dict[str, Any]) -> None:
    from safetensors.torch import save_file

    shutil.rmtree(folder, ignore_errors=True)  # what a killed process left
    folder.mkdir(parents=True)
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
    (folder / "lineage.json").write_text(json.dumps(lineage, indent=1, sort_keys=True) + "\n")
    _sync(*folder.iterdir(), folder)


def load_adapter(folder: Path, name: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return an adapter's tensors and PEFT settings, its content checked against its name.

    Raises:
        CorruptLog: the files are missing or are not what the name says.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(folder / name / "adapter_model.safetensors")
        config = json.loads((folder / name / "adapter_config.json").read_text())
    except (OSError, ValueError, SafetensorError) as error:
        raise CorruptLog("cannot read the adapter", where=str(folder / name), why=str(error)) from error
    if adapter_id(tensors, config) != name:
        raise CorruptLog(
            "the adapter is not the one that was learnt", where=str(folder / name), why="its content has another id"
        )
    return tensors, config


def _sync(*paths: Path) -> None:
    """Make files and the entries of folders durable."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
