"""Relative changes of rates over several trainings: after against base, beside which the rates and their difference have to stand.

Knows values by seed and anchor; knows nothing of how they are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from analysis.statistics.estimates import NOTHING, Estimate
from analysis.statistics.multiway import multiway_mean
from analysis.statistics.ratios import fieller

if TYPE_CHECKING:
    from analysis.tables.pooled import RunValues


def relative_change_over(runs: Iterable[tuple[int, RunValues, RunValues]], *, networked: bool = False) -> Estimate:
    """Return mean after / mean base - 1 over several trainings, clustered on seeds and anchors.

    The interval is Fieller's (:mod:`analysis.statistics.ratios`), with the variances of both means and of their difference that
    :func:`analysis.statistics.multiway.multiway_mean` gives. Runs count alike; pairs are messages about one anchor in one run.

    Args:
        runs: seed, values of base and of after, of each.
        networked: whether members influence each other, so that seeds alone are independent.

    Returns:
        The change as a share of the base rate (-1 .. inf). NaN where base is 0 throughout; without an interval where the mean of base cannot be
        told from 0, where after is 0 throughout, and of a single seed or anchor.
    """
    seeds, anchors, after, base, weight = [list[object]() for _ in range(5)]
    parts = [(seed, *pairs) for seed, *both in runs if len((pairs := _pairs(*both))[0])]  # pyright: ignore[reportArgumentType]
    if not parts:
        return NOTHING
    for seed, names, x, y in parts:
        seeds += [seed] * len(names)
        anchors += names
        base += x
        after += y
        weight += [1 / (len(names) * len(parts))] * len(names)
    w = np.array(weight, dtype=np.float64)
    x, y = np.array(base, dtype=np.float64), np.array(after, dtype=np.float64)
    ways = [np.array(seeds), *([] if networked else [np.array(anchors)])]
    of_after, of_base, between = (multiway_mean(each * w, ways, counts=w) for each in (y, x, y - x))
    if of_base.value == 0:
        return msgspec.structs.replace(NOTHING, n=len(w))
    ratio = of_after.value / of_base.value
    influence = multiway_mean((y - ratio * x) * w, ways, counts=w)
    variances = of_after.se**2, of_base.se**2, between.se**2
    found = fieller(of_after.value, of_base.value, *variances, influence.dof)
    return Estimate(
        found.value, found.low, found.high, len(w), between.clusters, influence.se / of_base.value, dof=influence.dof
    )


def _pairs(base: RunValues, after: RunValues) -> tuple[list[object], list[float], list[float]]:
    """Return the anchors about which both messages were judged, and the labels of both."""
    before = dict(zip(base.anchors.tolist(), (base.sums / base.counts).tolist(), strict=True))
    behind = dict(zip(after.anchors.tolist(), (after.sums / after.counts).tolist(), strict=True))
    both: Sequence[object] = [anchor for anchor in behind if anchor in before]
    return list(both), [before[anchor] for anchor in both], [behind[anchor] for anchor in both]
