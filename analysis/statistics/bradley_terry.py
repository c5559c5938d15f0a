"""Strengths from paired comparisons: the Bradley-Terry model with ties and an effect of being shown first.

Of a comparison in which f is shown first and s second, with strengths pi (Davidson & Beaver, "On extending the Bradley-Terry
model to incorporate within-pair order effects", Biometrics 33, 1977; without the order Davidson, JASA 65, 1970)::

    P(f is chosen) = pi_f / D        P(s is chosen) = gamma pi_s / D        P(neither) = nu sqrt(pi_f pi_s) / D

D the sum of the three numerators; gamma = 1 where the order is not known. log pi, log gamma and log nu enter linearly, so that the
log-likelihood is concave and Newton's method finds its maximum. Intervals are percentiles of a bootstrap over clusters of one kind
(:func:`bradley_terry`), or those of :mod:`analysis.statistics.multiway` for clusters of several kinds at once
(:func:`clustered_strengths`). Knows arrays; knows nothing of events.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from analysis.statistics.estimates import NOTHING, Estimate
from analysis.statistics.multiway import Labels, multiway_mean

REPLICATES = 1000
LOST = 0.05
"""Share of replicates without a maximum beyond which there is no interval."""
_STEPS, _CLOSE = 100, 1e-10


class Comparisons(msgspec.Struct, frozen=True):
    """Counted comparisons, by pair and order.

    Attributes:
        players: their names; the first has strength 0.
        first, second: shape (cells,), indices of players; who is shown first.
        ordered: shape (cells,), whether it is known who was shown first.
        clusters: what of the world the counts may differ by, such as an anchor; shape (clusters,).
        counts: shape (clusters, cells, 3): the first chosen, the second, neither.
    """

    players: tuple[str, ...]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    ordered: NDArray[np.bool_]
    counts: NDArray[np.float64]


class Strengths(msgspec.Struct, frozen=True):
    """A fitted model.

    Attributes:
        strength: player -> log pi, 0 for the first.
        first: -log gamma, the log-odds that being shown first adds; nothing where no order is known.
        ties: log nu; nothing where there is no tie.
        n: comparisons.
    """

    strength: dict[str, Estimate]
    first: Estimate
    ties: Estimate
    n: int


def bradley_terry(data: Comparisons, *, seed: int = 0, replicates: int = REPLICATES, level: float = 0.95) -> Strengths:
    """Return the maximum-likelihood strengths, with intervals over clusters.

    Clusters are drawn with replacement, whole; who compares stays. Where no maximum exists (some players never lost, or were
    never compared, to the rest: Ford 1957) values are NaN; where that is so in more than a twentieth of the replicates, intervals are.

    Args:
        seed: of the replicates.
        replicates: how many.
    """
    model = _Model(data)
    total = data.counts.sum(axis=0)
    n = round(float(total.sum()))
    best = model.fit(total)
    if best is None:
        nan = msgspec.structs.replace(NOTHING, n=n)
        return Strengths(dict.fromkeys(data.players, nan), NOTHING, NOTHING, n)
    clusters = len(data.counts)
    draws = np.random.default_rng(seed).multinomial(clusters, np.full(clusters, 1 / clusters), size=replicates)
    flat = data.counts.reshape(clusters, -1)
    found = [model.fit((row @ flat).reshape(total.shape), best) for row in (draws if clusters > 1 else ())]
    kept = np.array([each for each in found if each is not None])
    known = clusters > 1 and len(kept) >= (1 - LOST) * replicates
    tail = 100 * (1 - level) / 2
    spread = np.nanpercentile(kept, [tail, 100 - tail], axis=0) if known else np.full((2, len(best)), float("nan"))
    se = kept.std(axis=0, ddof=1) if known else np.full(len(best), float("nan"))

    def estimate(i: int, sign: float = 1.0) -> Estimate:
        low, high = sorted(sign * spread[:, i]) if known else (float("nan"),) * 2
        return Estimate(sign * float(best[i]), float(low), float(high), n, (clusters,), float(se[i]))

    players = len(data.players)
    strength = {name: estimate(i - 1) for i, name in enumerate(data.players) if i}
    return Strengths(
        {data.players[0]: Estimate(0.0, 0.0, 0.0, n, (clusters,)), **strength},
        estimate(players - 1, -1.0) if model.has_order else NOTHING,
        estimate(len(best) - 1) if model.has_ties else NOTHING,
        n,
    )


class SingleComparisons(msgspec.Struct, frozen=True):
    """Single comparisons; row i is one.

    Attributes:
        players: their names; the first has strength 0.
        first, second: shape (n,), indices of players; who is shown first.
        ordered: shape (n,), whether it is known who was shown first.
        outcomes: shape (n,): 0 for the first chosen, 1 for the second, 2 for neither.
        weights: shape (n,), what each counts, above 0.
    """

    players: tuple[str, ...]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    ordered: NDArray[np.bool_]
    outcomes: NDArray[np.int64]
    weights: NDArray[np.float64]


def clustered_strengths(votes: SingleComparisons, ways: Sequence[Labels], *, level: float = 0.95) -> Strengths:
    """Return the maximum-likelihood strengths, with intervals that are robust to clustering in each of the ways.

    What a comparison adds to the maximum, to first order, is its score times the inverse of the information (the sandwich of Huber 1967,
    as for any maximum of a likelihood); these are summed over clusters as the residuals of a mean are. Values are NaN where no maximum
    exists, as of :func:`bradley_terry`.

    Args:
        ways: shape (n,) each: seed, anchor and person, say.
    """
    n, players = len(votes.outcomes), len(votes.players)
    cells, at = np.unique(
        np.stack([votes.first, votes.second, votes.ordered.astype(np.int64)], axis=1), axis=0, return_inverse=True
    )
    counts = np.zeros((1, len(cells), 3))
    np.add.at(counts[0], (at, votes.outcomes), votes.weights * n / votes.weights.sum())
    model = _Model(Comparisons(votes.players, cells[:, 0], cells[:, 1], cells[:, 2] == 1, counts))
    best = model.fit(counts[0])
    if best is None:
        nan = msgspec.structs.replace(NOTHING, n=n)
        return Strengths(dict.fromkeys(votes.players, nan), NOTHING, NOTHING, n)
    influence = (
        votes.weights[:, None] * model.influences(best, counts[0])[at, votes.outcomes] * (n / votes.weights.sum())
    )

    def estimate(i: int, sign: float = 1.0) -> Estimate:
        return multiway_mean(sign * (best[i] + n * influence[:, i]), ways, level=level)

    zero = Estimate(0.0, 0.0, 0.0, n)
    return Strengths(
        {name: estimate(i - 1) if i else zero for i, name in enumerate(votes.players)},
        estimate(players - 1, -1.0) if model.has_order else NOTHING,
        estimate(len(best) - 1) if model.has_ties else NOTHING,
        n,
    )


class _Model:
    """Its design: outcome utilities are linear in (log pi of all players but the first, log gamma, log nu)."""

    def __init__(self, data: Comparisons) -> None:
        self._data, total = data, data.counts.sum(axis=0)
        players, cells = len(data.players), len(data.first)
        self.has_order = bool(total[data.ordered].sum() > 0) if cells else False
        self.has_ties = bool(total[:, 2].sum() > 0) if cells else False
        size = players + self.has_order + self.has_ties
        design, at = np.zeros((cells, 3, size)), np.arange(cells)
        design[at, 0, data.first] += 1
        design[at, 1, data.second] += 1
        design[at, 2, data.first] += 0.5
        design[at, 2, data.second] += 0.5
        if self.has_order:
            design[data.ordered, 1, players] = 1
        if self.has_ties:
            design[:, 2, -1] = 1
        self._design = design[:, :, 1:]  # the first player's strength is 0
        self._possible = np.array([True, True, self.has_ties])

    def fit(self, counts: NDArray[np.float64], start: NDArray[np.float64] | None = None) -> NDArray[np.float64] | None:
        """Return the maximum, shape (parameters,); None where there is none."""
        if not self._identified(counts):
            return None
        beta = np.zeros(self._design.shape[2]) if start is None else start.copy()
        value, gradient, hessian = self._derivatives(beta, counts)
        for _ in range(_STEPS):
            try:
                step = np.linalg.solve(hessian, gradient)
            except np.linalg.LinAlgError:
                return None
            slope = float(gradient @ step)
            if slope < _CLOSE:
                return beta + step
            scale = 1.0
            while True:
                new = self._derivatives(beta + scale * step, counts)
                if new[0] >= value + 1e-4 * scale * slope or scale < 1e-8:
                    break
                scale /= 2
            beta = beta + scale * step
            value, gradient, hessian = new
        return None

    def influences(self, beta: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what one more comparison adds to the maximum, by cell and outcome: shape (cells, 3, parameters)."""
        utility = np.where(self._possible, self._design @ beta, -np.inf)
        p = np.exp(utility - utility.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        mean = np.einsum("co,cod->cd", p, self._design)
        return (self._design - mean[:, None]) @ np.linalg.inv(self._derivatives(beta, counts)[2])

    def _derivatives(
        self, beta: NDArray[np.float64], counts: NDArray[np.float64]
    ) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Return log-likelihood, its gradient and minus its Hessian."""
        utility = np.where(self._possible, self._design @ beta, -np.inf)
        top = utility.max(axis=1, keepdims=True)
        log_p = utility - top - np.log(np.exp(utility - top).sum(axis=1, keepdims=True))
        p, trials = np.exp(log_p), counts.sum(axis=1)
        value = float((counts * np.where(self._possible, log_p, 0.0)).sum())
        gradient = np.einsum("co,cod->d", counts - trials[:, None] * p, self._design)
        mean = np.einsum("co,cod->cd", p, self._design)
        square = np.einsum("c,co,cod,coe->de", trials, p, self._design, self._design)
        return value, gradient, square - np.einsum("c,cd,ce->de", trials, mean, mean)

    def _identified(self, counts: NDArray[np.float64]) -> bool:
        """Return whether every player is, through others, at least as good as every other: Ford's condition, ties counting both ways."""
        first, second = self._data.first, self._data.second
        over, under = counts[:, 0] + counts[:, 2] > 0, counts[:, 1] + counts[:, 2] > 0
        rows = np.concatenate([first[over], second[under]])
        columns = np.concatenate([second[over], first[under]])
        players = len(self._data.players)
        graph = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(players, players))
        return connected_components(graph, connection="strong")[0] == 1


def probability(strength: float, other: float = 0.0) -> float:
    """Return the chance that one is chosen over another where neither is shown first and there are no ties."""
    return float(1 / (1 + np.exp(other - strength)))
