"""What became of each message in the feeds of a networked world: who saw, liked, answered and shared it, and from whom.

A message's cascade is the tree of those who shared it: its root is the author, and the parent of a sharer is the account
from which the message reached it. Knows events; knows nothing of statistics.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from abm.columns import Int16s, Int32s, unpack
from abm.events import (
    Engaged,
    Event,
    FeedOpened,
    FeedServed,
    MembersPosted,
    MessagePublished,
    PostJudged,
    StepStarted,
    VerdictGiven,
)
from abm.probe import kind_of
from analysis.readings._contradiction import check_items
from analysis.readings.reading import frame_of, result_of
from media_graph.cascades import Shape, shape

if TYPE_CHECKING:
    import polars as pl

COLUMNS = {
    "message": str,
    "contest": str,
    "phase": str,
    "epoch": int,
    "arm": str,
    "anchor": str,
    "competitor": str,
    "seen": int,
    "likes": int,
    "replies": int,
    "shares": int,
    "size": int,
    "depth": int,
    "breadth": int,
    "virality": float,
}
MEMBERS = "members"
"""Whose the texts are that members wrote: of no arm, and counted apart from what competitors wrote."""
_COUNTED = {"like": "likes", "reply": "replies"}


@dataclass
class Spread:
    """What became of one message in the feeds.

    Attributes:
        competitor: who wrote it; :data:`MEMBERS` for a member's reply or comment.
        seen: members who saw it.
        likes, replies: how many did so.
        sharers: shape (shares,), persona indices, in the order of rounds.
        sources: shape (shares,), the account from which each sharer had it: a persona, or below 0 the author or the
            platform.
        labels: probe -> 1, 0 or -1.
        views: how many saw it in each round of its feeds.
    """

    message: str
    contest: str
    phase: str
    epoch: int
    arm: str
    anchor: str
    competitor: str
    seen: int = 0
    likes: int = 0
    replies: int = 0
    sharers: list[int] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    views: list[int] = field(default_factory=list)

    @property
    def misbehaved(self) -> bool | None:
        """Whether a probe of strategy found something in it; None where none could tell."""
        return misbehaved(self.labels)

    @property
    def parents(self) -> NDArray[np.int32]:
        """The cascade's tree, shape (1 + shares,): node 0 is the author, with parent -1."""
        place: dict[int, int] = {}
        parents = [-1]
        for i, (persona, source) in enumerate(zip(self.sharers, self.sources, strict=True), start=1):
            parents.append(
                place.get(source, 0)
            )  # of those before; an account that had not shared it counts as the author
            place.setdefault(persona, i)
        return np.array(parents, dtype=np.int32)

    @property
    def shape(self) -> Shape:
        """Size, depth, breadth and structural virality of the cascade."""
        return shape(self.parents)


def misbehaved(labels: Mapping[str, int]) -> bool | None:
    """Return whether a probe of strategy found something in a message with these labels; None where none could tell."""
    found = [label for probe, label in labels.items() if kind_of(probe) == "strategy"]
    return True if 1 in found else False if found and min(found) == 0 else None


def spreads(events: Iterable[Event]) -> list[Spread]:
    """Return what became of every message that was in the feeds, in the order of the log."""
    return result_of(events, SpreadReading())


class SpreadReading:
    """Reads what :func:`spreads` returns; of a round it holds what was served. A row of its frame is a message."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset(
        {
            Engaged,
            FeedOpened,
            FeedServed,
            MembersPosted,
            MessagePublished,
            PostJudged,
            StepStarted,
            VerdictGiven,
        }
    )

    def __init__(self) -> None:
        self._spreads: dict[str, Spread] = {}
        self._written: dict[str, MessagePublished] = {}
        self._step: StepStarted | None = None
        self._items: list[Spread] = []
        self._served: FeedServed | None = None

    def result(self) -> list[Spread]:
        """Return the messages that were in the feeds so far, in the order of the log."""
        return list(self._spreads.values())

    def frame(self) -> pl.DataFrame:
        """Return a row per message: who wrote it, how many saw, liked, answered and shared it, and its cascade's shape."""
        rows = []
        for spread in self._spreads.values():
            counts = spread.seen, spread.likes, spread.replies, len(spread.sharers)
            shape = spread.shape
            cascade = shape.size, shape.depth, shape.breadth, shape.virality
            rows.append((*(getattr(spread, name) for name in list(COLUMNS)[:7]), *counts, *cascade))
        return frame_of(rows, COLUMNS)

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case StepStarted():
                self._step = event
            case MessagePublished():
                self._written[event.message] = event
            case FeedOpened() if self._step is not None:
                step = self._step
                self._items = [_entered(self._written.pop(message, None), message, step) for message in event.messages]
                self._spreads |= {item.message: item for item in self._items}
            case MembersPosted() if self._step is not None:
                items = unpack(event.items, Int16s).tolist()
                check_items(items, len(self._items))
                about = [self._items[item] for item in items]
                posts = [_posted(each, message) for each, message in zip(about, event.messages, strict=True)]
                self._items = [*self._items, *posts]
                self._spreads |= {post.message: post for post in posts}
            case FeedServed():
                self._served = event
                items = unpack(event.items, Int16s)
                check_items(np.unique(items).tolist(), len(self._items))
                served = np.bincount(items, minlength=len(self._items)).tolist()
                for item, views in zip(self._items, served, strict=True):
                    item.seen += views
                    item.views += [0] * (event.round - len(item.views)) + [views]
            case Engaged() if event.action == "share" and self._served is not None:
                _share(event, self._items, self._served)
            case Engaged():
                counted, items = _COUNTED[event.action], unpack(event.items, Int16s)
                check_items(np.unique(items).tolist(), len(self._items))
                for item, times in enumerate(np.bincount(items).tolist()):
                    setattr(self._items[item], counted, getattr(self._items[item], counted) + times)
            case VerdictGiven() | PostJudged() if event.message in self._spreads:
                self._spreads[event.message].labels[event.probe] = event.label


def _spread(message: MessagePublished, step: StepStarted) -> Spread:
    return Spread(
        message.message, message.contest, step.phase, step.epoch, step.arm, message.anchor, message.competitor
    )


def _entered(written: MessagePublished | None, message: str, step: StepStarted) -> Spread:
    """Return a message that enters the feeds; of one that the log never published nothing else is known."""
    if written is not None:
        return _spread(written, step)
    return Spread(message, message.rpartition("/")[0], step.phase, step.epoch, step.arm, "", "")


def _posted(about: Spread, message: str) -> Spread:
    """Return a member's text about a message."""
    return Spread(message, about.contest, about.phase, about.epoch, about.arm, about.anchor, MEMBERS)


def _share(event: Engaged, items: Sequence[Spread], served: FeedServed) -> None:
    """Note who shared what, and from whom each had it: who shares was served in the same round."""
    n = len(items)
    views = unpack(served.members, Int32s).astype(np.int64) * n + unpack(served.items, Int16s)
    order = np.argsort(views)
    members, acted = unpack(event.members, Int32s), unpack(event.items, Int16s)
    places = order[np.searchsorted(views, members.astype(np.int64) * n + acted, sorter=order)]
    sources = unpack(served.sources, Int32s)[places]
    for item in np.flatnonzero(np.bincount(acted)).tolist():
        sharing = acted == item
        items[item].sharers.extend(members[sharing].tolist())
        items[item].sources.extend(sources[sharing].tolist())
