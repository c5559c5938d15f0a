"""The trainer of a moves model: from a training set, the same that LoRA would get, to an adapter on disk. Knows no log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from learning.methods import RowsOf, TrainingSet
from learning.moves.adapter import read_delta, save_delta
from learning.moves.ascent import PACE, batches
from learning.moves.examples import MovesBatch, encode_moves, sigmoid
from learning.moves.law import Numbers
from learning.moves.losses import Loss, MovesStep, divergences, loss_of
from learning.moves.repertoire import MOVES
from learning.moves.writer import law_of
from learning.training.equal_rows import RowsBefore, equal_rows, rows_of
from learning.training.examples import Examples, Unit, in_units
from learning.training.measured import Drift, StepMeasures, TrainingDiverged
from learning.training.settings import LoraSettings
from learning.training.trainer import Trained, nothing


class MovesTrainer:
    """A :class:`~learning.training.trainer.Trainer`: stochastic gradient ascent on the weighted log-likelihood of moves, or on what a
    method's loss says of them (:mod:`learning.moves.losses`).

    Of the settings, those of the schedule (lr, final_lr, warmup, batch, repeat) and max_length, in words, mean what they mean for LoRA;
    the others are about weights that a moves model does not have. The same settings, data and seed give the same adapter.

    Args:
        model: name of a moves model.
        adapters: folder that adapters are read from and written to.

    Raises:
        InputError: it is no moves model.
    """

    def __init__(self, model: str, adapters: Path) -> None:
        self._law, self._adapters = law_of(model), adapters

    def train(
        self, data: TrainingSet, *, parent: str, settings: LoraSettings, seed: int, lineage: dict[str, Any]
    ) -> Trained:
        """Learn an adapter; see :class:`~learning.training.trainer.Trainer`.

        Raises:
            InputError: there is no example, all are over-long, a loss is not one of a moves model's, or another model wrote a message.
            CorruptLog: the files of ``parent`` are not what their name says.
            TrainingDiverged: the loss is not finite; no adapter is written.
        """
        loss = loss_of(data.loss, data.terms)
        fitting = self._examples(data, settings.max_length)
        if not fitting.trajectories:
            raise nothing(data, fitting.over_long, settings)
        fitting, before = self._brought(fitting, data.rows_of, seed)
        start = read_delta(self._adapters, parent, self._law.digest) if parent else np.zeros(len(MOVES))
        measures = StepMeasures()
        delta, steps = _ascend(fitting.units, loss, start, data.options, settings, seed, measures)
        delta = delta.astype(np.float32).astype(np.float64)  # as it is kept
        facts: dict[str, Any] = {
            "model_digest": self._law.digest,
            "parent": parent,
            "data": data.digest,
            "data_range": list(data.data_range),
            "loss": data.loss,
            "seed": seed,
            "settings": msgspec.to_builtins(settings),
        }
        if before:
            facts["rows_before"] = msgspec.to_builtins(before)
        if data.terms:
            facts["terms"] = msgspec.to_builtins(data.terms)
        whole = MovesBatch(fitting.units)
        return Trained(
            adapter=save_delta(self._adapters, delta, self._law, facts | lineage),
            rows=rows_of(fitting.units),
            over_long=fitting.over_long + fitting.orphaned,
            tokens=settings.repeat * sum(row.learnt for unit in fitting.units for row in unit),
            steps=len(steps),
            loss_before=_loss(whole, np.zeros(len(MOVES)) if not parent else start),
            loss_after=_loss(whole, delta),
            figures=_figures(steps),
            rows_before=before,
            measured=measures.measured(_drift(whole, start) if parent else None, _drift(whole, delta)),
        )

    def _examples(self, data: TrainingSet, max_length: int) -> Examples:
        return in_units(data, lambda row: encode_moves(row, self._law), max_length)

    def _brought(self, fitting: Examples, learner: RowsOf | None, seed: int) -> tuple[Examples, RowsBefore | None]:
        """Return what is learnt from, brought to a learner's number of rows, and what it was before where that changed it."""
        if learner is None:
            return fitting, None
        others = self._examples(learner.data, learner.max_length)
        brought = equal_rows(fitting, others, seed) if others.trajectories else fitting
        if brought.units == fitting.units:
            return fitting, None
        return brought, RowsBefore(learner.arm, rows_of(fitting.units), len(fitting.units))


def _ascend(
    units: Sequence[Unit],
    loss: Loss,
    start: Numbers,
    options: dict[str, Any],
    settings: LoraSettings,
    seed: int,
    measures: StepMeasures,
) -> tuple[Numbers, list[MovesStep]]:
    """Return what was learnt, shape (moves,), and the steps; a message's decisions count together, as many as there are moves.

    Raises:
        TrainingDiverged: a loss is not a number.
    """
    delta, steps = start.copy(), list[MovesStep]()
    for rate, picked in batches(len(units), settings, seed):
        step = loss([units[i] for i in picked], delta, start, options)
        measures.add(step.loss, float(np.linalg.norm(step.gradient)), rate)
        if not np.isfinite(step.loss):
            diverged = TrainingDiverged(
                "training diverged",
                why=f"the loss is {step.loss} at step {len(steps) + 1}",
                fix=f"Lower lora.lr, now {settings.lr:g}.",
            )
            diverged.measured = measures.measured()
            raise diverged
        delta = delta - PACE * rate * step.gradient
        steps.append(step)
    return delta, steps


def _loss(batch: MovesBatch, delta: Numbers) -> float:
    """Return the mean negative log-likelihood per decision of the trajectories."""
    known = batch.known[batch.trajectory]
    return round(-float(batch.log_likelihoods(delta)[batch.trajectory].sum()) / max(1, int(known.sum())), 6)


def _drift(batch: MovesBatch, delta: Numbers) -> Drift:
    """Return how far a policy is from its base on the trajectories, per decision."""
    known = batch.known & batch.trajectory[:, None]
    kl, decisions = divergences(batch.base, delta)[known], max(1, int(known.sum()))
    entropy, before = (_entropy(sigmoid(batch.base + moved))[known] for moved in (delta, 0.0))
    return Drift(float(kl.mean()), float(entropy.mean()), float(before.mean()), decisions)


def _entropy(likely: Numbers) -> Numbers:
    return -(likely * np.log(likely) + (1 - likely) * np.log1p(-likely))


def _figures(steps: Sequence[MovesStep]) -> dict[str, float]:
    """Return the mean of each figure over the training, to six places."""
    found: dict[str, float] = {}
    for name in sorted({name for step in steps for name in step.figures}):
        sums, counts = zip(*(step.figures.get(name, (0.0, 0)) for step in steps), strict=True)
        found[name] = round(sum(sums) / sum(counts), 6) if sum(counts) else 0.0
    return found
