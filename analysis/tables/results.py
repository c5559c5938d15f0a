"""Everything that ``moloch run`` tells of a run, from one reading of its log.

Each part folds the events for itself; this hands them each event once, so that no log is held in memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from abm.events import AnchorsListed, Event
from analysis.readings.contests import EvaluationReader
from analysis.readings.extrapolation import ExtrapolationReader
from analysis.readings.service import ServiceReader
from analysis.statistics.estimates import plain
from analysis.tables.evaluation import table
from analysis.tables.panels import panel_table
from analysis.tables.positions import PositionReader
from analysis.tables.reach import SpreadReader, reach_dicts


def results(events: Iterable[Event]) -> dict[str, Any]:
    """Return :func:`analysis.tables.evaluation.table` and, as JSON can hold them, the other tables of a log's events.

    These are ``panels``, ``positions``, ``reach``, ``service``, ``extrapolation``, and under ``dropped`` the anchors of the
    source that were left out: reason -> number.
    """
    contests, positions, spreads = EvaluationReader(), PositionReader(), SpreadReader()
    service, extrapolation, dropped = ServiceReader(), ExtrapolationReader(), _Dropped()
    for event in events:
        for reader in (contests, positions, spreads, service, extrapolation, dropped):
            reader.take(event)
    evaluation = contests.result()
    return table(evaluation) | {
        "panels": [plain(row) for row in panel_table(evaluation)],
        "positions": [plain(row) for row in positions.table()],
        "dropped": dropped.found,
        "reach": reach_dicts(spreads.result()),
        "service": msgspec.to_builtins(service.found),
        "extrapolation": msgspec.to_builtins(extrapolation.result()),
    }


class _Dropped:
    """Folds events into reason -> anchors that were left out."""

    def __init__(self) -> None:
        self.found: dict[str, int] = {}

    def take(self, event: Event) -> None:
        if isinstance(event, AnchorsListed):
            self.found |= {why: n for why, n in event.dropped.items() if n}
