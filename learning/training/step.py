"""One optimiser step as a loss sees it, and the loss of most methods. Knows examples and models; knows no method.

A loss is a function ``loss(step) -> Iterator[Tensor]``: it yields scalars whose sum, over all processes, is the loss of
the step. Each is differentiated before the next is asked for, so that only one pass's activations exist at a time. A
method names its loss as ``"module:function"``. Direct preference optimisation, for example, is::

    def preference(step):
        reference = step.fixed("base")
        for units in step.passes():
            rows = [row for unit in units for row in unit]  # chosen, rejected, chosen, rejected, ...
            gains = step.log_likelihoods(rows) - reference.sums(rows)
            margins = gains[0::2] - gains[1::2]
            yield -torch.nn.functional.logsigmoid(step.options["beta"] * margins).sum() / len(step.units)

What does not change while a model learns is asked for before the first pass, since all processes compute it together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from learning.methods import LossTerm
from learning.training._ranks import Ranks
from learning.training.examples import Example, Unit
from learning.training.figures import Figures
from learning.training.losses import layout_of, row_losses, step_losses, token_losses
from learning.training.unmoved import LogProbs, Unmoved, Whose
from moloch.errors import InputError

if TYPE_CHECKING:
    import torch
    from peft import PeftModel


@dataclass(frozen=True)
class TrainingStep:
    """One optimiser step.

    Attributes:
        model: the base model with its LoRA.
        units: of the whole step, whichever process computes them: what a mean is taken over.
        options: the method's own settings, by name.
        tokens_per_pass: tokens of one forward and backward pass, with their padding.
        ranks: this process among those that share the step.
        shared: whether rows share what their prompts begin with.
        figures: takes what a loss says of the training beside its value.
        unmoved: what the training does not move; without it, that is computed for this step alone.
    """

    model: PeftModel
    units: Sequence[Unit]
    options: dict[str, Any]
    tokens_per_pass: int
    ranks: Ranks
    shared: bool = False
    figures: Figures = field(default_factory=Figures)
    unmoved: Unmoved | None = None

    @property
    def rows(self) -> list[Example]:
        """The rows of all units."""
        return [row for unit in self.units for row in unit]

    def passes(self) -> Iterator[list[Unit]]:
        """Yield this process's units in groups of like length that fit one pass (or one unit that does not)."""
        group: list[Unit] = []
        for unit in self.ranks.share(self.units, _longest):
            rows = sum(map(len, group)) + len(unit)
            if group and rows * _longest(unit) > self.tokens_per_pass:  # units come by length: this one is the longest
                yield group
                group = []
            group.append(unit)
        if group:
            yield group

    def log_likelihoods(self, rows: Sequence[Example]) -> torch.Tensor:
        """Return each completion's summed log-likelihood in nats, shape (rows,), with gradients."""
        base = self.model.get_base_model()
        return -row_losses(base, rows, layout_of(base, self.shared))

    def token_log_likelihoods(self, rows: Sequence[Example], temperature: float = 1.0) -> torch.Tensor:
        """Return each completion token's log-likelihood in nats, row after row, shape (tokens,), with gradients.

        Args:
            temperature: by which logits are divided.
        """
        base = self.model.get_base_model()
        return -token_losses(base, rows, layout_of(base, self.shared), temperature)

    def fixed(self, whose: Whose, temperature: float = 1.0) -> LogProbs:
        """Return the log-probabilities of the training's rows by a model that does not change, computed once, without dropout.

        Args:
            whose: ``base``: the model without its adapter; ``start``: with the adapter that the training began with.
        """
        held = self.unmoved or Unmoved(self.model, self.units, self.tokens_per_pass, self.ranks, shared=self.shared)
        return held.by(whose, temperature)

    def reference(self, rows: Sequence[Example]) -> torch.Tensor:
        """Return the same by the base model alone (adapter off, no dropout), shape (rows,), without gradients.

        Computed anew at each call; :meth:`fixed` keeps what it has computed.
        """
        import torch

        was_training = self.model.training
        self.model.eval()
        with torch.no_grad(), self.model.disable_adapter():
            values = self.log_likelihoods(rows)
        self.model.train(was_training)
        return values


Loss = Callable[[TrainingStep], Iterator["torch.Tensor"]]
"""The parts of a step's loss."""


def likelihood(step: TrainingStep) -> Iterator[torch.Tensor]:
    """Yield the parts of the weighted negative log-likelihood per completion token of a trajectory.

    The formula is that of :mod:`learning.training.losses`. Rows are shared among processes one by one.
    """
    base, rows = step.model.get_base_model(), step.rows
    share = step.ranks.share(rows, lambda row: len(row.ids))
    return step_losses(base, rows, step.tokens_per_pass, layout_of(base, step.shared), share=share)


def mixed_likelihood(step: TrainingStep) -> Iterator[torch.Tensor]:
    """Yield the parts of the same per completion token of any row: a step may hold thoughts alone."""
    base, rows = step.model.get_base_model(), step.rows
    share = step.ranks.share(rows, lambda row: len(row.ids))
    return step_losses(base, rows, step.tokens_per_pass, layout_of(base, step.shared), share=share, alike=True)


def loss_named(place: str) -> Loss:
    """Return the loss that ``"module:function"`` names.

    Raises:
        InputError: it cannot be imported.
    """
    module, _, name = place.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(
            f"no loss {place!r}",
            why=str(error),
            fix='A method names its loss as "module:function"; the module must be one that can be imported.',
        ) from error


def with_terms(loss: Loss, terms: Sequence[LossTerm]) -> Loss:
    """Return a loss to whose parts those of further terms are added; itself without any.

    Raises:
        InputError: one cannot be imported.
    """
    if not terms:
        return loss
    added = [(loss_named(term.place), term.options) for term in terms]

    def whole(step: TrainingStep) -> Iterator[torch.Tensor]:
        yield from loss(step)
        for term, options in added:
            yield from term(replace(step, options=options))

    return whole


def _longest(unit: Unit) -> int:
    return max(len(row.ids) for row in unit)
