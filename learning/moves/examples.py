"""Training rows as a moves model takes them: which moves, about which anchor. Knows rows; knows no loss and no contest's votes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from learning.methods import Row
from learning.moves.law import Law, Numbers
from learning.moves.repertoire import assignment, named_moves, read_moves, unread
from learning.training.examples import Example, Unit


class MovesExample(Example, frozen=True):
    """One row. Its ``ids`` are as many as prompt and completion have words; what they are plays no part.

    Attributes:
        moves: which of the moves it makes, shape (moves,); 1, 0, or NaN where it says nothing of a move.
        base: logits of the moves without an adapter, shape (moves,).
    """

    moves: Numbers = np.zeros(0)
    base: Numbers = np.zeros(0)


def encode_moves(row: Row, law: Law) -> MovesExample:
    """Return a row with the moves that its completion makes.

    A voter's thought counts as a message that makes the moves that it names with favour, and says nothing of others.

    Raises:
        InputError: no moves model wrote the message.
    """
    asked = assignment(row.prompt[-1]["content"])
    if row.kind == "thought":
        moves = np.where(named_moves(row.completion), 1.0, np.nan)
    elif (found := read_moves(row.completion)) is not None:
        moves = np.where(asked.possible, found.astype(np.float64), np.nan)
    else:
        raise unread(row.message, row.completion)
    start = sum(len(message["content"].split()) for message in row.prompt)
    words = start + len(row.completion.split())
    return MovesExample([0] * words, start, row.weight, row.kind, moves, law.logits(asked.anchor))


class MovesBatch:
    """Rows of units as columns.

    Attributes:
        moves, base: shape (rows, moves); ``known``: where a row says whether it makes a move.
        weights: shape (rows,); ``unit``: of which unit each row is, shape (rows,), of ``units`` units.
        trajectory, thought: shape (rows,).
        words: of the completions, shape (rows,).
    """

    def __init__(self, units: Sequence[Unit]) -> None:
        rows = [(number, row) for number, unit in enumerate(units) for row in unit if isinstance(row, MovesExample)]
        self.units = len(units)
        self.unit = np.array([number for number, _ in rows], dtype=np.int64)
        moves = np.array([row.moves for _, row in rows])
        self.known = ~np.isnan(moves)
        self.moves = np.where(self.known, moves, 0.0)
        self.base = np.array([row.base for _, row in rows])
        self.weights = np.array([row.weight for _, row in rows])
        self.words = np.array([row.learnt for _, row in rows], dtype=np.float64)
        kinds = [row.kind for _, row in rows]
        self.trajectory = np.array([kind == "trajectory" for kind in kinds])
        self.thought = np.array([kind == "thought" for kind in kinds])

    def residuals(self, delta: Numbers, temperature: float = 1.0) -> Numbers:
        """Return the gradient of each row's log-likelihood for ``delta``, shape (rows, moves), but for the factor 1 / temperature."""
        return np.where(self.known, self.moves - sigmoid((self.base + delta) / temperature), 0.0)

    def log_likelihoods(self, delta: Numbers | float, temperature: float = 1.0) -> Numbers:
        """Return the log-likelihood of each decision, shape (rows, moves); 0 where a row says nothing."""
        logits = (self.base + delta) / temperature
        return np.where(self.known, self.moves * logits - np.logaddexp(0.0, logits), 0.0)


def sigmoid(logits: Numbers) -> Numbers:
    """Return the probability of each move."""
    return 1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0)))
