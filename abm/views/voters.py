"""Members as columns again, from the events with which they joined. Knows nothing of what they do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from abm.audience import Labels, Voters
from abm.columns import Float32s, unpack
from abm.events import CrowdJoined, PersonasJoined

Joined = PersonasJoined | CrowdJoined


def joined_voters(events: Sequence[Joined]) -> Voters:
    """Return the members who joined by ``events``, all of one split, in their order.

    A trait that somebody joined without counts as 0.
    """
    sizes = [len(event.ids) if isinstance(event, PersonasJoined) else event.size for event in events]
    ids = np.concatenate([np.zeros(0, np.int64), *(e.first + np.arange(n) for e, n in zip(events, sizes, strict=True))])
    trait_names = tuple(dict.fromkeys(name for event in events for name in event.traits))
    traits = np.zeros((len(ids), len(trait_names)), dtype=np.float32)
    names: list[str] = []
    start = 0
    for event, size in zip(events, sizes, strict=True):
        names += event.names if isinstance(event, PersonasJoined) else Labels(ids[start : start + size], "member ")
        for j, trait in enumerate(trait_names):
            if trait in event.traits:
                traits[start : start + size, j] = unpack(event.traits[trait], Float32s)
        start += size
    return Voters(ids, names, trait_names, traits)
