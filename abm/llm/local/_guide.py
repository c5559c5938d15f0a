"""Holds rows of a batch to one of some token sequences, by the tokens that may come next. Knows tokens, no text.

Each row walks a trie of its options. Tokens that lead out of it become impossible before one is drawn, so that an
option is drawn with the probability of its tokens, renormalised at each step. A row without options is free.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch

Options = tuple[tuple[int, ...], ...]


class Node(dict[int, "Node"]):
    """What may follow: token -> node; ``whole`` if an option may end here."""

    whole = False


def trie(options: Iterable[Sequence[int]]) -> Node:
    """Return the root of the options' trie."""
    root = Node()
    for option in options:
        node = root
        for token in option:
            node = node.setdefault(token, Node())
        node.whole = True
    return root


class Guide:
    """Where each row of a batch is in its options.

    Args:
        options: of each row; empty for a free one.
        stops: tokens that end a row: possible where one option is complete and others continue.
    """

    def __init__(self, options: Sequence[Options], stops: set[int]) -> None:
        self._places: list[Node | None] = [trie(row) if row else None for row in options]
        self._stops = sorted(stops)
        self.guides = any(options)

    def mask(self, logits: torch.Tensor, live: Sequence[int]) -> torch.Tensor:
        """Return ``logits``, shape (live rows, vocabulary), in which what may not come is minus infinity.

        Args:
            live: number of the row behind each line.
        """
        if not self.guides:
            return logits
        wall = torch.zeros_like(logits)
        for line, row in enumerate(live):
            if (node := self._places[row]) is not None:
                allowed = [*node, *(self._stops if node.whole else ())]
                wall[line] = -torch.inf
                wall[line, torch.tensor(allowed, device=logits.device)] = 0
        return logits + wall

    def take(self, row: int, token: int) -> bool:
        """Advance by a drawn token other than a stop; return whether the row is complete and nothing may follow."""
        if (node := self._places[row]) is None:
            return False
        self._places[row] = node[token] or None  # done: free again while it waits for its batch
        return not node[token]
