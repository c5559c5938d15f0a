"""How the same people chose about the same anchors in two evaluations: of two arms, or of one arm in two runs. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.readings.contests import EvaluationContest

NOT_BOTH, ALIKE, B_ONLY, A_ONLY = range(4)
"""Codes: not asked in both; the same choice; for the trained message in B and not in A; and the other way round."""


class ChoicesApart(NamedTuple):
    """One anchor, and the people who cast a valid vote about it in both.

    Attributes:
        contest_a, contest_b: ids; ``seq_a``, ``seq_b``: of the events that decided them.
        personas: shape (n,), ascending.
        a, b: shape (n,), 1 for the trained message, 0 for base's; between them where one chose more than once.
    """

    anchor: str
    contest_a: str
    contest_b: str
    seq_a: int
    seq_b: int
    personas: NDArray[np.int32]
    a: NDArray[np.float64]
    b: NDArray[np.float64]

    @property
    def shift(self) -> float:
        """By how much the share of these votes that goes to the trained message is larger in B, -1 .. 1; NaN where nobody voted in both."""
        return float(self.b.mean() - self.a.mean()) if len(self.personas) else float("nan")

    @property
    def codes(self) -> NDArray[np.uint8]:
        """How each chose, shape (n,)."""
        return np.where(self.a == self.b, ALIKE, np.where(self.b > self.a, B_ONLY, A_ONLY)).astype(np.uint8)


def choices_apart(a: Iterable[EvaluationContest], b: Iterable[EvaluationContest]) -> list[ChoicesApart]:
    """Return the anchors of both, those first whose votes differ most; contests that somebody forfeited are left out."""
    theirs = {contest.anchor: contest for contest in b if not contest.forfeited_by}
    found = [_apart(ours, theirs[ours.anchor]) for ours in a if not ours.forfeited_by and ours.anchor in theirs]
    return sorted(found, key=lambda each: -abs(each.shift) if len(each.personas) else 1.0)


def map_codes(found: Sequence[ChoicesApart], personas: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return the codes of all anchors for these people, shape (anchors, N).

    Args:
        personas: shape (N,), ascending.
    """
    codes = np.full((len(found), len(personas)), NOT_BOTH, dtype=np.uint8)
    for line, each in zip(codes, found, strict=True):
        rows = np.searchsorted(personas, each.personas)
        inside = rows < len(personas)
        inside[inside] = personas[rows[inside]] == each.personas[inside]
        line[rows[inside]] = each.codes[inside]
    return codes


def _apart(a: EvaluationContest, b: EvaluationContest) -> ChoicesApart:
    personas, rows_a, rows_b = np.intersect1d(a.personas, b.personas, assume_unique=True, return_indices=True)
    votes = a.votes[rows_a].astype(np.float64), b.votes[rows_b].astype(np.float64)
    return ChoicesApart(a.anchor, a.contest, b.contest, a.seq, b.seq, personas.astype(np.int32), *votes)
