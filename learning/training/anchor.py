"""A term of the loss that holds a model near its base: the KL divergence of their next-token distributions. Knows no method.

For the n message tokens of a step (trajectories and rejected messages; thoughts are about other prompts), p the next-token distribution of
the model and q that of its base, both over the whole vocabulary at temperature 1:

    beta / n * sum_t sum_v p_t(v) log(p_t(v) / q_t(v))

It is exact at each token, where a sampled token would give an estimate, and the same quantity that alarms measure
(:class:`learning.training.measured.Drift`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from learning.training.examples import Example
from learning.training.losses import completion_logits, half, padded
from learning.training.step import TrainingStep

if TYPE_CHECKING:
    import torch
    from peft import PeftModel

LOGITS = 1 << 24
"""Logits of one model that exist at once; they are made again in the backward pass."""


def kl_to_base(step: TrainingStep) -> Iterator[torch.Tensor]:
    """Yield the parts of the term, one per pass. Options: ``beta``. The figure ``kl_anchor`` is the divergence per token."""
    total = sum(row.learnt for row in step.rows if row.kind != "thought")
    step.figures.add({"kl_anchor": 0.0}, 0)
    for units in step.passes():
        rows = [row for unit in units for row in unit if row.kind != "thought"]
        if rows:
            divergence = summed_divergence(step.model, rows)
            step.figures.add({"kl_anchor": float(divergence.detach())}, sum(row.learnt for row in rows))
            yield step.options["beta"] / total * divergence


def summed_divergence(model: PeftModel, rows: Sequence[Example]) -> torch.Tensor:
    """Return KL(model || base) in nats, summed over the completion tokens of ``rows``; a scalar, with gradients for the adapter.

    The base has no dropout, whatever the model has.
    """
    import torch
    from torch.utils.checkpoint import checkpoint

    base: Any = model.get_base_model()
    batch = padded(rows, model.device)
    was_training = model.training
    with half(base):
        adapted = completion_logits(base, batch)
        model.eval()
        with torch.no_grad(), model.disable_adapter():
            plain = completion_logits(base, batch)
        model.train(was_training)

        def divergence(piece: slice) -> torch.Tensor:
            with half(base):  # it is computed again in the backward pass, outside of this block
                log_p = adapted(piece).float().log_softmax(-1)
                with torch.no_grad(), model.disable_adapter():  # which the output matrix may have, too
                    log_q = plain(piece).float().log_softmax(-1)
            return torch.where(log_p > -torch.inf, log_p.exp() * (log_p - log_q), 0.0).sum()

        size = max(1, LOGITS // base.get_output_embeddings().weight.shape[0])
        pieces = [slice(start, start + size) for start in range(0, len(batch.targets), size)]
        parts = [checkpoint(divergence, piece, use_reentrant=False) for piece in pieces]
    return torch.stack(parts).sum()
