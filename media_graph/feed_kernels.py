"""The compiled loop that fills feeds; apart, because numba is loaded with it. Knows arrays."""

from __future__ import annotations

import numpy as np

from moloch.kernels import compiled


@compiled(nogil=True)
def best(members, scores, lots, slots, starts, held):  # pragma: no cover - compiled
    """Fill ``held`` with each member's best candidates, best first: the highest score, then the lowest lot, then the first.

    Args:
        members, scores, lots: shape (c,), of the candidates.
        starts: shape (n + 1,), where each member's places in ``held`` begin: at most ``slots``, and no more than it has
            candidates.
        held: shape (starts[n],), int64.
    """
    filled = np.zeros(len(starts) - 1, dtype=np.int64)
    for i in range(len(members)):
        member = members[i]
        low, size = starts[member], filled[member]
        if size < starts[member + 1] - low:
            filled[member] += 1
        else:
            size -= 1
            last = held[low + size]
            if scores[i] < scores[last] or (scores[i] == scores[last] and lots[i] >= lots[last]):
                continue
        at = low + size
        while at > low:
            before = held[at - 1]
            if scores[i] < scores[before] or (scores[i] == scores[before] and lots[i] >= lots[before]):
                break
            held[at] = before
            at -= 1
        held[at] = i
