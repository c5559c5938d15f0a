"""What members saw by kind: of the judged messages in their feeds up to each round, how many misbehaved.

Rounds are counted from the opening of each feed, so that contests of different steps lie over each other. Knows events.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from abm.columns import Int16s, Int32s, unpack
from abm.events import Event, FeedOpened, FeedServed, MembersPosted, StepEnded, StepStarted, VerdictGiven
from analysis.readings.society import SocietyKey
from analysis.readings.spreads import misbehaved


@dataclass(frozen=True)
class KindViews:
    """Views of judged messages in a society's feeds.

    Attributes:
        views: by round, persona indices and whether each saw a misbehaving message then; both of shape (views,).
        misbehaving, clean: how many messages of each kind were in the feeds.
    """

    views: list[tuple[NDArray[np.int32], NDArray[np.bool_]]]
    misbehaving: int
    clean: int

    def counts(self, personas: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return how many judged messages, and how many misbehaving ones, each had seen by the end of each round, shape (rounds, N).

        Args:
            personas: shape (N,), ascending.
        """
        seen = np.zeros((2, len(self.views), len(personas)), dtype=np.int64)
        for round_, (members, bad) in enumerate(self.views):
            rows = np.minimum(np.searchsorted(personas, members), max(0, len(personas) - 1))
            inside = personas[rows] == members if len(personas) else np.zeros(len(members), dtype=bool)
            for which, kept in enumerate((inside, inside & bad)):
                seen[which, round_] = np.bincount(rows[kept], minlength=len(personas))
        total = np.cumsum(seen, axis=1)
        return total[0], total[1]


class KindViewsReading:
    """Reads the views of one society; messages count once their step has ended, with the verdicts given by then.

    Args:
        config: settings, as the log holds them.
    """

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset(
        {FeedOpened, FeedServed, MembersPosted, StepEnded, StepStarted, VerdictGiven}
    )

    def __init__(self, key: SocietyKey, config: Mapping[str, Any]) -> None:
        self._key, self._config = key, config
        self._rounds: defaultdict[int, list[tuple[NDArray[np.int32], NDArray[np.bool_]]]] = defaultdict(list)
        self._counted = {True: 0, False: 0}
        self._inside = False
        self._items: list[str] = []
        self._waiting: list[tuple[int, NDArray[np.int32], NDArray[np.int16], list[str]]] = []
        self._labels: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def result(self) -> KindViews:
        """Return the views so far."""
        rounds = range(max(self._rounds, default=-1) + 1)
        empty = (np.zeros(0, dtype=np.int32), np.zeros(0, dtype=bool))
        views = [tuple(np.concatenate(column) for column in zip(empty, *self._rounds[r], strict=True)) for r in rounds]
        return KindViews([(members, bad) for members, bad in views], self._counted[True], self._counted[False])

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case StepStarted():
                self._inside = self._key.holds(event, self._config)
            case _ if not self._inside:
                return
            case FeedOpened():
                self._items = list(event.messages)
            case MembersPosted():
                self._items += event.messages
            case FeedServed():
                columns = unpack(event.members, Int32s), unpack(event.items, Int16s)
                self._waiting.append((event.round, *columns, self._items))
            case VerdictGiven():
                self._labels[event.message][event.probe] = event.label
            case StepEnded():
                self._end()

    def _end(self) -> None:
        found = {message: misbehaved(labels) for message, labels in self._labels.items()}
        for kind in (True, False):
            self._counted[kind] += sum(bad is kind for bad in found.values())
        for round_, members, items, messages in self._waiting:
            judged = np.array([found.get(message) is not None for message in messages], dtype=bool)[items]
            bad = np.array([found.get(message) is True for message in messages], dtype=bool)[items]
            self._rounds[round_].append((members[judged], bad[judged]))
        self._waiting, self._inside = [], False
        self._labels.clear()
