"""Whether an evaluation took place in one society, whose contests are not independent, so that none of its numbers has an interval.

In the networked world members influence each other and contests share ties and feeds: seeds are the only independent units (decision 0117).
Knows evaluations; knows nothing of what was measured.
"""

from __future__ import annotations

from typing import Any

import msgspec

from analysis.readings.contests import Evaluation
from analysis.statistics.estimates import Estimate

_NAN = float("nan")
_SPREAD = ("low", "high", "se", "p", "dof", "detectable")


def in_one_society(found: Evaluation) -> bool:
    """Return whether the readers of a run influenced each other."""
    return found.config.get("world") == "networked"


def estimate_of(found: Evaluation, estimate: Estimate) -> Estimate:
    """Return an estimate of a run as it may be shown: from one society without interval, standard error and p."""
    if not in_one_society(found):
        return estimate
    return msgspec.structs.replace(estimate, low=_NAN, high=_NAN, se=_NAN, p=_NAN, dof=_NAN, parts=(), skew=0.0)


def without_intervals(table: Any) -> Any:
    """Return a table that JSON can hold with its estimates as :func:`estimate_of` has those of one society."""
    if isinstance(table, dict):
        spread = _SPREAD if {"value", "low", "high"} <= table.keys() else ()
        return {name: None if name in spread else without_intervals(each) for name, each in table.items()}
    return [without_intervals(each) for each in table] if isinstance(table, list) else table
