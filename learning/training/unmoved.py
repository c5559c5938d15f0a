"""What a training does not move: how likely each row's tokens are to the base model, and to the model that it began with.

Computed for all rows of the training when a loss first asks, without dropout, and kept: 4 bytes a token. Knows models and examples;
knows no loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Literal

from learning.training._ranks import Ranks
from learning.training.examples import Example, Unit, passes
from learning.training.losses import layout_of, token_losses

if TYPE_CHECKING:
    import torch
    from peft import PeftModel

Whose = Literal["base", "start"]
"""The model without the adapter, or with the adapter as it was before the first step."""


class LogProbs:
    """Log-probabilities of completion tokens that stay what they are.

    Args:
        rows: all that can be asked for, and ``values``: their tokens', row after row, shape (tokens,).
    """

    def __init__(self, rows: Sequence[Example], values: torch.Tensor) -> None:
        self._rows = rows  # kept, so that no other row takes the identity of one of these
        parts = values.split([row.learnt for row in rows])
        self._of = {id(row): part for row, part in zip(rows, parts, strict=True)}

    def tokens(self, rows: Sequence[Example]) -> torch.Tensor:
        """Return those of the rows, row after row, shape (tokens,), in nats."""
        import torch

        return torch.cat([self._of[id(row)] for row in rows])

    def sums(self, rows: Sequence[Example]) -> torch.Tensor:
        """Return each completion's log-likelihood in nats, shape (rows,)."""
        import torch

        return torch.stack([self._of[id(row)].sum() for row in rows])


class Unmoved:
    """The log-probabilities that a training holds on to.

    Args:
        units: of the whole training.
        fresh: whether it begins with a new adapter, which changes nothing yet: its start is the base model.
    """

    def __init__(
        self,
        model: PeftModel,
        units: Sequence[Unit],
        tokens_per_pass: int,
        ranks: Ranks,
        *,
        shared: bool = False,
        fresh: bool = False,
    ) -> None:
        self._model, self._tokens_per_pass, self._ranks = model, tokens_per_pass, ranks
        self._rows = [row for unit in {id(unit): unit for unit in units}.values() for row in unit]
        self._shared, self._fresh = shared, fresh
        self._held: dict[tuple[Whose, float], LogProbs] = {}

    def by(self, whose: Whose, temperature: float = 1.0) -> LogProbs:
        """Return the log-probabilities of all rows; every process has to ask, and the first time before a step is taken."""
        asked: tuple[Whose, float] = ("base" if self._fresh else whose, temperature)
        if asked not in self._held:
            self._held[asked] = LogProbs(self._rows, self._computed(*asked))
        return self._held[asked]

    def _computed(self, whose: Whose, temperature: float) -> torch.Tensor:
        import torch

        base, layout = self._model.get_base_model(), layout_of(self._model.get_base_model(), self._shared)
        values = torch.zeros(sum(row.learnt for row in self._rows), device=self._model.device)
        of = dict(zip(map(id, self._rows), values.split([row.learnt for row in self._rows]), strict=True))
        without: AbstractContextManager[object] = self._model.disable_adapter() if whose == "base" else nullcontext()
        was_training = self._model.training
        self._model.eval()
        with torch.no_grad(), without:
            for part in passes(self._ranks.share(self._rows, lambda row: len(row.ids)), self._tokens_per_pass, layout):
                found = -token_losses(base, part, layout, temperature)
                for row, each in zip(part, found.split([row.learnt for row in part]), strict=True):
                    of[id(row)].copy_(each)
        self._model.train(was_training)
        self._ranks.add_up(values)
        return values
