"""Where the option that a member chose had stood, and among how many; votes of all phases, since a bias is the reader's.

Every member sees the options in an order of its own. Knows events; knows nothing of statistics.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from abm.columns import Int8s, unpack
from abm.events import CrowdJoined, Event, MessagePublished, PersonasJoined, Reacted, ReactedMany
from abm.reactions import persona_rows
from abm.societies import is_before_another
from analysis.readings.originals import Originals

if TYPE_CHECKING:
    import polars as pl


class PlacedVotes(NamedTuple):
    """Valid votes about one anchor by members who saw the same number of options.

    Attributes:
        options: how many they saw, two or more.
        personas: shape (votes,), who voted.
        originals: shape (votes,), whom they were drawn from; themselves where the log does not say.
        places: shape (votes,), where the chosen option stood, from 0.
    """

    anchor: str
    options: int
    personas: NDArray[np.int32]
    originals: NDArray[np.integer]
    places: NDArray[np.int8]


class PositionReading:
    """Reads the places of chosen options; a vote of a crowd's takes one byte. A row of its frame is a vote."""

    TAKES: ClassVar[frozenset[type[Event]]] = frozenset({
        CrowdJoined, MessagePublished, PersonasJoined, Reacted, ReactedMany,
    })  # fmt: skip

    def __init__(self) -> None:
        self._anchors: dict[str, str] = {}
        self._originals = Originals()
        self._crowds: dict[str, list[_Columns]] = {}
        self._singles: dict[str, _Singles] = {}

    def take(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case PersonasJoined() | CrowdJoined():
                self._originals.take(event)
            case MessagePublished():
                self._anchors[event.contest] = event.anchor
            case Reacted() | ReactedMany() if is_before_another(event.contest):
                pass  # what is said of a run is said of its own audience
            case Reacted():
                if event.choice >= 0 and event.choice in event.order:
                    votes = self._singles.setdefault(self._anchor(event), _Singles(array("i"), array("b"), array("b")))
                    votes.personas.append(event.persona)
                    votes.options.append(sum(slot >= 0 for slot in event.order))
                    votes.places.append(event.order.index(event.choice))
            case ReactedMany():
                self._crowds.setdefault(self._anchor(event), []).append(_valid(event))

    def result(self) -> Iterator[PlacedVotes]:
        """Yield the votes so far, anchor by anchor."""
        for anchor in {**self._crowds, **self._singles}:
            yield from self._about(anchor)

    def frame(self) -> pl.DataFrame:
        """Return a row per vote: ``anchor``, ``options``, ``persona``, and ``place`` from 1."""
        import polars as pl

        none = pl.DataFrame(schema={"anchor": pl.String, "options": pl.Int64, "persona": pl.Int32, "place": pl.Int8})
        frames = [
            none.clear().vstack(
                pl.DataFrame({"persona": votes.personas, "place": votes.places + np.int8(1)}).select(
                    pl.lit(votes.anchor).alias("anchor"),
                    pl.lit(votes.options, dtype=pl.Int64).alias("options"),
                    "persona",
                    "place",
                )
            )
            for votes in self.result()
        ]
        return pl.concat([none, *frames])

    def _anchor(self, event: Reacted | ReactedMany) -> str:
        return self._anchors.get(event.contest, event.contest)

    def _about(self, anchor: str) -> Iterator[PlacedVotes]:
        """Yield the votes about an anchor by the number of options, two or more."""
        parts = list(self._crowds.get(anchor, ()))
        if (singles := self._singles.get(anchor)) is not None:
            parts.append(_Columns(*map(np.array, singles)))
        personas = np.concatenate([_indices(part.personas) for part in parts])
        options = np.concatenate([part.options for part in parts])
        places = np.concatenate([part.places for part in parts])
        for number in np.flatnonzero(np.bincount(options)).tolist():
            if number > 1:
                rows = slice(None) if (options == number).all() else options == number
                voters = personas[rows]
                yield PlacedVotes(anchor, number, voters, self._originals.of(voters), places[rows])


class _Columns(NamedTuple):
    """Valid votes as columns: who voted, shape (votes,) or a range; options seen, place chosen from 0, (votes,) each."""

    personas: NDArray[np.int32] | slice
    options: NDArray[np.int8]
    places: NDArray[np.int8]


class _Singles(NamedTuple):
    """Votes one by one, as :class:`_Columns`."""

    personas: array[int]
    options: array[int]
    places: array[int]


def _indices(personas: NDArray[np.integer] | slice) -> NDArray[np.int32]:
    indices = np.arange(personas.start, personas.stop) if isinstance(personas, slice) else personas
    return indices.astype(np.int32, copy=False)


def _valid(event: ReactedMany) -> _Columns:
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
        return _Columns(rows if isinstance(rows, slice) else _indices(rows), options, places)
    return _Columns(_indices(rows)[kept], options[kept], places[kept])
