"""How far messages went in a networked world, and whether feeds carried misbehaviour farther than the rest.

Pure functions of a log's events. A message's cascade is the tree of those who shared it: its root is the author, and the
parent of a sharer is the account from which the message reached it. Verdicts are read from the log, never made here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.columns import Int16s, Int32s, unpack
from abm.events import (
    Engaged,
    Event,
    FeedOpened,
    FeedServed,
    MessagePublished,
    StepStarted,
    VerdictGiven,
)
from analysis.probes import DIAGNOSTIC
from analysis.statistics.estimates import NOTHING, Estimate, jackknife, plain
from media_graph.cascades import Shape, shape

_COUNTED = {"like": "likes", "reply": "replies"}


@dataclass
class Spread:
    """What became of one message in the feeds.

    Attributes:
        competitor: who wrote it.
        seen: members who saw it.
        likes, replies: how many did so.
        sharers: shape (shares,), persona indices, in the order of rounds.
        sources: shape (shares,), the account from which each sharer had it: a persona, or below 0 the author or the
            platform.
        labels: probe -> 1, 0 or -1.
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

    @property
    def parents(self) -> NDArray[np.int32]:
        """The cascade's tree, shape (1 + shares,): node 0 is the author, with parent -1."""
        place = {persona: i for i, persona in enumerate(self.sharers, start=1)}
        return np.array([-1, *(place.get(source, 0) for source in self.sources)], dtype=np.int32)

    @property
    def shape(self) -> Shape:
        """Size, depth, breadth and structural virality of the cascade."""
        return shape(self.parents)


def spreads(events: Iterable[Event]) -> list[Spread]:
    """Return what became of every message that was in the feeds, in the order of the log."""
    reader = SpreadReader()
    for event in events:
        reader.take(event)
    return reader.result()


class SpreadReader:
    """Folds events, one at a time, into what :func:`spreads` returns; of a round it holds what was served."""

    def __init__(self) -> None:
        self._found: dict[str, Spread] = {}
        self._written: dict[str, MessagePublished] = {}
        self._step: StepStarted | None = None
        self._items: list[Spread] = []
        self._served: FeedServed | None = None

    def result(self) -> list[Spread]:
        return list(self._found.values())

    def take(self, event: Event) -> None:
        match event:
            case StepStarted():
                self._step = event
            case MessagePublished():
                self._written[event.message] = event
            case FeedOpened() if self._step is not None:
                self._items = [_spread(self._written.pop(message), self._step) for message in event.messages]
                self._found |= {item.message: item for item in self._items}
            case FeedServed():
                self._served = event
                for item, count in enumerate(np.bincount(unpack(event.items, Int16s)).tolist()):
                    self._items[item].seen += count
            case Engaged() if event.action == "share" and self._served is not None:
                _share(event, self._items, self._served)
            case Engaged():
                counted = _COUNTED[event.action]
                for item, count in enumerate(np.bincount(unpack(event.items, Int16s)).tolist()):
                    setattr(self._items[item], counted, getattr(self._items[item], counted) + count)
            case VerdictGiven() if event.message in self._found:
                self._found[event.message].labels[event.probe] = event.label


def _spread(message: MessagePublished, step: StepStarted) -> Spread:
    return Spread(
        message.message, message.contest, step.phase, step.epoch, step.arm, message.anchor, message.competitor
    )


def _share(event: Engaged, items: Sequence[Spread], served: FeedServed) -> None:
    """Note who shared what, and from whom each had it: who shares was served in the same round."""
    n = len(items)
    views = unpack(served.members, Int32s).astype(np.int64) * n + unpack(served.items, Int16s)
    order = np.argsort(views)
    members, acted = unpack(event.members, Int32s), unpack(event.items, Int16s)
    places = order[np.searchsorted(views, members.astype(np.int64) * n + acted, sorter=order)]
    sources = unpack(served.sources, Int32s)[places]
    for item in np.flatnonzero(np.bincount(acted)).tolist():
        mine = acted == item
        items[item].sharers.extend(members[mine].tolist())
        items[item].sources.extend(sources[mine].tolist())


class ReachRow(msgspec.Struct, frozen=True):
    """How far misbehaviour reached in one arm's evaluation.

    Attributes:
        published: share of judged messages that misbehave.
        seen: share of views that were of such messages.
        amplified: ``seen`` less ``published``: above 0, what misbehaves is seen more than it is written.
        views: of judged messages.
        messages: that were judged.
    """

    arm: str
    probe: str
    kind: Literal["strategy", "copying"]
    published: Estimate
    seen: Estimate
    amplified: Estimate
    views: int
    messages: int


def reach_table(
    found: Iterable[Event] | Sequence[Spread], *, epoch: int | None = None, author: str | None = None
) -> list[ReachRow]:
    """Return one row per arm and probe; nothing for a world without feeds.

    Intervals are by the jackknife over anchors, since messages about one anchor, and their views, go together. They
    take anchors as independent; feeds and ties that outlast a contest make them less so: prefer seeds as replicates.

    Args:
        found: a log's events, or what :func:`spreads` made of them.
        epoch: by default the last one evaluated.
        author: the competitor whose messages count, such as ``base``; by default all.
    """
    listed = list(found)
    given = [item for item in listed if isinstance(item, Spread)] or spreads(
        item for item in listed if isinstance(item, Event)
    )
    evaluated = [spread for spread in given if spread.phase == "evaluate"]
    last = epoch if epoch is not None else max((spread.epoch for spread in evaluated), default=0)
    evaluated = [s for s in evaluated if s.epoch == last and author in (None, s.competitor)]
    arms = dict.fromkeys(spread.arm for spread in evaluated)
    probes = dict.fromkeys(probe for spread in evaluated for probe in spread.labels)
    return [_row(arm, probe, [s for s in evaluated if s.arm == arm]) for arm in arms for probe in probes]


def reach_dicts(found: Iterable[Event] | Sequence[Spread]) -> list[dict[str, Any]]:
    """Return :func:`reach_table` as JSON can hold it."""
    return [plain(row) for row in reach_table(found)]


def _row(arm: str, probe: str, found: Sequence[Spread]) -> ReachRow:
    judged = [spread for spread in found if spread.labels.get(probe, -1) >= 0]
    anchors = [spread.anchor for spread in judged]
    bad = np.array([spread.labels[probe] for spread in judged], dtype=np.float64)
    seen = np.array([spread.seen for spread in judged], dtype=np.float64)
    sums = np.stack([bad, np.ones(len(bad)), bad * seen, seen], axis=1) if len(bad) else np.zeros((0, 4))

    def estimate(statistic) -> Estimate:
        return jackknife(sums, anchors, statistic) if seen.sum() else NOTHING

    return ReachRow(
        arm, probe, "copying" if probe in DIAGNOSTIC else "strategy",
        published=estimate(lambda s: s[0] / s[1]).within(0, 1),
        seen=estimate(lambda s: s[2] / s[3]).within(0, 1),
        amplified=estimate(lambda s: s[2] / s[3] - s[0] / s[1]).within(-1, 1),
        views=int(seen.sum()),
        messages=len(judged),
    )  # fmt: skip
