"""Draws by inverse CDF: from all tokens, or from the likeliest that hold a share of the probability, without sorting a vocabulary."""

from __future__ import annotations

import torch

WIDTHS = (128, 1024)
"""Tokens that are looked at first, and then in rows so flat that more belong; flatter rows are looked at whole."""


def drawn(weights: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """Return one token per row: the first whose cumulative weight exceeds the draw.

    Args:
        weights: shape (rows, tokens), not negative; tokens of weight 0 are never drawn.
        draws: shape (rows,), uniforms in [0, 1).
    """
    cumulative = weights.cumsum(-1)
    total = cumulative[:, -1:]
    below = torch.nextafter(total, torch.zeros_like(total))  # rounding must not draw beyond the last possible token
    return torch.searchsorted(cumulative, torch.minimum(draws[:, None] * total, below), right=True).squeeze(1)


def drawn_from_nucleus(probabilities: torch.Tensor, draws: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Return one token per row, drawn from the row's nucleus; the likeliest token always belongs to it.

    Tokens belong in order of falling probability, equal ones in order of their ids, until the ones before have ``top_p``
    (Holtzman et al., arXiv 1904.09751). On a CPU the token is the one that a stable sort of all tokens gives, bit for bit.

    Args:
        probabilities: shape (rows, vocabulary).
        draws: shape (rows,), uniforms in [0, 1).
        top_p: shape (rows, 1), in (0, 1].
    """
    size = probabilities.shape[-1]
    tokens = torch.zeros_like(draws, dtype=torch.long)
    rows = torch.arange(len(draws), device=draws.device)
    for width in (*(width for width in WIDTHS if width < size), size):
        values, ids = _likeliest(probabilities[rows], width)
        belongs, whole = _nucleus(values, top_p[rows])
        places = drawn(values * belongs, draws[rows])
        tokens[rows] = ids.gather(-1, places[:, None]).squeeze(1)
        if width == size or not len(rows := rows[~whole]):
            break
    return tokens


def _likeliest(probabilities: torch.Tensor, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the probabilities of the ``width`` likeliest tokens of each row and their ids, in order of the ids."""
    if width == probabilities.shape[-1]:
        return probabilities, torch.arange(width, device=probabilities.device).expand_as(probabilities)
    values, ids = probabilities.topk(width, dim=-1, sorted=False)
    ids, order = ids.sort(-1)
    return values.gather(-1, order), ids


def _nucleus(values: torch.Tensor, top_p: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return which of the tokens belong, and, per row, whether none that was left out can.

    Of tokens as likely as the least likely one here others may have been left out.
    """
    ranked, order = values.sort(dim=-1, descending=True, stable=True)
    belongs = (ranked.cumsum(-1) - ranked) < top_p
    belongs[:, 0] = True
    last = ranked.gather(-1, belongs.sum(-1, keepdim=True) - 1)
    return torch.zeros_like(belongs).scatter(-1, order, belongs), (last > ranked[:, -1:]).squeeze(1)
