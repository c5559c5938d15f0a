"""Which members are copies of one person: they are not independent observations.

Within a run a person is the persona index of the first who is it; over several runs, whose indices differ, its content id.
Knows events; knows nothing of statistics.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from abm.columns import Int32s, unpack
from abm.events import CrowdJoined, Event, PersonasJoined
from moloch.errors import CorruptLog


class Originals:
    """The person that each member of a log is, or was drawn from; in logs that do not say it, each is a person of its own."""

    def __init__(self) -> None:
        self._of = np.zeros(0, dtype=np.int32)
        self._ids: list[tuple[int, list[str]]] = []
        """First persona index, and the content ids of those who joined from it on."""
        self._told = False

    def __repr__(self) -> str:
        return f"Originals({self._of.tolist() if self._told else ''})"

    def take(self, event: PersonasJoined | CrowdJoined) -> None:
        """Take members who join.

        Raises:
            CorruptLog: the event does not say it of each, or names somebody who has not joined.
        """
        first, size = event.first, len(event.ids) if isinstance(event, PersonasJoined) else event.size
        known = max(len(self._of), first + size)
        self._of = np.concatenate([self._of, np.arange(len(self._of), known, dtype=np.int32)])
        if isinstance(event, PersonasJoined):
            self._ids.append((first, event.ids))
        if not event.originals:
            return
        originals = unpack(event.originals, Int32s)
        if len(originals) != size or originals.min(initial=0) < 0 or originals.max(initial=0) >= known:
            raise CorruptLog(
                "members are copies of people who are not there",
                where=f"event {event.seq}",
                why=f"{size} joined, and its {len(originals)} originals are not all among those who had joined",
                fix="The log was edited; use a copy made before.",
            )
        self._of[first : first + size] = originals
        self._told = True

    def of(self, members: NDArray[np.integer]) -> NDArray[np.integer]:
        """Return the persona index of each member's original: what votes are clustered on.

        Args:
            members: persona indices.
        """
        return self._of[members] if self._told else members

    def ids(self, run: str) -> list[str]:
        """Return of each member, by persona index, the content id of the person that it is, or was drawn from.

        Equal ids are equal people in whatever run: what the votes of several runs are clustered on.

        Args:
            run: the run's name, distinct among those that are put together. It stands in the ids (``run/index``) of
                members whose origin is not in the log, so that they count as people of their own.
        """
        known = {index: content for first, ids in self._ids for index, content in enumerate(ids, first)}
        return [known.get(of, f"{run}/{of}") for of in self._of.tolist()]


def origins(events: Iterable[Event], run: str) -> list[str]:
    """Return :meth:`Originals.ids` of a log's members.

    Raises:
        CorruptLog: as :meth:`Originals.take`.
    """
    originals = Originals()
    for event in events:
        if isinstance(event, PersonasJoined | CrowdJoined):
            originals.take(event)
    return originals.ids(run)
