"""Learning: training sets from the log, LoRA trainers, adapters with lineage, and the epoch loop.

``run`` carries out a run, ``fork`` goes on from a step of one with other settings, ``LiveRun`` is one that is held step by step; ``training_set`` turns a log into what a trainer learns from.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from learning.config import RunConfig, load_config
    from learning.forking import fork
    from learning.live import LiveRun
    from learning.loop import Progress
    from learning.running import Run
    from learning.running import run as run
    from learning.training_set import training_set

_HOMES = {
    "LiveRun": "learning.live",
    "Progress": "learning.loop",
    "Run": "learning.running",
    "RunConfig": "learning.config",
    "fork": "learning.forking",
    "load_config": "learning.config",
    "run": "learning.running",
    "training_set": "learning.training_set",
}

__all__ = ["LiveRun", "Progress", "Run", "RunConfig", "fork", "load_config", "run", "training_set"]


def __getattr__(name: str) -> object:
    """Import public names when they are first used: torch stays out of ``moloch --help``."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
