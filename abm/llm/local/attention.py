"""Attention as decoding and training want it: shared keys read once, and kernels that take any length.

Knows torch's and transformers' attention; knows nothing of decoding loops or losses.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import eager_mask, sdpa_mask

GROUPED = "sdpa_grouped"
"""Name of :func:`grouped_attention` for ``model.set_attn_implementation``."""


def grouped_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attend as transformers' ``sdpa``; where each row asks with one token, without copies of keys and values.

    With a mask, which a padded batch needs, ``sdpa`` repeats keys and values for each of the query heads that share
    them: of Qwen3-8B, four times what is held is written and read at each step. Here these heads are the places of one
    query instead.

    Args:
        query: shape (rows, query heads, tokens, width).
        key, value: shape (rows, key heads, positions, width); query heads of one key head are neighbours.
        attention_mask: True where a token may look, shape (rows, 1, tokens, positions).

    Returns:
        shape (rows, tokens, query heads, width).
    """
    rows, heads, tokens, width = query.shape
    shared = key.shape[1]
    if tokens > 1 or heads == shared or options.get("position_bias") is not None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **options)
    folded = query.reshape(rows, shared, heads // shared, width)
    attended = torch.nn.functional.scaled_dot_product_attention(
        folded, key, value, attn_mask=attention_mask, dropout_p=options.get("dropout", 0.0), scale=scaling
    )
    return attended.reshape(rows, 1, heads, value.shape[-1]), None


PLAIN = "plain_grouped"
"""Name of :func:`plain_attention`."""


def plain_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor,
    scaling: float | None = None,
    dropout: float = 0.0,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attend by two products and a softmax in the precision of the inputs, without copies of keys and values.

    On a CPU the backward pass of ``sdpa`` takes as long in bfloat16 as in float32; that of products takes half.

    Args:
        attention_mask: what is added to scores, shape (rows, 1, tokens, positions).

    Returns:
        shape (rows, tokens, query heads, width).
    """
    rows, heads, tokens, width = query.shape
    shared = key.shape[1]
    group = heads // shared
    scaled = query * (width**-0.5 if scaling is None else scaling)
    scores = scaled.reshape(rows, shared, group * tokens, width) @ key.transpose(2, 3)
    scores = scores.view(rows, shared, group, tokens, -1) + attention_mask[:, :, None]
    weights = torch.nn.functional.dropout(scores.softmax(-1), dropout, module.training)
    attended = weights.view(rows, shared, group * tokens, -1) @ value
    return attended.view(rows, heads, tokens, -1).transpose(1, 2), None


AttentionInterface.register(GROUPED, grouped_attention)
AttentionMaskInterface.register(GROUPED, sdpa_mask)
AttentionInterface.register(PLAIN, plain_attention)
AttentionMaskInterface.register(PLAIN, eager_mask)


@contextmanager
def any_length() -> Iterator[None]:
    """Leave cuDNN's attention out inside the block: it builds a plan for every new length, and lengths change at each step."""
    before = torch.backends.cuda.cudnn_sdp_enabled()
    torch.backends.cuda.enable_cudnn_sdp(False)
    try:
        yield
    finally:
        torch.backends.cuda.enable_cudnn_sdp(before)
