"""Batched decoding: left-padded, cached, each row sampled from its own keyed stream. Token ids in, token ids out.

One uniform per token and inverse-CDF sampling: what a row draws depends on its seed alone, not on its batch.
Works with any causal language model of transformers; knows nothing of text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers.cache_utils import Cache, DynamicLayer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

GROW = 64
"""Tokens by which a cache's buffers grow, so that most steps copy nothing."""

COMPACT = 0.75
"""Finished rows leave the batch when at most this share of it is still running."""


@dataclass(frozen=True)
class Row:
    """One prompt and how to continue it; ``max_tokens`` bounds the new tokens."""

    prompt: list[int]
    seed: int
    temperature: float
    top_p: float
    max_tokens: int


class _GrowingLayer(DynamicLayer):
    """A cache layer that writes into spare room instead of copying everything at each token."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = key_states[:, :, :0], value_states[:, :, :0]
            self._room = (self.keys, self.values)
        held, new = self.keys.shape[2], key_states.shape[2]
        if self._room[0].shape[0] != self.keys.shape[0] or self._room[0].shape[2] < held + new:
            self._room = tuple(_roomy(old, held + new + GROW) for old in (self.keys, self.values))
        for room, states in zip(self._room, (key_states, value_states), strict=True):
            room[:, :, held : held + new] = states
        self.keys, self.values = (room[:, :, : held + new] for room in self._room)
        return self.keys, self.values


def _roomy(old: torch.Tensor, length: int) -> torch.Tensor:
    room = old.new_empty((*old.shape[:2], length, old.shape[3]))
    room[:, :, : old.shape[2]] = old
    return room


@torch.inference_mode()
def decode(model: PreTrainedModel, rows: Sequence[Row], *, pad: int, stops: set[int]) -> list[tuple[list[int], bool]]:
    """Return each row's new tokens (without the stop token) and whether it stopped by itself.

    Args:
        pad: token for left padding.
        stops: tokens that end a row.
    """
    device = model.device
    longest = max(len(row.prompt) for row in rows)
    ids = torch.full((len(rows), longest), pad, device=device)
    mask = torch.zeros((len(rows), longest), dtype=torch.long, device=device)
    for i, row in enumerate(rows):
        ids[i, longest - len(row.prompt) :] = torch.tensor(row.prompt, device=device)
        mask[i, longest - len(row.prompt) :] = 1
    draws = _draws(rows).to(device)
    temperature = torch.tensor([row.temperature for row in rows], device=device)[:, None]
    top_p = torch.tensor([row.top_p for row in rows], device=device)[:, None]
    limits = torch.tensor([row.max_tokens for row in rows], device=device)
    stop_ids = torch.tensor(sorted(stops), device=device)
    out: list[list[int]] = [[] for _ in rows]
    stopped = [False] * len(rows)
    live = torch.arange(len(rows), device=device)
    running = torch.ones(len(rows), dtype=torch.bool, device=device)
    cache = Cache(layers=[_GrowingLayer() for _ in range(model.config.num_hidden_layers)])
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    for step in range(int(limits.max())):
        logits = model(
            input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1
        ).logits[:, -1]
        tokens = sample(logits, draws[live, step], temperature[live], top_p[live])
        ended = torch.isin(tokens, stop_ids)
        for i, token, end, go in zip(live.tolist(), tokens.tolist(), ended.tolist(), running.tolist(), strict=True):
            if go and end:
                stopped[i] = True
            elif go:
                out[i].append(token)
        running = running & ~ended & (step + 1 < limits[live])
        if not bool(running.any()):
            break
        ids, positions = tokens[:, None], positions[:, -1:] + 1
        mask = torch.nn.functional.pad(mask, (0, 1), value=1)
        if int(running.sum()) <= COMPACT * len(running):
            keep = running.nonzero().squeeze(1)
            cache.batch_select_indices(keep)
            ids, positions, mask = ids[keep], positions[keep], mask[keep]
            live, running = live[keep], running[keep]
    return list(zip(out, stopped, strict=True))


def _draws(rows: Sequence[Row]) -> torch.Tensor:
    """Return uniforms in [0, 1), shape (rows, longest limit), each row from its own Philox stream."""
    longest = max(row.max_tokens for row in rows)
    draws = np.zeros((len(rows), longest), dtype=np.float32)
    for i, row in enumerate(rows):
        draws[i, : row.max_tokens] = np.random.Generator(np.random.Philox(key=row.seed)).random(row.max_tokens, dtype=np.float32)
    return torch.from_numpy(draws)


def sample(
    logits: torch.Tensor, draws: torch.Tensor, temperature: torch.Tensor, top_p: torch.Tensor
) -> torch.Tensor:
    """Return one token per row by inverse CDF; the likeliest where the temperature is 0.

    Args:
        logits: shape (rows, vocabulary).
        draws: shape (rows,), uniforms in [0, 1).
        temperature, top_p: shape (rows, 1).
    """
    logits = logits.float()
    greedy = temperature == 0
    scaled = logits / temperature.masked_fill(greedy, 1.0)
    probabilities = torch.softmax(scaled, dim=-1)
    if bool((top_p < 1).any()):
        ranked, order = probabilities.sort(dim=-1, descending=True)
        before = ranked.cumsum(-1) - ranked
        kept = torch.zeros_like(probabilities, dtype=torch.bool).scatter(-1, order, before < top_p)
        probabilities = probabilities * kept
    cumulative = probabilities.cumsum(-1)
    drawn = torch.searchsorted(cumulative, draws[:, None] * cumulative[:, -1:], right=True).squeeze(1)
    drawn = drawn.clamp(max=logits.shape[1] - 1)
    return torch.where(greedy.squeeze(1), logits.argmax(-1), drawn)
