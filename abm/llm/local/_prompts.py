"""Prompts of a batch, read into a cache: each of them once and, where that is asked for, what all begin with once for all.

A model that shares is one all of whose tokens see everything before them. Knows models and caches; knows nothing of drawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from abm.llm.beginnings import common
from abm.llm.local._steps import Plain

SHARED = 16
"""Tokens of a common beginning for which a pass of its own pays."""


class PromptsRead(NamedTuple):
    """What a model knows after its prompts.

    Attributes:
        logits: of the next token, shape (prompts, vocabulary).
        mask: 1 where the cache holds a token, shape (prompts, tokens held).
        positions: of each prompt's last token, shape (prompts, 1).
    """

    logits: torch.Tensor
    mask: torch.Tensor
    positions: torch.Tensor


def read(forward: Plain, prompts: Sequence[tuple[int, ...]], pad: int, *, share: bool) -> PromptsRead:
    """Read different prompts.

    Args:
        pad: token that fills up shorter prompts, on their left; where a beginning is shared, between it and the rest.
        share: whether the beginning that all prompts have is read once; changes only rounding.
    """
    head = beginning(prompts) if share else 0
    ids, mask = (each.to(forward.device) for each in left_padded([prompt[head:] for prompt in prompts], pad))
    if head:
        shared, seen = left_padded([prompts[0][:head]], pad)
        forward(shared.to(forward.device), (seen.cumsum(1) - 1).to(forward.device), seen.to(forward.device))
        forward.cache.batch_select_indices(mask.new_zeros(len(prompts), dtype=torch.long))
        mask = torch.nn.functional.pad(mask, (head, 0), value=1)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    return PromptsRead(forward(ids, positions[:, head:], mask), mask, positions[:, -1:])


def beginning(prompts: Sequence[tuple[int, ...]]) -> int:
    """Return how many tokens the prompts have in common, of several and if they are enough: something of each is left."""
    shared = min(common(prompts), min(map(len, prompts)) - 1)
    return shared if len(prompts) > 1 and shared >= SHARED else 0


def left_padded(prompts: Sequence[Sequence[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids and attention mask, shape (prompts, longest)."""
    longest = max(map(len, prompts))
    ids = [[pad] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
    mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(ids), torch.tensor(mask)
