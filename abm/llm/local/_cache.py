"""Keys and values of a batch in buffers with spare room: most tokens are written in place, nothing is copied.

Every layer keeps all positions; a model's sliding windows are left to its attention mask. A pinned layer writes where a
tensor says and shows its whole buffers, so that a step's shapes and addresses stay while the room lasts.
"""

from __future__ import annotations

import torch
from transformers.cache_utils import Cache, DynamicLayer

ROOM = 64
"""Positions by which the buffers grow, and ``PINNED_ROOM``: of a pinned layer, whose growth costs more."""
PINNED_ROOM = 256


class RoomyLayer(DynamicLayer):
    """One layer's keys and values, shape (rows, heads, positions, width), as views of larger buffers."""

    _buffers: tuple[torch.Tensor, torch.Tensor] | None = None
    _held = 0
    _place: torch.Tensor | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append the states of new positions and return those of all positions."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        buffers, end = self._buffers, self._held + key_states.shape[2]
        if self._place is not None:
            assert buffers is not None
            for buffer, states in zip(buffers, (key_states, value_states), strict=True):
                buffer.index_copy_(2, self._place, states)
            return buffers
        if buffers is None:
            buffers = (_roomy(key_states, len(key_states), end), _roomy(value_states, len(value_states), end))
        elif buffers[0].shape[2] < end:
            buffers = tuple(_moved(old, self._held, end) for old in buffers)
        buffers[0][:, :, self._held : end] = key_states
        buffers[1][:, :, self._held : end] = value_states
        return self._show((buffers[0], buffers[1]), end)

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep, and repeat, the rows ``indices``; the copy has its own spare room."""
        self._copy(indices)

    def pin(self, place: torch.Tensor) -> torch.Tensor:
        """Write the next position where ``place``, shape (1,), says, until :meth:`advance`; return the buffer of keys.

        What is shown holds unwritten positions, too, which the mask has to bar; they are zeros.
        """
        fresh, self._place = self._place is None, place
        assert self._buffers is not None
        if fresh or self._buffers[0].shape[2] == self._held:
            self._copy()
        return self._buffers[0]

    def advance(self) -> None:
        """Count the position that was written at the pinned place."""
        assert self._buffers is not None
        self._show(self._buffers, self._held + 1)

    def _copy(self, rows: torch.Tensor | None = None) -> None:
        assert self._buffers is not None
        room = ROOM if self._place is None else PINNED_ROOM
        keys, values = (_moved(old, self._held, self._held, rows, room) for old in self._buffers)
        if self._place is not None:
            keys[:, :, self._held :] = values[:, :, self._held :] = 0  # a mask bars numbers, but not NaN
        self._show((keys, values), self._held)

    def _show(self, buffers: tuple[torch.Tensor, torch.Tensor], held: int) -> tuple[torch.Tensor, torch.Tensor]:
        self._buffers, self._held = buffers, held
        self.keys, self.values = keys, values = buffers[0][:, :, :held], buffers[1][:, :, :held]
        return keys, values


def _roomy(like: torch.Tensor, rows: int, positions: int, room: int = ROOM) -> torch.Tensor:
    """Return a buffer for ``positions`` and ``room`` more."""
    return like.new_empty((rows, like.shape[1], positions + room, like.shape[3]))


def _moved(
    old: torch.Tensor, held: int, positions: int, rows: torch.Tensor | None = None, room: int = ROOM
) -> torch.Tensor:
    """Return a larger buffer that begins with the ``held`` positions of ``old``, of ``rows`` only if given."""
    buffer = _roomy(old, len(old) if rows is None else len(rows), positions, room)
    if rows is None:
        buffer[:, :, :held] = old[:, :, :held]
    else:
        torch.index_select(old[:, :, :held], 0, rows, out=buffer[:, :, :held])
    return buffer


def roomy_cache(layers: int) -> Cache:
    """Return an empty cache of ``layers`` layers."""
    return Cache(layers=[RoomyLayer() for _ in range(layers)])
