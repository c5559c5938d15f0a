"""Whether it matters where an option stands: how often each place was chosen, by how many options there were.

Every member sees the options in an order of its own, so that without a bias each of n places is chosen by 1/n. Knows
events; the votes of all phases count, since a bias is the reader's, not the writers'.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from abm.columns import Int8s, unpack
from abm.events import Event, MessagePublished, Reacted, ReactedMany
from abm.reactions import persona_rows
from analysis.statistics.estimates import Estimate
from analysis.statistics.tallies import Tally


class PositionRow(msgspec.Struct, frozen=True):
    """One place among so many.

    Attributes:
        options: that a member saw.
        position: from 1, the option shown first.
        chosen: share of valid votes, clustered on anchors and personas; null 1 / ``options``.
    """

    options: int
    position: int
    chosen: Estimate


def position_table(events: Iterable[Event]) -> list[PositionRow]:
    """Return one row per number of options, two or more, and place."""
    reader = PositionReader()
    for event in events:
        reader.take(event)
    return reader.table()


class _Votes(NamedTuple):
    """Valid votes as columns: who voted, shape (votes,) or a range; options seen, place chosen from 0, (votes,) each."""

    personas: NDArray[np.int32] | slice
    options: NDArray[np.int8]
    places: NDArray[np.int8]


class PositionReader:
    """Folds events, one at a time, into a table of positions; a vote of a crowd's takes one byte."""

    def __init__(self) -> None:
        self._anchors: dict[str, str] = {}
        self._many: dict[str, list[_Votes]] = {}
        self._single: dict[str, _Single] = {}

    def take(self, event: Event) -> None:
        match event:
            case MessagePublished():
                self._anchors[event.contest] = event.anchor
            case Reacted():
                if event.choice >= 0 and event.choice in event.order:
                    votes = self._single.setdefault(self._anchor(event), _Single(array("i"), array("b"), array("b")))
                    votes.personas.append(event.persona)
                    votes.options.append(sum(slot >= 0 for slot in event.order))
                    votes.places.append(event.order.index(event.choice))
            case ReactedMany():
                self._many.setdefault(self._anchor(event), []).append(_valid(event))
            case _:
                pass

    def table(self) -> list[PositionRow]:
        """Return :func:`position_table` of the events so far."""
        tallies: dict[int, list[Tally]] = {}
        for anchor in {**self._many, **self._single}:
            for options, personas, places in self._about(anchor):
                mine = tallies.setdefault(options, [Tally() for _ in range(options)])
                for place, tally in enumerate(mine):
                    tally.add(personas, places == place)
        return [
            PositionRow(options, place + 1, tally.mean(null=1 / options).within(0, 1))
            for options, mine in sorted(tallies.items())
            for place, tally in enumerate(mine)
        ]

    def _anchor(self, event: Reacted | ReactedMany) -> str:
        return self._anchors.get(event.contest, event.contest)

    def _about(self, anchor: str) -> Iterator[tuple[int, NDArray[np.int32], NDArray[np.int8]]]:
        """Yield the votes about an anchor by the number of options, two or more: that number, personas, places."""
        parts = list(self._many.get(anchor, ()))
        if (single := self._single.get(anchor)) is not None:
            parts.append(_Votes(*map(np.array, single)))
        personas = np.concatenate([_named(part.personas) for part in parts])
        options = np.concatenate([part.options for part in parts])
        places = np.concatenate([part.places for part in parts])
        for number in np.flatnonzero(np.bincount(options)).tolist():
            if number > 1:
                mine = slice(None) if (options == number).all() else options == number
                yield number, personas[mine], places[mine]


class _Single(NamedTuple):
    """Votes one by one, as :class:`_Votes`."""

    personas: array[int]
    options: array[int]
    places: array[int]


def _named(personas: NDArray[np.integer] | slice) -> NDArray[np.int32]:
    given = np.arange(personas.start, personas.stop) if isinstance(personas, slice) else personas
    return given.astype(np.int32, copy=False)


def _valid(event: ReactedMany) -> _Votes:
    """Return the votes that chose what they saw; orders have -1 where a member saw fewer options."""
    choices = unpack(event.choices, Int8s)
    orders = unpack(event.orders, Int8s).reshape(len(choices), -1)
    places, options = np.full(len(choices), -1, dtype=np.int8), np.zeros(len(choices), dtype=np.int8)
    for place in reversed(range(orders.shape[1])):
        places[orders[:, place] == choices] = place
        options += orders[:, place] >= 0
    kept = (places >= 0) & (choices >= 0)
    rows = persona_rows(event)
    if (options == options[:1]).all():
        options = np.broadcast_to(options[:1].copy(), options.shape)  # one number for all of them
    if kept.all():
        return _Votes(rows if isinstance(rows, slice) else _named(rows), options, places)
    return _Votes(_named(rows)[kept], options[kept], places[kept])
