"""Seats: which writer has which slot, where several policies write in the same contests and none may always have the same one.

A pure function of the seed and of a place in the plan; knows nothing of who the writers are. Markets of equal size have equal
seats: their writers are compared under common random numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from moloch import keyed


def contest_seats(writers: int, contests: int, seed: int, phase: str, epoch: int) -> NDArray[np.int64]:
    """Return the writer in each slot of each contest, shape (contests, writers).

    Contests come in blocks of as many as there are writers. A block draws an order of the writers, which turns by one from contest
    to contest; the turns come in a drawn order. So each writer has each slot exactly once in a block.
    """
    blocks = -(-contests // writers) if writers else 0
    seats = np.empty((blocks * writers, writers), dtype=np.int64)
    for block in range(blocks):
        draw = keyed.generator(seed, "seats", phase, epoch, block)
        order, turns = draw.permutation(writers), draw.permutation(writers)
        seats[block * writers : (block + 1) * writers] = [np.roll(order, turn) for turn in turns]
    return seats[:contests]


def account_seats(writers: int, seed: int, phase: str, epoch: int) -> NDArray[np.int64]:
    """Return the writer of each account of a networked society, shape (writers,): an account keeps its writer while its society lives.

    The drawn order turns by one from epoch to epoch, so that a writer has each account once in as many epochs as there are writers.
    """
    return np.roll(keyed.generator(seed, "accounts", phase).permutation(writers), epoch)
