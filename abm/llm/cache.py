"""Keys and values of a batch in buffers with spare room: most tokens are written in place, nothing is copied.

Every layer keeps all positions; a model's sliding windows are left to its attention mask.
"""

from __future__ import annotations

import torch
from transformers.cache_utils import Cache, DynamicLayer

ROOM = 64
"""Positions by which the buffers grow."""


class RoomyLayer(DynamicLayer):
    """One layer's keys and values, shape (rows, heads, positions, width), as views of larger buffers."""

    _buffers: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append the states of new positions and return those of all positions."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = key_states[:, :, :0], value_states[:, :, :0]
        held, new = self.keys.shape[2], key_states.shape[2]
        if self._buffers is None or self._buffers[0].shape[2] < held + new:
            self._reserve(held + new + ROOM)
        assert self._buffers is not None
        for buffer, states in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[:, :, held : held + new] = states
        self.keys, self.values = (buffer[:, :, : held + new] for buffer in self._buffers)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep, and repeat, the rows ``indices``; the copy has spare room of its own."""
        self._reserve(self.keys.shape[2] + ROOM, indices)

    def _reserve(self, positions: int, rows: torch.Tensor | None = None) -> None:
        """Move to buffers of ``positions``, with the rows ``rows`` only."""
        held = self.keys.shape[2]
        moved = []
        for old in (self.keys, self.values):
            count = old.shape[0] if rows is None else len(rows)
            buffer = old.new_empty((count, old.shape[1], positions, old.shape[3]))
            if rows is None:
                buffer[:, :, :held] = old
            else:
                torch.index_select(old, 0, rows, out=buffer[:, :, :held])
            moved.append(buffer)
        self._buffers = (moved[0], moved[1])
        self.keys, self.values = (buffer[:, :, :held] for buffer in self._buffers)


def roomy_cache(layers: int) -> Cache:
    """Return an empty cache of ``layers`` layers."""
    return Cache(layers=[RoomyLayer() for _ in range(layers)])
