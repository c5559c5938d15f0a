"""What a round is decided from: the platform as it is, the messages in the feeds, the members and how they read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abm.audience import Voters
from abm.state.platform import Platform, Posts
from abm.worlds.networked.influence import source_utility
from abm.worlds.networked.readers import Reader
from abm.worlds.networked.settings import NetworkConfig
from moloch import keyed
from moloch.keyed import Part


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that decides what happens next in the feeds.

    Attributes:
        step: of the plan.
        texts: of the messages, by item.
        places: keys of their draws, by item.
        penalty: appeal that a fact-check's label costs.
    """

    step: int
    platform: Platform
    posts: Posts
    voters: Voters
    audience: object
    reader: Reader
    network: NetworkConfig
    texts: list[str]
    places: list[tuple[Part, ...]]
    penalty: float = 0.0

    def appeal(self, rows: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how far messages appeal to members now, shape (pairs,), in logits.

        The message's own appeal, what endorsements of contacts add (of the message alone: e / (1 + e)), what the member
        thinks of its author, less the penalty of a label.
        """
        weights = self.network.influence
        own = self.reader.appeal(self.texts, self.voters, rows, items)
        endorsed = self.posts.endorsed[items, rows].astype(np.float64)
        own += weights.conformity * endorsed / (1.0 + endorsed)
        own += source_utility(self.platform, self.posts.slots[items], rows, weights)
        return own - self.penalty * self.posts.labelled[items]

    def lots(self, rows: NDArray[np.int64], items: NDArray[np.int64], *what: Part) -> NDArray[np.float64]:
        """Return one uniform per pair of member and message, keyed by both and by ``what``."""
        return keyed.uniforms_by(self.platform.personas[rows], items, [(*place, *what) for place in self.places])
