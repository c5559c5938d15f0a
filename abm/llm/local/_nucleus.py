"""The smallest set of likeliest tokens that holds a share of the probability, without sorting a vocabulary."""

from __future__ import annotations

import torch

WIDE = 1024
"""Tokens that are ranked first; a distribution so flat that more are needed is sorted whole."""


def nucleus(probabilities: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Return which tokens belong to each row's nucleus, shape (rows, vocabulary); the likeliest token always does.

    Tokens belong in order of falling probability, equal ones in order of their ids, until the ones before have ``top_p``
    (Holtzman et al., arXiv 1904.09751). On a CPU the set is the one that a stable sort of all tokens gives, bit for bit.

    Args:
        probabilities: shape (rows, vocabulary).
        top_p: shape (rows, 1), in (0, 1].
    """
    ranked = probabilities.topk(min(WIDE, probabilities.shape[-1]), dim=-1).values
    belongs = _belongs(ranked, top_p)
    chosen = _first(probabilities, ranked, belongs.sum(-1, keepdim=True))
    more = belongs[:, -1] if ranked.shape[-1] < probabilities.shape[-1] else torch.zeros_like(belongs[:, 0])
    ragged = (belongs[:, 1:] & ~belongs[:, :-1]).any(-1)  # sums of rounded numbers need not rise
    if (unsure := more | ragged).any():
        chosen[unsure] = _sorted(probabilities[unsure], top_p[unsure])
    return chosen


def _belongs(ranked: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Return which of the ranked probabilities belong: those before have less than ``top_p`` together."""
    belongs = (ranked.cumsum(-1) - ranked) < top_p
    belongs[:, 0] = True
    return belongs


def _first(probabilities: torch.Tensor, ranked: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    """Return the ``count`` likeliest tokens of each row; of those as likely as the last, the ones of lowest id."""
    last = ranked.gather(-1, count - 1)
    chosen = probabilities >= last
    if (chosen.sum(-1, keepdim=True) > count).any():
        likelier, tied = probabilities > last, probabilities == last
        chosen = likelier | (tied & (tied.cumsum(-1) <= count - likelier.sum(-1, keepdim=True)))
    return chosen


def _sorted(probabilities: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Return the nucleus by sorting all tokens."""
    ranked, order = probabilities.sort(dim=-1, descending=True, stable=True)
    belongs = _belongs(ranked, top_p)
    return torch.zeros_like(belongs).scatter(-1, order, belongs)
