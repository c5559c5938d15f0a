"""What a round is decided from: the platform as it is, the messages in the feeds, the members and how they read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.arenas.anchors import Anchor
from abm.audience import Voters
from abm.state.platform import Platform, Posts
from abm.worlds.networked.influence import source_utility
from abm.worlds.networked.readers import Reader
from abm.worlds.networked.settings import NetworkConfig
from moloch import keyed
from moloch.keyed import Part


class Said(NamedTuple):
    """A message in the feeds.

    Attributes:
        message: its id, and ``contest``: that of the contest that it belongs to, or is about.
        place: key of its draws.
        seq: of the event that it was written in.
        author: persona index of the member who wrote it; -1: a competitor did.
        about: of a member's text, the item that it answers, or that it comments on; else -1.
        shared: whether it is a comment on what its author shared.
    """

    message: str
    contest: str
    text: str
    anchor: Anchor
    place: tuple[Part, ...]
    seq: int
    author: int = -1
    about: int = -1
    shared: bool = False


class SourceChecks(NamedTuple):
    """What members find who read the source of what is in the feeds.

    Attributes:
        reads: shape (n,), who reads it.
        weights: shape (n,), what an unsupported claim weighs for each; 0 for those who do not read it, or whom a language model plays.
        found: shape (items,), how strongly such claims are noticed in each message, 0 .. 1.
    """

    reads: NDArray[np.bool_]
    weights: NDArray[np.float64]
    found: NDArray[np.float64]

    def utility(self, rows: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what they add to the utility of messages for members; the two are broadcast."""
        return self.weights[rows] * self.found[items]


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that decides what happens next in the feeds.

    Attributes:
        step: of the plan.
        said: the messages, by item.
        asked: shape (n,), which members a language model plays.
        penalty: appeal that a fact-check's label costs.
        checked: what members find who read the source of messages; None where nobody does.
    """

    step: int
    platform: Platform
    posts: Posts
    voters: Voters
    audience: object
    reader: Reader
    network: NetworkConfig
    said: Sequence[Said]
    asked: NDArray[np.bool_]
    penalty: float = 0.0
    checked: SourceChecks | None = None

    @cached_property
    def texts(self) -> list[str]:
        """The messages' texts, by item."""
        return [said.text for said in self.said]

    def appeal(self, rows: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how far messages appeal to members now, shape (pairs,), in logits.

        The message's own appeal, what endorsements of contacts add (of the message alone: e / (1 + e)), what the member
        thinks of its author, what it finds in the source if it reads that, less the penalty of a label.
        """
        weights = self.network.influence
        own = self.reader.appeal(self.texts, self.voters, rows, items)
        endorsed = self.posts.endorsed[items, rows].astype(np.float64)
        own += weights.conformity * endorsed / (1.0 + endorsed)
        own += source_utility(self.platform, self.posts.slots[items], rows, weights)
        if self.checked is not None:
            own += self.checked.utility(rows, items)
        return own - self.penalty * self.posts.labelled[items]

    def lots(self, rows: NDArray[np.int64], items: NDArray[np.int64], *what: Part) -> NDArray[np.float64]:
        """Return one uniform per pair of member and message, keyed by both and by ``what``."""
        return keyed.uniforms_by(self.platform.personas[rows], items, [(*said.place, *what) for said in self.said])
