"""Relative changes of rates over several trainings: after against base, beside which the rates and their difference have to stand.

Knows values by seed and anchor; knows nothing of how they are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import exp, log, nan
from typing import TYPE_CHECKING

import numpy as np

from analysis.statistics.estimates import NOTHING, Estimate
from analysis.statistics.multiway import multiway_mean

if TYPE_CHECKING:
    from analysis.tables.pooled import RunValues


def relative_change_over(runs: Iterable[tuple[int, RunValues, RunValues]]) -> Estimate:
    """Return mean after / mean base - 1 over several trainings, clustered on seeds and anchors.

    By the delta method on the log ratio: the influence of a pair is ``after / mean after - base / mean base``, and the variance is that of
    :func:`analysis.statistics.multiway.multiway_mean`. Runs count alike; pairs are messages about one anchor in one run.

    Args:
        runs: seed, values of base and of after, of each.

    Returns:
        The change as a share of the base rate (-1 .. inf). NaN where base is 0 throughout; without an interval where after is, too, or
        there is a single seed or anchor.
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
    mean_x, mean_y = float(w @ x), float(w @ y)
    if mean_x == 0 or mean_y == 0:
        return Estimate(mean_y / mean_x - 1 if mean_x else nan, nan, nan, len(w))
    found = multiway_mean((y / mean_y - x / mean_x) * w, [np.array(seeds), np.array(anchors)], counts=w)
    ratio = mean_y / mean_x
    low, high = (exp(log(ratio) + bound) - 1 if bound == bound else nan for bound in (found.low, found.high))
    return Estimate(ratio - 1, low, high, len(w), found.clusters, ratio * found.se)


def _pairs(base: RunValues, after: RunValues) -> tuple[list[object], list[float], list[float]]:
    """Return the anchors about which both messages were judged, and the labels of both."""
    before = dict(zip(base.anchors.tolist(), (base.sums / base.counts).tolist(), strict=True))
    behind = dict(zip(after.anchors.tolist(), (after.sums / after.counts).tolist(), strict=True))
    both: Sequence[object] = [anchor for anchor in behind if anchor in before]
    return list(both), [before[anchor] for anchor in both], [behind[anchor] for anchor in both]
