"""How much of an outcome each sampled factor explains. Knows points and numbers; knows nothing of runs.

By the design: ``saltelli`` gives Sobol's first and total order (estimators of Saltelli et al. 2010 and Jansen 1999), ``morris`` the
mean absolute elementary effect and their spread (Campolongo et al. 2007), and ``sobol`` and ``lhs``, which only fill the space, the
first order: the share of variance that a smooth curve of one factor explains, corrected for its freedom as adjusted R² is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from analysis.statistics.estimates import Estimate, jackknife
from analysis.studies.pages.page import SampleDesign
from analysis.studies.pages.samples import points, positions
from moloch import keyed

Floats = NDArray[np.float64]
RESAMPLES = 1_000
"""Bootstrap samples behind an interval."""
CURVE = 6
"""Cosines of the curve, at most; one for each :data:`PER_TERM` points."""
PER_TERM = 8
FEWEST = 4
"""Base points, or trajectories, or free points, below which there is no index."""


class SensitivityIndex(msgspec.Struct, frozen=True):
    """One index of one factor.

    Attributes:
        factor: the sampled one.
        index: ``first_order``, ``total_order`` (shares of the outcome's variance over points), ``mu_star`` or ``sigma`` (in the unit of
            the outcome, per range of the factor).
    """

    factor: str
    index: str
    estimate: Estimate


def indices(sample: SampleDesign, outcome: Mapping[tuple[float | int, ...], float]) -> list[SensitivityIndex]:
    """Return the indices of an outcome, with 95 % intervals; none where too few points have it, or it does not vary.

    Args:
        sample: the design.
        outcome: point, as the values of the factors in the order of the design -> outcome, a mean over seeds.
    """
    rows = [tuple(point.values()) for point in points(sample)]
    y = np.array([outcome.get(row, np.nan) for row in rows], dtype=np.float64)
    names = list(sample.ranges)
    if not np.nanstd(y) > 0 or np.isnan(y).all():
        return []
    if sample.method == "saltelli":
        return _saltelli(names, y.reshape(len(names) + 2, -1))
    x = positions(sample)
    if sample.method == "morris":
        return _morris(names, x.reshape(-1, len(names) + 1, len(names)), y.reshape(-1, len(names) + 1))
    return _given(names, x[~np.isnan(y)], y[~np.isnan(y)])


def _saltelli(names: Sequence[str], y: Floats) -> list[SensitivityIndex]:
    """Take outcomes of A, B, and of A with one column of B each; shape (factors + 2, base points)."""
    y = y[:, ~np.isnan(y).any(axis=0)]
    if y.shape[1] < FEWEST:
        return []

    def first(a: Floats, b: Floats, *mixed: Floats) -> Floats:
        both = np.concatenate([a, b])
        return np.array([((b - both.mean()) * (m - a)).mean() for m in mixed]) / both.var()

    def total(a: Floats, b: Floats, *mixed: Floats) -> Floats:
        return np.array([((a - m) ** 2).mean() / 2 for m in mixed]) / np.concatenate([a, b]).var()

    return _bootstrapped(names, y.T, first_order=first, total_order=total)


def _morris(names: Sequence[str], x: Floats, y: Floats) -> list[SensitivityIndex]:
    """Take trajectories: positions, shape (n, factors + 1, factors), and outcomes, shape (n, factors + 1)."""
    whole = ~np.isnan(y).any(axis=1)
    x, y = x[whole], y[whole]
    if len(y) < FEWEST:
        return []
    steps = np.diff(x, axis=1)
    moved = np.abs(steps).argmax(axis=2)  # which factor each step moves
    effects = np.zeros((len(y), len(names)))
    np.put_along_axis(effects, moved, np.diff(y, axis=1) / steps.sum(axis=2), axis=1)
    return _bootstrapped(
        names,
        effects,
        mu_star=lambda *each: np.array([np.abs(e).mean() for e in each]),
        sigma=lambda *each: np.array([e.std(ddof=1) for e in each]),
    )


def _bootstrapped(names: Sequence[str], rows: Floats, **index: Callable[..., Floats]) -> list[SensitivityIndex]:
    """Return each index of each factor with the percentile interval over resampled rows."""
    drawn = keyed.generator(0, "sensitivity").integers(len(rows), size=(RESAMPLES, len(rows)))
    made = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for name, function in index.items():
            values = function(*rows.T)
            again = np.array([function(*rows[each].T) for each in drawn])
            low, high = np.nanpercentile(again, [2.5, 97.5], axis=0)
            made += [
                SensitivityIndex(factor, name, Estimate(float(v), float(a), float(b), len(rows)))
                for factor, v, a, b in zip(names, values, low, high, strict=True)
            ]
    return made


def _given(names: Sequence[str], x: Floats, y: Floats) -> list[SensitivityIndex]:
    terms = min(CURVE, len(y) // PER_TERM)
    if len(y) < FEWEST or terms < 1:
        return []
    return [SensitivityIndex(name, "first_order", _explained(x[:, i], y, terms)) for i, name in enumerate(names)]


def _explained(x: Floats, y: Floats, terms: int) -> Estimate:
    """Return adjusted R² of the regression of ``y`` on cosines of ``x``, with the jackknife's interval over points."""
    curve = np.column_stack([np.ones(len(x)), *(np.cos(np.pi * k * x) for k in range(1, terms + 1))])
    wide = np.column_stack([curve, y - y.mean()])
    width = wide.shape[1]
    products = (wide[:, :, None] * wide[:, None, :]).reshape(len(x), -1)

    def share(sums: Floats) -> float:
        crossed = sums.reshape(width, width)
        n, of_y = crossed[0, 0], crossed[:-1, -1]
        fitted = of_y @ np.linalg.lstsq(crossed[:-1, :-1], of_y, rcond=None)[0] - of_y[0] ** 2 / n
        whole = crossed[-1, -1] - of_y[0] ** 2 / n
        return float(1 - (1 - fitted / whole) * (n - 1) / (n - terms - 1))

    return jackknife(products, range(len(x)), share)
