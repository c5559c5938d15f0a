"""A mean with crossed random effects: a linear mixed model, as a check of intervals that assume none.

Of values y that hang together by several factors at once (of one seed, about one anchor, by one person; also by combinations, such as what one
training wrote about one anchor)::

    y_i = mu + sum_k u_k[level of i in factor k] + e_i        u_k ~ N(0, s_k^2), e_i ~ N(0, s^2 / n_i)

Variances are those of restricted maximum likelihood (Patterson & Thompson, Biometrika 58, 1971), none below zero; mu is the generalised least
squares mean, and its degrees of freedom are Satterthwaite's from the curvature of the likelihood (as lmerTest: Kuznetsova, Brockhoff &
Christensen, JSS 82, 2017). For votes of 0 and 1 it is a linear probability model with crossed effects.

Not the headline: it takes effects to be normal and independent of each other, and their variances to be equal everywhere; the clustered interval
(:mod:`analysis.statistics.multiway`) takes neither. Where both agree, neither hangs on what it assumes.

Knows arrays; knows nothing of seeds or votes. Work grows with the cube of the levels of all factors but the largest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, optimize, sparse

from analysis.statistics.estimates import NOTHING, Estimate, student

Floats = NDArray[np.float64]
RESIDUAL = "residual"
_ZERO = 1e-6
"""Share of the residual's variance below which a component is none."""
_TABLE = 4_000_000
"""Cross products up to which they are held in a table, which is faster; of more, those that are not 0."""
_STEP = 1e-3
"""Relative step of numeric derivatives."""


class MixedMean(msgspec.Struct, frozen=True):
    """A mean and what it varies by.

    Attributes:
        estimate: mu; ``clusters``: levels of each factor in the model.
        sd: factor -> standard deviation of its effects, in the unit of the values; :data:`RESIDUAL` last.
        aliased: factors that were left out, since their levels are those of another one or of single values.
    """

    estimate: Estimate
    sd: dict[str, float]
    aliased: tuple[str, ...]


def mixed_mean(
    values: ArrayLike,
    factors: Mapping[str, Sequence[Any] | NDArray[Any]],
    *,
    counts: ArrayLike | None = None,
    null: float = 0.0,
    level: float = 0.95,
) -> MixedMean:
    """Return the mean of ``values`` with crossed random effects.

    Args:
        values: shape (n,), finite; with ``counts``, the sum of the values that each row stands for.
        factors: name -> n labels; equal ones are one level.
        counts: shape (n,), above 0; by default 1.
        null: the mean against which ``p`` tests.
        level: coverage, in 0 .. 1.
    """
    size = np.ones(len(np.asarray(values))) if counts is None else np.asarray(counts, dtype=np.float64)
    y = np.asarray(values, dtype=np.float64) / size
    kept, aliased = _distinct(factors, len(y))
    n = round(float(size.sum()))
    if len(y) < 2 or not kept or np.ptp(y) < 1e-12:
        value = float((y * size).sum() / size.sum()) if len(y) else float("nan")
        return MixedMean(msgspec.structs.replace(NOTHING, value=value, n=n), {}, aliased)
    model = _CrossedModel(y, size, list(kept.values()))
    theta, residual = model.fit()
    variances = {name: float(t) * residual for name, t in zip(kept, theta, strict=True)}
    mean, variance = model.mean(theta), residual / model.terms(theta).one
    levels = tuple(int(codes.max()) + 1 for codes in kept.values())
    estimate = student(mean, variance, model.dof(theta, residual), n, levels, null, level)
    sd = {name: float(np.sqrt(each)) for name, each in (variances | {RESIDUAL: residual}).items()}
    return MixedMean(estimate, sd, aliased)


def _distinct(factors: Mapping[str, Any], n: int) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    """Return factors as codes, without those that part the values as another one does, or each from each."""
    kept: dict[str, NDArray[np.int64]] = {}
    aliased: list[str] = []
    for name, labels in factors.items():
        codes = np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.int64)
        groups = int(codes.max(initial=-1)) + 1
        same = any(groups == int(other.max()) + 1 == len(np.unique(codes * groups + other)) for other in kept.values())
        if same or not 1 < groups < n:
            aliased.append(name)
        else:
            kept[name] = codes
    return kept, tuple(aliased)


class _Terms(NamedTuple):
    """What the likelihood is made of, with H the covariance over the residual variance.

    Attributes:
        log_det: log|H| up to a constant; ``one``: 1' H^-1 1; ``cross``: 1' H^-1 y; ``square``: y' H^-1 y.
    """

    log_det: float
    one: float
    cross: float
    square: float

    @property
    def rest(self) -> float:
        """Weighted sum of squares about mu."""
        return max(self.square - self.cross**2 / self.one, 1e-300)


class _CrossedModel:
    """Cross products of the design: the largest factor apart, whose own block is diagonal, the others dense."""

    def __init__(self, y: Floats, size: Floats, codes: Sequence[NDArray[np.int64]]) -> None:
        self._n, self._factors = len(y), len(codes)
        levels = [int(each.max()) + 1 for each in codes]
        self._large = int(np.argmax(levels))
        rows = np.arange(len(y))
        z = [
            sparse.csr_array((np.ones(len(y)), (rows, each)), shape=(len(y), k))
            for each, k in zip(codes, levels, strict=True)
        ]
        large, others = z[self._large], [each for k, each in enumerate(z) if k != self._large]
        self._of = np.repeat(
            [k for k in range(len(codes)) if k != self._large],
            [levels[k] for k in range(len(codes)) if k != self._large],
        )
        small = sparse.hstack(others, format="csr") if others else sparse.csr_array((len(y), 0))
        weighted = small.multiply(size[:, None]).tocsr()
        self._small = np.asarray((small.T @ weighted).todense(), dtype=np.float64)
        between = sparse.csr_array(large.T @ weighted)
        self._between: Any = _table(between) if levels[self._large] * len(self._of) <= _TABLE else between
        self._diagonal: Floats = large.T @ size
        sides = np.column_stack([size, size * y])
        self._right_small, self._right_large = small.T @ sides, large.T @ sides
        self._plain = np.array([[size.sum(), size @ y], [size @ y, size @ y**2]])

    def terms(self, theta: Floats) -> _Terms:
        """Return the terms at ratios of variances, shape (factors,), 0 or more."""
        root = np.sqrt(theta)
        scale, of_large = root[self._of], root[self._large]
        diagonal = 1.0 + theta[self._large] * self._diagonal
        right_large = of_large * self._right_large
        plain = self._plain - right_large.T @ (right_large / diagonal[:, None])
        log_det = float(np.log(diagonal).sum())
        if len(scale):
            weighted = _rows_over(self._between, diagonal)
            shared = self._small - theta[self._large] * _table(self._between.T @ weighted)
            right = self._right_small - of_large * (weighted.T @ right_large)
            lower = np.linalg.cholesky(np.eye(len(scale)) + scale[:, None] * shared * scale)
            solved = linalg.solve_triangular(lower, scale[:, None] * right, lower=True)
            plain = plain - solved.T @ solved
            log_det += 2 * float(np.log(np.diag(lower)).sum())
        return _Terms(log_det, float(plain[0, 0]), float(plain[0, 1]), float(plain[1, 1]))

    def mean(self, theta: Floats) -> float:
        """Return mu."""
        terms = self.terms(theta)
        return terms.cross / terms.one

    def fit(self) -> tuple[Floats, float]:
        """Return the ratios of variances to the residual's, and that."""

        def profiled(root: Floats) -> float:
            terms = self.terms(root**2)
            return (self._n - 1) * float(np.log(terms.rest / (self._n - 1))) + terms.log_det + float(np.log(terms.one))

        start, bounds = np.full(self._factors, 0.5), [(0.0, None)] * self._factors
        found = optimize.minimize(
            profiled, start, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-12, "gtol": 1e-7}
        )
        theta = np.asarray(found.x, dtype=np.float64) ** 2
        theta[theta < _ZERO] = 0.0
        return theta, self.terms(theta).rest / (self._n - 1)

    def dof(self, theta: Floats, residual: float) -> float:
        """Return Satterthwaite's degrees of freedom of mu: ``2 V^2 / (g' C g)``, g the derivatives of V by the variances, C their covariance."""
        inside = np.flatnonzero(theta > 0)
        at = np.r_[theta[inside] * residual, residual]

        def split(variances: Floats) -> _Terms:
            ratios = np.zeros(self._factors)
            ratios[inside] = variances[:-1] / variances[-1]
            return self.terms(ratios)

        def deviance(variances: Floats) -> float:
            terms, of_residual = split(variances), float(variances[-1])
            return (
                (self._n - 1) * float(np.log(of_residual))
                + terms.log_det
                + float(np.log(terms.one))
                + terms.rest / of_residual
            )

        def of_mean(variances: Floats) -> float:
            return float(variances[-1]) / split(variances).one

        step = _STEP * at
        slope = np.array([(of_mean(at + h) - of_mean(at - h)) / (2 * h.sum()) for h in np.diag(step)])
        covariance = 2.0 * np.linalg.pinv(_hessian(deviance, at, step), hermitian=True)
        spread = float(slope @ covariance @ slope)
        return 2 * of_mean(at) ** 2 / spread if spread > 0 else float(self._n - 1)


def _table(products: Any) -> Floats:
    return products if isinstance(products, np.ndarray) else products.toarray()


def _rows_over(products: Any, by: Floats) -> Any:
    """Return each row of a table, or of a sparse one, over its number."""
    weight = (1.0 / by)[:, None]
    return products * weight if isinstance(products, np.ndarray) else products.multiply(weight).tocsr()


def _hessian(function: Any, at: Floats, step: Floats) -> Floats:
    """Return second derivatives by central differences."""
    k = len(at)
    found, moves = np.empty((k, k)), np.diag(step)
    for i in range(k):
        for j in range(i, k):
            a, b = moves[i], moves[j]
            ends = function(at + a + b) - function(at + a - b) - function(at - a + b) + function(at - a - b)
            found[i, j] = found[j, i] = ends / (4 * step[i] * step[j])
    return found
