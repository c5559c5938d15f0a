"""What a study of seeds, anchors and people can find, before it is carried out: the law of its estimate and of that estimate's interval.

The estimate is that of :func:`analysis.statistics.multiway.multiway_mean`: cells count alike, and the variance is clustered on seed, anchor and
person. Given the components of variance (:mod:`analysis.statistics.components`) and how far seeds share anchors and people, its variance
is ``sum(component_c * q_c)``, with q_c the sum of the squared weights of the effects c: ``q_s = 1 / S`` for seeds, ``q_a = (1 + (S - 1) o) / (S A)`` for
anchors of which two seeds share o of A, and so on. The interval has a law of its own, which with few seeds matters as much as the variance
does: its standard error and degrees of freedom vary from study to study. Both are drawn, from normal effects, as sums by seed, anchor and
person; what cells by themselves add to the standard error is taken at its expectation.

Knows numbers; knows nothing of pages, arms or costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from analysis.statistics.components import Ways, subsets
from analysis.statistics.estimates import POWER
from analysis.statistics.multiway import floored

Variances = Mapping[Ways, float]
"""Component by the ways of its effects: 0 the seed, 1 the anchor, 2 the person."""
Floats = NDArray[np.float64]
Drawn = NDArray[Any]
"""In single precision, which halves what drawing takes."""

ALPHA = 0.05
STUDIES = 2_000
"""Drawn for a law."""
MOST_CELLS = 3_000_000
"""Numbers drawn for one law, about; of large designs fewer studies are."""
FEWEST = 500


@dataclass(frozen=True)
class CrossedDesign:
    """How much of each a study has.

    Attributes:
        seeds: trainings of each arm.
        anchors, people: of each seed; ``people`` is None for what nobody votes on.
        anchor_overlap, person_overlap: the share of one seed's that another one has, too: 1 for the same, 0 for none.
        networked: whether people influence each other, so that seeds alone are independent, and intervals have their degrees of freedom.
    """

    seeds: int
    anchors: int
    people: int | None = None
    anchor_overlap: float = 1.0
    person_overlap: float = 1.0
    networked: bool = False

    @property
    def ways(self) -> int:
        """Of clustering: seeds and anchors, and people who vote."""
        return 2 if self.people is None else 3

    def q(self, ways: Ways) -> float:
        """Return the sum of the squared weights of the effects that belong to these ways."""
        size, overlap = 1.0, 1.0
        for way, (each, shared) in enumerate(
            zip((self.anchors, self.people or 1), (self.anchor_overlap, self.person_overlap), strict=True), 1
        ):
            if way in ways:
                size, overlap = size * each, overlap * shared
        return 1 / (self.seeds * size) if 0 in ways else (1 + (self.seeds - 1) * overlap) / (self.seeds * size)

    def variance(self, variances: Variances) -> float:
        """Return the variance of the estimate."""
        return sum(component * self.q(ways) for ways, component in variances.items())

    def dof(self, variances: Variances) -> float:
        """Return about how many degrees of freedom the interval has: Satterthwaite's, of the expected parts."""
        if self.networked:
            return self.seeds - 1.0
        q = {each: self.q(each) for each in subsets(self.ways)}
        parts = [
            sum(v * (q[_union(ways, (way,))] - q[ways] * q[way,]) for ways, v in variances.items()) / (1 - q[way,])
            for way in range(self.ways)
        ]
        dofs = [max(1.0, 1 / q[way,] - 1) for way in range(self.ways)]
        spread = sum(part**2 / dof for part, dof in zip(parts, dofs, strict=True))
        return max(self.variance(variances) ** 2 / spread, min(dofs)) if spread else min(dofs)

    def roughly(
        self, variances: Variances, power: float = POWER, alpha: float = ALPHA, sides: int = 2
    ) -> tuple[float, float]:
        """Return about what effect is detected, and what margin an effect of 0 is shown to be within, without drawing: by which many designs are
        put in order. NaN without an interval."""
        if min(self.seeds, self.anchors, self.people or 2) < 2:
            return nan, nan
        dof, se = self.dof(variances), sqrt(self.variance(variances))
        t = special.stdtrit(dof, np.array([1 - alpha / sides, power, 1 - alpha, (1 + power) / 2]))
        return se * float(t[0] + t[1]), se * float(t[2] + t[3])


@dataclass(frozen=True)
class EstimateLaw:
    """Estimates of an effect of 0 and their intervals, of as many studies as were drawn.

    Attributes:
        errors, se: shape (studies,), in the unit of the values; ``dof``: degrees of freedom. Without studies, there is no interval.
    """

    errors: Floats
    se: Floats
    dof: Floats

    def power(self, effect: float, alpha: float = ALPHA, sides: int = 2) -> float:
        """Return the chance that an effect is found: that the test rejects 0, on the effect's own side."""
        return float(np.mean(abs(effect) + self._both() > self._half(alpha, sides))) if len(self.se) else nan

    def detectable(self, power: float = POWER, alpha: float = ALPHA, sides: int = 2) -> float:
        """Return the effect that is found with a power; NaN where the design has no interval."""
        return _quantile(self._half(alpha, sides) - self._both(), power)

    def margin(self, power: float = POWER, alpha: float = ALPHA) -> float:
        """Return the smallest margin that an effect of 0 is shown to be within: two one-sided tests, each at ``alpha`` (TOST)."""
        return _quantile(np.abs(self._both()) + self._half(alpha, 1), power)

    def equivalence_power(self, margin: float, effect: float = 0.0, alpha: float = ALPHA) -> float:
        """Return the chance that an effect is shown to be within a margin."""
        return float(np.mean(np.abs(effect + self._both()) + self._half(alpha, 1) < margin)) if len(self.se) else nan

    def _both(self) -> Floats:
        """Return each error with either sign: an error and its standard error do not depend on each other's sign."""
        return np.concatenate([self.errors, -self.errors])

    def _half(self, alpha: float, sides: int) -> Floats:
        return np.tile(special.stdtrit(self.dof, 1 - alpha / sides) * self.se, 2)


NO_LAW = EstimateLaw(np.zeros(0), np.zeros(0), np.zeros(0))
"""Of a design whose estimates have no interval."""


def estimate_law(design: CrossedDesign, variances: Variances, *, studies: int = STUDIES, seed: int = 0) -> EstimateLaw:
    """Return the law of a design's estimates; nothing where it has fewer than two seeds, anchors or people.

    Args:
        variances: components; what has none does not vary.
        studies: how many are drawn, of small designs; of larger ones fewer.
    """
    if min(design.seeds, design.anchors, design.people or 2) < 2 or not design.variance(variances) > 0:
        return NO_LAW
    cells = design.seeds * (design.anchors + (design.people or 0))
    number = int(np.clip(MOST_CELLS // cells, FEWEST, studies))
    return _Draw(design, variances, np.random.default_rng(seed), number).law()


class _Draw:
    """Draws sums of studies by seed, anchor and person."""

    def __init__(self, design: CrossedDesign, variances: Variances, random: np.random.Generator, number: int) -> None:
        self._design, self._random, self._number = design, random, number
        self._of = {ways: variances.get(ways, 0.0) for ways in subsets(design.ways)}
        self._anchors = _members(design.seeds, design.anchors, design.anchor_overlap, random)
        self._people = (
            None if design.people is None else _members(design.seeds, design.people, design.person_overlap, random)
        )

    def law(self) -> EstimateLaw:
        """Return errors of estimates, their standard errors and their degrees of freedom."""
        by_anchor, by_person = self._means()
        of_seeds = by_anchor.mean(axis=2)
        errors = of_seeds.mean(axis=1)
        seeds = of_seeds.shape[1]
        sums = [_squares((of_seeds - errors[:, None]) / seeds)]
        q, dofs, pairs = [1 / seeds], [seeds - 1.0], sums[0].copy()
        for means, members in ((by_anchor, self._anchors), (by_person, self._people)):
            if means is None or members is None:
                continue
            influence = (means - errors[:, None, None]) / (seeds * means.shape[2])
            flat = influence.reshape(len(errors), -1)
            of_way = _squares(_by_member(flat, members))
            weight = np.bincount(members.ravel()) / members.size
            q.append(float(weight @ weight))
            dofs.append((len(weight) - 1) / (len(weight) * q[-1]))
            sums.append(of_way)
            pairs += of_way - _squares(flat)
        if self._people is not None:
            pairs += self._expected((0, 1, 2)) - self._expected((1, 2))
        return self._finished(errors, sums, q, dofs, pairs)

    def _finished(
        self, errors: Floats, sums: list[Floats], q: list[float], dofs: list[float], pairs: Floats
    ) -> EstimateLaw:
        design = self._design
        shared = sum((-1) ** (len(ways) + 1) * design.q(ways) for ways in subsets(design.ways)[1:])
        parts = [each / (1 - one) for each, one in zip(sums, q, strict=True)]
        variance, dof = floored(pairs / (1 - shared), parts, dofs)
        dof = np.full(len(errors), dofs[0]) if design.networked else np.asarray(dof)
        return EstimateLaw(errors, np.sqrt(variance), dof)

    def _means(self) -> tuple[Drawn, Drawn | None]:
        """Return the mean of each run about each anchor, and by each person: shape (studies, seeds, anchors) and (studies, seeds, people)."""
        of, design = self._of, self._design
        seeds, anchors, people = design.seeds, design.anchors, design.people or 1
        by_anchor = self._normal(of[0,], seeds)[:, :, None] + self._effects(
            of[1,] + design.person_overlap * of.get((1, 2), 0.0) / people, self._anchors
        )
        own = (1 - design.person_overlap) * of.get((1, 2), 0.0) + of.get((0, 1, 2), 0.0)
        by_anchor += self._normal(of[0, 1] + own / people, seeds, anchors)
        if self._people is None:
            return by_anchor, None
        of_people = self._effects(of[2,], self._people) + self._normal(of[0, 2], seeds, people)
        by_anchor += of_people.mean(axis=2)[:, :, None]
        rest = (1 - design.anchor_overlap) * of[1, 2] + of[0, 1, 2]
        within = self._effects(design.anchor_overlap * of[1, 2] / anchors, self._people)
        within += self._normal(rest / anchors, seeds, people)
        by_person = of_people - of_people.mean(axis=2, keepdims=True) + within - within.mean(axis=2, keepdims=True)
        return by_anchor, by_person + by_anchor.mean(axis=2)[:, :, None]

    def _normal(self, variance: float, *shape: int) -> Drawn:
        return np.float32(sqrt(variance)) * self._random.standard_normal((self._number, *shape), dtype=np.float32)

    def _effects(self, variance: float, members: NDArray[np.int64]) -> Drawn:
        return self._normal(variance, int(members.max()) + 1)[:, members]

    def _expected(self, way: Ways) -> float:
        """Return the expectation of the sum of squares of a combination of ways."""
        q = self._design.q
        return sum(v * (q(_union(ways, way)) - q(ways) * q(way)) for ways, v in self._of.items())


def _members(seeds: int, number: int, overlap: float, random: np.random.Generator) -> NDArray[np.int64]:
    """Return who each seed has, shape (seeds, number): numbers from 0 that all occur; drawn from a pool that gives the overlap."""
    pool = number * seeds if overlap * seeds * number < 0.5 else max(number, round(number / overlap))
    if pool == number * seeds or pool == number:
        drawn = np.arange(pool).reshape(-1, number) if pool > number else np.tile(np.arange(number), (seeds, 1))
    else:
        drawn = np.stack([random.permutation(pool)[:number] for _ in range(seeds)])
    return np.unique(drawn, return_inverse=True)[1].reshape(seeds, number).astype(np.int64)


def _by_member(flat: Floats, members: NDArray[np.int64]) -> Floats:
    """Return the sums over seeds, shape (studies, members)."""
    from scipy.sparse import csr_array

    rows = np.arange(members.size)
    incidence = csr_array(
        (np.ones(members.size), (rows, members.ravel())), shape=(members.size, int(members.max()) + 1)
    )
    return np.asarray(flat @ incidence)


def _squares(influence: Floats) -> Floats:
    return np.einsum("ij,ij->i", influence, influence)


def _union(one: Ways, other: Ways) -> Ways:
    return tuple(sorted({*one, *other}))


def _quantile(values: Floats, share: float) -> float:
    found = float(np.quantile(values, share)) if len(values) else nan
    return found if isfinite(found) else nan
