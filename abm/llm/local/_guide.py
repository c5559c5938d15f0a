"""Holds rows of a batch to one of some token sequences, or to a form, by the tokens that may come next. Knows tokens, no text.

Each row walks a trie of its options, or a form (:mod:`abm.llm.local._form`). Tokens that lead out of it become impossible before one
is drawn, so that an option is drawn with the probability of its tokens, renormalised at each step. In a text of a form any token
may come that is safe there, as long as enough tokens are left to complete the form. A row without either is free.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import torch

Options = tuple[tuple[int, ...], ...]


class Node(dict[int, "Node"]):
    """What may follow: token -> node.

    Attributes:
        whole: whether an option may end here.
        free: of a form, characters of the text that may be written here before one of the tokens that close it.
        least: of a form, tokens that complete it from here at least.
    """

    whole = False
    free = 0
    least = 0


def trie(options: Iterable[Sequence[int]]) -> Node:
    """Return the root of the options' trie."""
    root = Node()
    for option in options:
        node = root
        for token in option:
            node = node.setdefault(token, Node())
        node.whole = True
    return root


class Held(Protocol):
    """A form, as a guide sees it."""

    @property
    def root(self) -> Node: ...
    @property
    def lengths(self) -> torch.Tensor: ...


class Guide:
    """Where each row of a batch is in its options, or in its form.

    Args:
        options: of each row; empty for a free one.
        stops: tokens that end a row: possible where one option is complete and others continue.
        forms: of each row, or None; those that have one have no options.
        limits: tokens that each row may write.
    """

    def __init__(
        self,
        options: Sequence[Options],
        stops: set[int],
        forms: Sequence[Held | None] = (),
        limits: Sequence[int] = (),
    ) -> None:
        self._forms = list(forms) or [None] * len(options)
        self._places: list[Node | None] = [
            form.root if form is not None else trie(row) if row else None
            for row, form in zip(options, self._forms, strict=True)
        ]
        self._left, self._written = list(limits), [0] * len(options)
        self._stops = sorted(stops)
        self.guides = any(place is not None for place in self._places)

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
                wall[line] = -torch.inf
                if node.free:
                    wall[line, self._safe(row, node, logits.device)] = 0
                wall[line, torch.tensor(self._next(row, node), device=logits.device)] = 0
        return logits + wall

    def take(self, row: int, token: int) -> bool:
        """Advance by a drawn token other than a stop; return whether the row is complete and nothing may follow."""
        if (node := self._places[row]) is None:
            return False
        form = self._forms[row]
        if form is not None:
            self._left[row] -= 1
            if token not in node:
                self._written[row] += int(form.lengths[token])
                return False
            self._written[row] = 0
        self._places[row] = node[token] or None  # done: free again while it waits for its batch
        return not node[token]

    def _next(self, row: int, node: Node) -> list[int]:
        """Return the tokens that lead on; of a form, those after which it can still be completed."""
        if self._forms[row] is None:
            return [*node, *(self._stops if node.whole else ())]
        return [token for token, after in node.items() if after.least < self._left[row]] or list(node)

    def _safe(self, row: int, node: Node, device: torch.device) -> torch.Tensor:
        """Return the tokens that a text may go on with; none where the form could then not be completed."""
        form = self._forms[row]
        if form is None or node.least >= self._left[row]:
            return torch.zeros(0, dtype=torch.long, device=device)
        fits = (form.lengths > 0) & (form.lengths <= node.free - self._written[row])
        return fits.nonzero().ravel().to(device)
