"""Whose messages are whose in the contests of a market: what a learner may learn from.

A learner's messages are those that name it. In the first epoch the base model writes for all, under its own name: there, a message is
the learner's whose place has its slot, by the same rule as in later epochs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from abm.arenas.anchors import Anchor
from abm.worlds.seats import account_seats, contest_seats
from learning.arms.markets import SOLO, Market
from learning.methods import Owned
from learning.plan.parts import Policy, Simulate


def seats_of(part: Simulate, world: str, seed: int) -> NDArray[np.int64]:
    """Return the place among the writers of the one in each slot of each contest, shape (contests, writers)."""
    writers, contests = len(part.writers), len(part.anchors)
    if world == "networked":
        return np.tile(account_seats(writers, seed, part.phase, part.epoch), (contests, 1))
    return contest_seats(writers, contests, seed, part.phase, part.epoch)


def own_messages(
    market: Market, learner: str, held: Simulate, anchors: Sequence[Anchor], world: str, seed: int
) -> Owned | None:
    """Return which messages are a learner's own; None where all are.

    Args:
        held: the market's society in some epoch, and ``anchors`` what its contests are about, in order.
    """
    if market.kind == SOLO:
        return None
    if Policy(learner, held.epoch - 1) in held.writers:
        return Owned(learner)
    at = np.isin(seats_of(held, world, seed), market.places(learner))
    contests = ("/".join((*map(str, held.makes), anchor.id)) for anchor in anchors)
    return Owned(learner, {contest: np.flatnonzero(row).tolist() for contest, row in zip(contests, at, strict=True)})
