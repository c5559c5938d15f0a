"""Whether it matters where an option stands: how often each place was chosen, by how many options there were.

Every member sees the options in an order of its own, so that without a bias each of n places is chosen by 1/n. A function
of :mod:`analysis.readings.positions`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from abm.events import Event
from analysis.readings.positions import PlacedVotes, PositionReading
from analysis.readings.reading import result_of
from analysis.statistics.estimates import Estimate
from analysis.statistics.sums import ClusteredSums


class PositionRow(msgspec.Struct, frozen=True):
    """One place among this many.

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
    return position_rows(result_of(events, PositionReading()))


def position_rows(votes: Iterable[PlacedVotes]) -> list[PositionRow]:
    """Return :func:`position_table` of votes that are read already."""
    by_options: dict[int, list[ClusteredSums]] = {}
    for part in votes:
        each = by_options.setdefault(part.options, [ClusteredSums() for _ in range(part.options)])
        for place, sums in enumerate(each):
            sums.add(part.originals, part.places == place)
    return [
        PositionRow(options, place + 1, sums.mean(null=1 / options).within(0, 1))
        for options, places in sorted(by_options.items())
        for place, sums in enumerate(places)
    ]
