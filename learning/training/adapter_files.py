"""Adapters on their way to disk: whole or not at all, under the name of their content, with the lineage of their data.

What an adapter's files may say is :mod:`abm.llm.adapters`' matter; beside them lie ``lineage.json`` and what engines are
checked against. Learning the same again gives the same id and finds it there. Knows bytes; knows nothing of how adapters are learnt.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from abm.llm.adapters import CONFIG, WEIGHTS, adapter_of, check_plain, read_adapter
from abm.llm.fingerprint import Fingerprint, record
from moloch.durable import sync
from moloch.errors import MolochError


def save_weights(
    folder: Path, weights: bytes, config: dict[str, Any], lineage: dict[str, Any], known: Fingerprint | None = None
) -> str:
    """Write an adapter under ``folder`` and return its id; one that is there already is left as it is.

    Args:
        weights: of a safetensors file.
        known: what an engine must compute with it.

    Raises:
        CorruptLog: what is there already is another adapter.
        InputError: it is not plain LoRA, so that no backend would take it.
        MolochError: it cannot be written (a full disk, say); no adapter of that id is there.
    """
    adapter = adapter_of(weights, config)
    name = adapter.id
    final, new = folder / name, folder / f".{name}.new"
    check_plain(adapter, str(final))
    if final.is_dir():
        read_adapter(folder, name)
        return name
    try:
        shutil.rmtree(new, ignore_errors=True)  # what a killed process left
        new.mkdir(parents=True)
        (new / WEIGHTS).write_bytes(weights)  # safetensors' own writer lets nobody else read the file
        for file, value in ((CONFIG, config), ("lineage.json", lineage)):
            (new / file).write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")
        if known is not None:
            record(new, known)
        sync(*new.iterdir(), new)
        new.rename(final)
        sync(folder, folder.parent)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise MolochError(
            "cannot write the adapter",
            where=str(final),
            why=str(error),
            fix="Fix the cause and run the same command again.",
        ) from error
    return name
