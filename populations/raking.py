"""Weights that make a sample's marginals those of a population: raking, by iterative proportional fitting.

Deming & Stephan 1940, "On a least squares adjustment of a sampled frequency table when the expected marginal totals are
known". What weighting costs is Kish's (1965) design effect: 1 + the squared coefficient of variation of the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from moloch.errors import InputError
from populations.margins import LARGEST_WEIGHT, Margins, shares
from populations.randomness import generator


class Raked(msgspec.Struct, frozen=True):
    """The weights, and what they cost.

    Attributes:
        weights: shape (n,), mean 1.
        design_effect: 1 + CV^2 of the weights; 1 is a sample that needed none.
        effective_n: n / design_effect: an unweighted sample of this size is as precise.
        rounds: until the margins fitted.
        largest_miss: largest difference of a weighted share from its target.
    """

    weights: NDArray[np.float64]
    design_effect: float
    effective_n: float
    rounds: int
    largest_miss: float


def rake(
    people: Sequence[Mapping[str, Any]],
    margins: Margins,
    *,
    weights: Sequence[float] | None = None,
    tolerance: float = 1e-8,
    rounds: int = 1000,
) -> Raked:
    """Return weights with which each attribute is distributed as ``margins`` says.

    Args:
        people: the sample's attributes.
        margins: none leaves the weights as they are, but for their mean.
        weights: to start from, such as a survey's own; by default 1 each.

    Raises:
        InputError: a value of the population that nobody in the sample has, or one of the sample that the population lacks
            (both are named); margins that are no shares; weights that are not in 0 .. :data:`LARGEST_WEIGHT`; or no fit within
            ``rounds``.
    """
    if not people:
        raise InputError("nobody to weight")
    start = np.ones(len(people)) if weights is None else np.asarray(weights, dtype=np.float64)
    if start.shape != (len(people),) or not np.all((start > 0) & (start <= LARGEST_WEIGHT)):
        why = f"each person needs one, up to {LARGEST_WEIGHT:g}"
        raise InputError("weights to start from must be positive", why=why)
    cells = [_cells(people, name, margin) for name, margin in margins.items()]
    w, miss, used = start / start.mean(), np.inf if cells else 0.0, 0
    while miss > tolerance:
        if used == rounds:
            raise InputError(
                f"no weights fit all margins within {rounds} rounds",
                why=f"a share still misses its target by {miss:.2g}; the margins may contradict each other in this sample",
                fix="Rake on fewer attributes, or merge rare values.",
            )
        used += 1
        for codes, target in cells:
            held = np.bincount(codes, w, minlength=len(target))
            w = w * (target * len(people) / held)[codes]
        misses = [np.bincount(codes, w, minlength=len(target)) / w.sum() - target for codes, target in cells]
        miss = max(float(np.abs(part).max()) for part in misses)
    w /= w.mean()
    effect = float(1 + w.var())
    return Raked(w, effect, len(people) / effect, used, miss)


def resample(weights: Sequence[float] | NDArray[np.float64], n: int, seed: int | str) -> NDArray[np.int64]:
    """Return ``n`` places of people, ascending, each as often as its weight asks for: systematic sampling.

    Nobody is drawn less often than the whole part of its share, nor more than once above it (Madow 1949, "On the theory of
    systematic sampling, II").
    """
    w = np.asarray(weights, dtype=np.float64)
    edges = np.cumsum(w) / w.sum() * n
    start = generator(seed, "resample").random()
    return np.minimum(np.searchsorted(edges, start + np.arange(n), side="right"), len(w) - 1)


def _cells(
    people: Sequence[Mapping[str, Any]], name: str, margin: Mapping[Any, float]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return each person's cell and the cells' target shares."""
    target = {value: share for value, share in shares(name, margin).items() if share > 0}
    values = list(target)
    place = {value: i for i, value in enumerate(values)}
    try:
        codes = np.array([place[person[name]] for person in people], dtype=np.int64)
    except KeyError as error:
        missing = error.args[0]
        why = "some people have no such attribute" if missing == name else f"the margin has no share for {missing!r}"
        raise InputError(f"cannot rake on {name!r}", why=why, fix="Give every value of the sample a share.") from error
    if empty := [value for i, value in enumerate(values) if not (codes == i).any()]:
        raise InputError(
            f"nobody in the sample has {name} = {empty[0]!r}",
            why=f"the population has {target[empty[0]]:.1%}, and no weight can stand for nobody",
            fix="Merge the value with another one, or take a larger sample.",
        )
    return codes, np.array(list(target.values()))
