"""Members as columns again, from the events with which they joined. Knows nothing of what they do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from abm.audience import Labels, Voters
from abm.columns import Float32s, unpack
from abm.events import CrowdJoined, PersonasJoined, Split

JoinedEvent = PersonasJoined | CrowdJoined


class Joined:
    """Everybody who joined a run so far, by split."""

    def __init__(self) -> None:
        self._events: dict[Split, list[JoinedEvent]] = {"train": [], "evaluate": []}
        self._voters: dict[Split, Voters] = {}

    def take(self, event: JoinedEvent) -> None:
        """Add the members who join by an event to their split."""
        self._events[event.split].append(event)
        self._voters.pop(event.split, None)

    def voters(self, split: Split) -> Voters:
        """Return a split's members as columns."""
        if split not in self._voters:
            self._voters = {split: joined_voters(self._events[split])}  # of one split at a time: a crowd's are large
        return self._voters[split]


def joined_voters(events: Sequence[JoinedEvent]) -> Voters:
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
