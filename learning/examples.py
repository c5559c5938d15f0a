"""Examples as tokens: what of a training set fits, in which batches, and the loss that they have.

Loss of one optimiser step, with w_r a row's weight, S_r the summed negative log-likelihood of its completion's tokens
and T the completion tokens of the step's trajectories:

    L = sum_r w_r * S_r / T

Prompts carry no loss. Without thoughts all weights are 1 and L is what TRL computes by default. Knows tokens and
models; knows nothing of logs, optimisers or files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from learning.training_set import Row, TrainingSet

if TYPE_CHECKING:
    import torch

_IGNORED = -100


class Example(msgspec.Struct, frozen=True):
    """One row as tokens; those from ``start`` on carry loss."""

    ids: list[int]
    start: int
    weight: float
    trajectory: bool

    @property
    def learnt(self) -> int:
        """Tokens that carry loss."""
        return len(self.ids) - self.start


Unit = list[Example]
"""A trajectory, first, and the thoughts about its contest: never parted, so that steps count trajectories."""


class Examples(msgspec.Struct, frozen=True):
    """What a trainer can learn from.

    Attributes:
        units: one per contest whose trajectory fits.
        over_long: rows longer than the limit.
        orphaned: thoughts left out because their contest's trajectory is over-long.
    """

    units: list[Unit]
    over_long: int
    orphaned: int

    @property
    def trajectories(self) -> list[Example]:
        """The first example of each unit."""
        return [unit[0] for unit in self.units]


def encode(row: Row, tokenizer: Any) -> Example:
    """Return a row's tokens: the chat template applied once, as in generation, then the completion and the end token."""
    prompt = tokenizer.apply_chat_template(row.prompt, tokenize=False, add_generation_prompt=True)
    head = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    tail = tokenizer(row.completion, add_special_tokens=False)["input_ids"]
    return Example([*head, *tail, tokenizer.eos_token_id], len(head), row.weight, row.kind == "trajectory")


def examples(data: TrainingSet, tokenizer: Any, max_length: int) -> Examples:
    """Return the rows of ``data`` that have at most ``max_length`` tokens, by contest; nothing is ever cut."""
    units: dict[str, Unit] = {}
    over_long = orphaned = 0
    for row in sorted(data.rows, key=lambda row: row.kind == "thought"):
        example = encode(row, tokenizer)
        if len(example.ids) > max_length:
            over_long += 1
        elif example.trajectory:
            units[row.contest] = [example]
        elif row.contest in units:
            units[row.contest].append(example)
        else:
            orphaned += 1
    return Examples(list(units.values()), over_long, orphaned)


def passes(rows: Sequence[Example], tokens: int) -> Iterator[list[Example]]:
    """Yield the rows in groups of like length, each at most ``tokens`` with its padding (or a single row)."""
    group: list[Example] = []
    for row in sorted(rows, key=lambda row: len(row.ids)):
        if group and len(row.ids) * (len(group) + 1) > tokens:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def row_losses(model: Any, rows: Sequence[Example]) -> torch.Tensor:
    """Return each row's summed negative log-likelihood, shape (rows,), float32, on the model's device.

    Rows are padded on the right, behind their attention mask. Logits are made from the first completion token on: most
    of a batch is prompt, and with a large vocabulary its logits would take most of the memory.

    Args:
        model: a causal language model of transformers, PEFT's wrapping taken off.
    """
    import torch

    first, longest = min(row.start for row in rows), max(len(row.ids) for row in rows)
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    mask, targets = torch.zeros_like(ids), torch.full_like(ids, _IGNORED)
    for i, row in enumerate(rows):
        ids[i, : len(row.ids)] = torch.tensor(row.ids)
        mask[i, : len(row.ids)] = 1
        targets[i, row.start : len(row.ids)] = ids[i, row.start : len(row.ids)]
    ids, mask, targets = (tensor.to(model.device) for tensor in (ids, mask, targets[:, first:]))
    kept = torch.arange(first - 1, longest - 1, device=model.device)  # a token is predicted one before it
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=kept).logits
    wanted = targets != _IGNORED
    losses = torch.nn.functional.cross_entropy(logits[wanted].float(), targets[wanted], reduction="none")
    return losses.new_zeros(len(rows)).index_add(0, wanted.nonzero()[:, 0], losses)


def step_losses(model: Any, rows: Sequence[Example], tokens_per_pass: int) -> Iterator[torch.Tensor]:
    """Yield the parts whose sum is the loss of one optimiser step (the module's formula), one per pass."""
    import torch

    learnt = sum(row.learnt for row in rows if row.trajectory)
    for part in passes(rows, tokens_per_pass):
        weights = torch.tensor([row.weight / learnt for row in part], device=model.device)
        yield (weights * row_losses(model, part)).sum()


def mean_loss(model: Any, rows: Sequence[Example], tokens_per_pass: int) -> float:
    """Return the mean negative log-likelihood per completion token of ``rows``, without dropout."""
    import torch

    was_training = model.training
    model.eval()
    with torch.inference_mode():
        total = sum(float(row_losses(model, part).sum()) for part in passes(rows, tokens_per_pass))
    model.train(was_training)
    return total / sum(row.learnt for row in rows)
