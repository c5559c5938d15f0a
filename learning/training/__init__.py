"""One training, from rows to an adapter: examples, losses, the optimiser's steps, devices and several processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moloch.lazy import door

if TYPE_CHECKING:
    from learning.training._job import Trained
    from learning.training.examples import Example, Unit
    from learning.training.measured import TrainingDiverged, TrainingMeasures
    from learning.training.settings import PRESETS, LoraSettings, lora_settings
    from learning.training.step import Loss, TrainingStep
    from learning.training.trainer import LoRATrainer, Trainer

_HOMES = {
    "Example": "learning.training.examples",
    "LoRATrainer": "learning.training.trainer",
    "LoraSettings": "learning.training.settings",
    "Loss": "learning.training.step",
    "TrainingMeasures": "learning.training.measured",
    "PRESETS": "learning.training.settings",
    "TrainingDiverged": "learning.training.measured",
    "TrainingStep": "learning.training.step",
    "Trained": "learning.training._job",
    "Trainer": "learning.training.trainer",
    "Unit": "learning.training.examples",
    "lora_settings": "learning.training.settings",
}

__all__ = [
    "PRESETS",
    "Example",
    "LoRATrainer",
    "LoraSettings",
    "Loss",
    "Trained",
    "Trainer",
    "TrainingDiverged",
    "TrainingMeasures",
    "TrainingStep",
    "Unit",
    "lora_settings",
]

__getattr__, __dir__ = door(__name__, _HOMES)
