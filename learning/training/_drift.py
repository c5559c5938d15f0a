"""How far an adapter has moved its model: KL to the base model and entropy on completions, in one pass with it and one without.

TrainingMeasures on so few of the rows that it takes at most :data:`SHARE` of the training's own passes. Draws no random number, so
that it changes no adapter. Knows tokens and models; knows nothing of logs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from learning.training._ranks import Ranks
from learning.training.examples import Example, passes
from learning.training.losses import completion_logits, half, padded
from learning.training.measured import Drift

if TYPE_CHECKING:
    import torch
    from peft import PeftModel

SHARE = 0.05
"""Of the forward passes of a training (a backward pass counts as two), at most, that are made to measure drift."""
MOST = 64
"""Rows that are measured, at most."""
LOGITS = 1 << 24
"""Logits of one model that exist at once."""


def drift_rows(rows: Sequence[Example], repeat: int) -> list[Example]:
    """Return the rows, evenly spaced, whose drift is measured: before and after, with the adapter and without."""
    own = len(rows) * (3 * repeat + 2)  # forward and backward passes, and the losses before and after
    count = min(MOST, len(rows), max(1, int(SHARE * own / 4)))
    return [rows[i * len(rows) // count] for i in range(count)]


def measure_drift(model: PeftModel, rows: Sequence[Example], tokens_per_pass: int, ranks: Ranks) -> Drift:
    """Return how far the model is from its base on the completions of ``rows``, without dropout; each process has a share of them.

    KL(p || q) = sum_v p(v) log(p(v) / q(v)) over the vocabulary, p the model's next-token distribution and q the base's, and
    H(p) = -sum_v p(v) log p(v): exact for each token, where a sampled text would give an estimate.
    """
    import torch

    was_training = model.training
    model.eval()
    sums = torch.zeros(3, dtype=torch.float64)
    with torch.inference_mode():
        share = ranks.share(rows, lambda row: len(row.ids))
        for part in passes(share, tokens_per_pass):
            sums += _summed(model, part)
    model.train(was_training)
    tokens = sum(row.learnt for row in rows)
    kl, entropy, base_entropy = (round(ranks.total(float(each), model.device) / tokens, 6) for each in sums)
    return Drift(kl, entropy, base_entropy, tokens)


def _summed(model: PeftModel, rows: Sequence[Example]) -> torch.Tensor:
    """Return KL, entropy and the base's entropy summed over the completion tokens of one pass, shape (3,), float64."""
    import torch

    base: Any = model.get_base_model()
    batch = padded(rows, model.device)
    with half(base):
        adapted = completion_logits(base, batch)
        with model.disable_adapter():
            plain = completion_logits(base, batch)
        size = max(1, LOGITS // base.get_output_embeddings().weight.shape[0])
        sums = torch.zeros(3, dtype=torch.float64)
        for start in range(0, len(batch.targets), size):
            piece = slice(start, start + size)
            p = _log_probabilities(adapted, piece)
            with model.disable_adapter():
                q = _log_probabilities(plain, piece)
            sums += torch.stack([_expected(p, p - q), -_expected(p, p), -_expected(q, q)]).cpu()
    return sums


def _log_probabilities(logits: Callable[[slice], torch.Tensor], piece: slice) -> torch.Tensor:
    return logits(piece).float().log_softmax(-1)


def _expected(log_p: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return the sum over tokens of the mean of ``values`` under a distribution; what has no probability counts as nothing."""
    import torch

    p = log_p.exp()
    return torch.where(p > 0, p * values, 0.0).sum(-1).double().sum()
