"""Learning: training sets from the log, LoRA trainers, adapters with lineage, and the epoch loop.

``run`` carries out a run, ``fork`` continues one from a step with other settings, ``LiveRun`` is one that pauses at each
step; ``training_set`` turns a log into what a trainer learns from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moloch.lazy import door

if TYPE_CHECKING:
    from learning.methods import training_set
    from learning.runs.fork import fork
    from learning.runs.live import LiveRun
    from learning.runs.loop import Progress
    from learning.runs.run import Run, run
    from learning.settings.config import RunConfig
    from learning.settings.sources import load_config

_HOMES = {
    "LiveRun": "learning.runs.live",
    "Progress": "learning.runs.loop",
    "Run": "learning.runs.run",
    "RunConfig": "learning.settings.config",
    "fork": "learning.runs.fork",
    "load_config": "learning.settings.sources",
    "run": "learning.runs.run",
    "training_set": "learning.methods",
}

__all__ = ["LiveRun", "Progress", "Run", "RunConfig", "fork", "load_config", "run", "training_set"]

__getattr__, __dir__ = door(__name__, _HOMES)
