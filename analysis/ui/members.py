"""Where members are drawn and whom a step's messages reached; arrays from events, nothing drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from abm.columns import Int32s, unpack
from abm.events import Engaged, Event, FeedServed
from media_graph import CSR, layout

GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))


def places(ties: CSR) -> NDArray[np.float32]:
    """Return a place for each member, shape (n, 2), each in -1 .. 1: a layout of the ties, or an even disc without any."""
    if len(ties.indices):
        return layout(ties)
    rows = np.arange(ties.n)
    radius, angle = np.sqrt((rows + 0.5) / max(1, ties.n)), rows * GOLDEN_ANGLE
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32)


def exposure(events: Iterable[Event], ids: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return whom a step's feeds reached, shape (n,): 0 nobody showed them anything, 1 shown, 2 shared or engaged.

    Args:
        ids: the members' persona indices, ascending.
    """
    reached = np.zeros(len(ids), dtype=np.uint8)
    for event in events:
        if isinstance(event, FeedServed | Engaged):
            rows = np.searchsorted(ids, unpack(event.members, Int32s))
            reached[rows] = np.maximum(reached[rows], 1 if isinstance(event, FeedServed) else 2)
    return reached
