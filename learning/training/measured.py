"""How a training went: what was measured at each optimiser step, and how far the model moved. Data; knows no torch and no log."""

from __future__ import annotations

from typing import Any

import msgspec

from abm.columns import Float32s, pack
from moloch.errors import MolochError


class Drift(msgspec.Struct, frozen=True):
    """How a model with an adapter differs from its base on completions, per token, in nats.

    Both are means over tokens of the completions, each predicted from those before it, of what the whole next-token
    distributions say.

    Attributes:
        kl: KL(model || base).
        entropy, base_entropy: of either's distribution.
        tokens: over which the means are.
    """

    kl: float
    entropy: float
    base_entropy: float
    tokens: int


class TrainingMeasures(msgspec.Struct, frozen=True):
    """Measures of one training.

    Attributes:
        losses: what each optimiser step minimised, over all processes; shape (steps,).
        gradient_norms: Euclidean norm of each step's gradient, before it is clipped; shape (steps,).
        learning_rates: with which each step was taken; shape (steps,).
        kl_before, kl_after: of the parent and of the new adapter to the base model (:class:`Drift`).
        entropy_before, entropy_after: of their distributions.
        drift_tokens: tokens over which these four are means; 0 where they were not measured, as in a training that diverged.
    """

    losses: Float32s = b""
    gradient_norms: Float32s = b""
    learning_rates: Float32s = b""
    kl_before: float = 0.0
    kl_after: float = 0.0
    entropy_before: float = 0.0
    entropy_after: float = 0.0
    drift_tokens: int = 0


class TrainingDiverged(MolochError):
    """A loss is not a number; ``measured`` holds the steps up to there."""

    measured: TrainingMeasures | None = None


class StepMeasures:
    """What is measured at each optimiser step, as it is taken."""

    def __init__(self) -> None:
        self._losses: list[float] = []
        self._norms: list[float] = []
        self._rates: list[float] = []

    def add(self, loss: float, gradient_norm: float, learning_rate: float) -> None:
        """Add the next step."""
        self._losses.append(loss)
        self._norms.append(gradient_norm)
        self._rates.append(learning_rate)

    def measured(self, before: Drift | None = None, after: Drift | None = None) -> TrainingMeasures:
        """Return the steps as columns, with how far the model has moved.

        Args:
            before: of the parent; None for the base model, which is no way from itself.
            after: of the new adapter; None if there is none.
        """
        columns: dict[str, Any] = {
            name: pack(values, Float32s)
            for name, values in (
                ("losses", self._losses),
                ("gradient_norms", self._norms),
                ("learning_rates", self._rates),
            )
        }
        if after is None:
            return TrainingMeasures(**columns)
        return TrainingMeasures(
            **columns,
            kl_before=before.kl if before else 0.0,
            kl_after=after.kl,
            entropy_before=before.entropy if before else after.base_entropy,
            entropy_after=after.entropy,
            drift_tokens=after.tokens,
        )
