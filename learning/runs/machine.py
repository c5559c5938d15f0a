"""What a process of a run computes on: versions, machine and engines. For the record; decides nothing.

Recorded in events about the process, which are no part of a run's digest.
"""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata

from abm.llm.port import LLM, Placed

PACKAGES = (
    "moloch-abm",
    "mesa",
    "torch",
    "transformers",
    "peft",
    "trl",
    "safetensors",
    "tokenizers",
    "vllm",
    "numpy",
    "numba",
)


def versions() -> dict[str, str]:
    """Return package -> version of those that are installed and can change what is computed, Python among them."""
    found_versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found_versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found_versions


def machine() -> dict[str, str]:
    """Return what kind of machine this is; neither its name nor who uses it."""
    facts = {"system": platform.system(), "release": platform.release(), "processor": platform.machine()}
    facts["cpus"] = str(os.cpu_count() or 0)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        facts |= {"gpus": ", ".join(names), "cuda": str(torch.version.cuda or "")}
    return facts


def places(*models: LLM) -> dict[str, dict[str, str]]:
    """Return model -> by what, and on which device, it computes, of those that say so."""
    return {llm.name: place for llm in models if isinstance(llm, Placed) and (place := llm.place())}
