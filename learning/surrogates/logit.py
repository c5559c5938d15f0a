"""The conditional logit fitted to votes: penalised maximum likelihood, its gradient, its curvature.

The model is that of :mod:`abm.audience.choice` with the temperature fixed to 1 (McFadden 1974, "Conditional logit
analysis of qualitative choice behavior"). With option s of vote v, its features x_s and the voter's z = (1, traits):

    U[v, s] = x_s' W z + first * [s stood first],    U[v, none] = abstain,    P[v, s] = exp U[v, s] / sum exp U[v, .]

and the loss is -sum_v log P[v, chosen] + ridge / 2 * |W|^2 + LOOSE / 2 * (first^2 + abstain^2): convex, with one minimum.
Knows arrays; knows nothing of events, files or what the features mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]

LOOSE = 0.01
"""Ridge of ``first`` and ``abstain`` (a standard deviation of 10): one-sided answers keep a finite fit."""
STEPS, HALVINGS = 100, 40
CLOSE = 1e-9
"""Newton ends when the loss can fall by less than this share of a vote's log 2 per vote."""


@dataclass(frozen=True, eq=False)
class ChoiceData:
    """What a fit needs of the votes.

    Attributes:
        values: shape (contests, slots, features); 0 where a slot has no message.
        people: shape (personas, 1 + traits); the first column is 1.
        contest, person: shape (votes,), rows of the two above.
        offered: shape (votes, slots), which options each saw.
        first: shape (votes,), the slot that stood first.
        choice: shape (votes,), the slot chosen, -1 for none.
        may_abstain: whether choosing none is an option of its own.
    """

    values: Floats
    people: Floats
    contest: NDArray[np.int64]
    person: NDArray[np.int64]
    offered: NDArray[np.bool_]
    first: NDArray[np.int64]
    choice: NDArray[np.int64]
    may_abstain: bool

    def __len__(self) -> int:
        return len(self.choice)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the weights: (features, 1 + traits)."""
        return self.values.shape[2], self.people.shape[1]

    def of(self, rows: NDArray) -> ChoiceData:
        """Return some of the votes."""
        picked = {name: getattr(self, name)[rows] for name in ("contest", "person", "offered", "first", "choice")}
        return replace(self, **picked)


def split(theta: Floats, shape: tuple[int, int]) -> tuple[float, float, Floats]:
    """Return ``first``, ``abstain`` and the weights of a vector of parameters."""
    return float(theta[0]), float(theta[1]), theta[2:].reshape(shape)


def probabilities(votes: ChoiceData, theta: Floats) -> Floats:
    """Return the chance of each slot and, last, of none, shape (votes, slots + 1); 0 for what was not offered."""
    first, abstain, weights = split(theta, votes.shape)
    slopes, slots = votes.values @ weights, votes.values.shape[1]
    utility = np.full((len(votes), slots + 1), -np.inf)
    people = votes.people[votes.person]
    for slot in range(slots):
        own = np.einsum("vt,vt->v", slopes[votes.contest, slot], people) + first * (votes.first == slot)
        utility[:, slot] = np.where(votes.offered[:, slot], own, -np.inf)
    if votes.may_abstain:
        utility[:, slots] = abstain
    odds = np.exp(utility - utility.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def loss(votes: ChoiceData, theta: Floats, ridge: float) -> tuple[float, Floats, Floats]:
    """Return the penalised loss, its gradient, and the probabilities at which both were taken."""
    chances = probabilities(votes, theta)
    column = np.where(votes.choice < 0, chances.shape[1] - 1, votes.choice)
    rows, penalty = np.arange(len(votes)), _penalty(theta, ridge)
    with np.errstate(divide="ignore"):
        value = -np.log(chances[rows, column]).sum() + 0.5 * float(penalty @ theta**2)
    residuals = chances.copy()
    residuals[rows, column] -= 1.0
    gradient = np.concatenate(
        [
            [residuals[rows, votes.first].sum(), residuals[:, -1].sum() if votes.may_abstain else 0.0],
            _to_weights(votes, residuals[:, :-1]).ravel(),
        ]
    )
    return float(value), gradient + penalty * theta, chances


def curvature(votes: ChoiceData, chances: Floats, ridge: float) -> Floats:
    """Return the matrix of second derivatives of the penalised loss, shape (parameters, parameters).

    The part of the weights is sum_v sum_ss' P_s ([s = s'] - P_s') (x_s x_s') x (z z'): the votes of a contest are summed
    over people first, so that the cost grows with contests times parameters squared, not with votes.
    """
    (features, columns), slots = votes.shape, votes.values.shape[1]
    n = 2 + features * columns
    hessian = np.zeros((n, n))
    weights = np.zeros((features * features, columns * columns))
    squares = (votes.people[:, :, None] * votes.people[:, None, :]).reshape(len(votes.people), -1)
    for s in range(slots):
        for other in range(s, slots):
            both = chances[:, s] * ((s == other) - chances[:, other])
            if not both.any():
                continue
            pairs = votes.values[:, s, :, None] * votes.values[:, other, None, :]
            if s != other:
                pairs = pairs + pairs.transpose(0, 2, 1)
            weights += pairs.reshape(len(pairs), -1).T @ _over_people(votes, both, squares)
    grid = weights.reshape(features, features, columns, columns).transpose(0, 2, 1, 3)
    hessian[2:, 2:] = grid.reshape(n - 2, n - 2)
    rows = np.arange(len(votes))
    of_first, of_none = chances[rows, votes.first], chances[:, -1]
    cross = -chances[:, :-1] * of_first[:, None]
    cross[rows, votes.first] += of_first
    hessian[0, 2:] = hessian[2:, 0] = _to_weights(votes, cross).ravel()
    hessian[1, 2:] = hessian[2:, 1] = _to_weights(votes, -chances[:, :-1] * of_none[:, None]).ravel()
    hessian[0, 0], hessian[1, 1] = (of_first * (1 - of_first)).sum(), (of_none * (1 - of_none)).sum()
    hessian[0, 1] = hessian[1, 0] = -(of_first * of_none).sum()
    return hessian + np.diag(_penalty(np.zeros(n), ridge))


def fit(votes: ChoiceData, ridge: float, start: Floats | None = None) -> Floats:
    """Return the parameters of least penalised loss: ``first``, ``abstain`` (0 where nobody may), weights row by row.

    Newton's method with halved steps; the loss is strictly convex, so that the start does not matter.
    """
    features, columns = votes.shape
    theta = np.zeros(2 + features * columns) if start is None else start.copy()
    value, gradient, chances = loss(votes, theta, ridge)
    for _ in range(STEPS):
        step = np.linalg.solve(curvature(votes, chances, ridge), gradient)
        fall = float(gradient @ step)
        if fall <= CLOSE * max(1, len(votes)):
            break
        for halving in range(HALVINGS):
            trial = theta - step * 0.5**halving
            lower, slope, reached = loss(votes, trial, ridge)
            if lower <= value - 1e-4 * fall * 0.5**halving:
                break
        else:
            break  # as low as rounding lets it come
        theta, value, gradient, chances = trial, lower, slope, reached
    return theta


def standard_errors(votes: ChoiceData, theta: Floats, ridge: float) -> Floats:
    """Return the root of the diagonal of the inverse curvature, shape (parameters,).

    They hold if votes are independent given the model; the ridge counts as what was known before (a normal prior of
    variance 1 / ridge), so that an error includes how far the penalty may have pulled the weight.
    """
    covariance = np.linalg.inv(curvature(votes, probabilities(votes, theta), ridge))
    return np.sqrt(np.diag(covariance))


def _penalty(theta: Floats, ridge: float) -> Floats:
    return np.concatenate([[LOOSE, LOOSE], np.full(len(theta) - 2, ridge)])


def _to_weights(votes: ChoiceData, by_slot: Floats) -> Floats:
    """Return sum_v sum_s by_slot[v, s] x_s z', shape (features, 1 + traits)."""
    return np.sum(
        [votes.values[:, s].T @ _over_people(votes, by_slot[:, s], votes.people) for s in range(votes.values.shape[1])],
        axis=0,
    )


def _over_people(votes: ChoiceData, weight: Floats, columns: Floats) -> Floats:
    """Return the sum of ``weight`` times the voter's row of ``columns`` in each contest, shape (contests, columns)."""
    shape = len(votes.values), len(votes.people)
    return sparse.csr_array((weight, (votes.contest, votes.person)), shape=shape) @ columns
