"""The optimiser of a moves model: stochastic gradient steps, with the order and the rates that LoRA's trainings have. Knows numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from learning.moves.law import Numbers
from learning.training.settings import LoraSettings
from moloch import keyed

PACE = 12_000.0
"""How far a logit moves in a step at a learning rate of 1 and a gradient of 1 per decision. With it the rates that LoRA is learnt with move
a policy by tenths of a logit in a training of a few dozen steps."""


def steps_of(units: int, settings: LoraSettings) -> int:
    """Return how many optimiser steps a training takes."""
    return math.ceil(units * settings.repeat / settings.batch)


def rates(steps: int, settings: LoraSettings) -> Numbers:
    """Return the learning rate of each step, shape (steps,): up over the warm-up, then down a cosine to ``final_lr`` times the rate."""
    warmup = min(round(settings.warmup * steps), steps - 1)
    at = np.arange(steps)
    done = (at - warmup) / max(1, steps - warmup)
    cosine = settings.final_lr + (1 - settings.final_lr) * 0.5 * (1 + np.cos(np.pi * done))
    return settings.lr * np.where(at < warmup, at / max(1, warmup), cosine)


def order(units: int, settings: LoraSettings, seed: int) -> NDArray[np.int64]:
    """Return the units in the order in which they are learnt, each ``repeat`` times, shape (units * repeat,)."""
    return keyed.generator("moves", "order", seed).permutation(np.tile(np.arange(units), settings.repeat))


def batches(units: int, settings: LoraSettings, seed: int) -> Iterator[tuple[float, NDArray[np.int64]]]:
    """Yield each step's learning rate and its units."""
    drawn = order(units, settings, seed)
    for step, rate in enumerate(rates(steps_of(units, settings), settings).tolist()):
        yield rate, drawn[step * settings.batch : (step + 1) * settings.batch]
