"""How arms do in arenas other than the one that they learnt in: votes and probes there, beside those of their own arena.

Each arena has the estimates of an evaluation: the same people, other anchors, other probes. Pairs are formed within an arena, never
across. Knows evaluations; prints nothing.
"""

from __future__ import annotations

from typing import Any

from analysis.readings.contests import Evaluation
from analysis.statistics.estimates import plain
from analysis.tables.evaluation import arm_row, probe_table


def elsewhere(found: Evaluation) -> dict[str, Any]:
    """Return what was evaluated in other arenas as a JSON-able mapping, the run's own arena first; empty where there is none.

    ``votes`` has a row per arena and arm, ``probes`` one per arena, arm and probe; what they hold is as in
    :func:`analysis.tables.evaluation.table`, and p-values are corrected within an arena.
    """
    if not found.elsewhere:
        return {}
    others = {arena: found.abroad(arena) for arena in found.elsewhere}
    epoch = max(epoch for other in others.values() for epoch in other.epochs)
    places = {str(found.config.get("arena", "")): found, **others}
    return {
        "epoch": epoch,
        "arenas": list(places),
        "votes": [
            {"arena": arena, "arm": arm, "own": there is found} | arm_row(there, arm, epoch)
            for arena, there in places.items()
            for arm in there.arms()
            if there.of(arm, epoch)
        ],
        "probes": [
            {"arena": arena, "own": there is found} | plain(row)
            for arena, there in places.items()
            for row in probe_table(there, epoch=epoch)
            if there.of(row.arm, epoch)
        ],
    }
