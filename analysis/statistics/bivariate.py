"""Two estimates of the same clusters at once: their covariance, and the region that holds both. Knows arrays; knows nothing of figures."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, isnan, nan, pi, sin, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


class Region(NamedTuple):
    """An ellipse of confidence around two estimates.

    Attributes:
        x, y: the estimates.
        se_x, se_y: their standard errors; ``correlation``: of the errors, -1 .. 1.
        radius: how many standard errors it reaches along either axis.
    """

    x: float
    y: float
    se_x: float
    se_y: float
    correlation: float
    radius: float

    def outline(self, points: int = 60) -> list[tuple[float, float]]:
        """Return points of the ellipse in order, the first one again at the end."""
        rest = sqrt(max(0.0, 1 - self.correlation**2))
        angles = [2 * pi * i / points for i in range(points)] + [0.0]
        return [
            (
                self.x + self.radius * self.se_x * cos(angle),
                self.y + self.radius * self.se_y * (self.correlation * cos(angle) + rest * sin(angle)),
            )
            for angle in angles
        ]

    def holds(self, x: float, y: float) -> bool:
        """Return whether a point lies in it."""
        u, v = (x - self.x) / self.se_x, (y - self.y) / self.se_y
        r = self.correlation
        return (u * u - 2 * r * u * v + v * v) / (1 - r * r) <= self.radius**2


def covariance_by_cluster(
    clusters_x: Sequence[object], influence_x: ArrayLike, clusters_y: Sequence[object], influence_y: ArrayLike
) -> float:
    """Return the covariance of two estimates whose observations hang together within clusters, ``G / (G - 1) sum_g u_g v_g``.

    Args:
        clusters_x, clusters_y: the cluster of each observation of either estimate.
        influence_x, influence_y: what each observation adds to its estimate's error; either sums to 0.

    Returns:
        The covariance; NaN with fewer than two clusters.
    """
    sums: dict[object, list[float]] = {}
    for side, (clusters, influence) in enumerate(((clusters_x, influence_x), (clusters_y, influence_y))):
        for cluster, value in zip(clusters, np.asarray(influence, dtype=np.float64).tolist(), strict=True):
            sums.setdefault(cluster, [0.0, 0.0])[side] += value
    groups = len(sums)
    return groups / (groups - 1) * sum(u * v for u, v in sums.values()) if groups > 1 else nan


def region(
    x: float, se_x: float, y: float, se_y: float, covariance: float, dof: int, *, level: float = 0.95
) -> Region | None:
    """Return Hotelling's (1931) region of confidence of two means.

    ``T^2`` of two means with a covariance of ``dof`` degrees of freedom is ``2 dof / (dof - 1)`` times an F of 2 and ``dof - 1``.

    Args:
        covariance: of the two; where standard errors are of more ways of clustering than it, it is theirs at most.
        dof: clusters less one.
        level: 0 .. 1.

    Returns:
        The region; None where a standard error is missing or 0, or ``dof`` is below 2.
    """
    if dof < 2 or isnan(covariance) or not (se_x > 0 and se_y > 0):
        return None
    correlation = max(-0.99, min(0.99, covariance / (se_x * se_y)))
    radius = sqrt(2 * dof / (dof - 1) * float(stats.f.ppf(level, 2, dof - 1)))
    return Region(x, y, se_x, se_y, correlation, radius)
