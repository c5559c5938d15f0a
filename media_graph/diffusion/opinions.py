"""Models of opinions that move: bounded confidence in pairs and in groups, and stubborn averaging.

``follows`` is the graph of who hears whom (row i: those whom i follows). Opinions are real numbers, in 0 .. 1 by custom.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from media_graph.csr import CSR
from media_graph.diffusion import kernels
from moloch import keyed
from moloch.errors import InputError
from moloch.kernels import uniforms

OnShift = Callable[[int, NDArray[np.int32], NDArray[np.float64]], None]
"""Called with the step, the nodes whose opinion changed, ascending, and their new opinions."""


class Opinions(ABC):
    """What the models share.

    Args:
        follows: row i holds whom node i follows.
        opinions: shape (n,); copied.

    Attributes:
        opinions: shape (n,), float64.
        t: steps so far.

    Raises:
        InputError: not one finite opinion per node.
    """

    name = ""

    def __init__(self, follows: CSR, opinions: ArrayLike) -> None:
        self.follows, self.t = follows, 0
        self.opinions = np.array(opinions, dtype=np.float64)
        if self.opinions.shape != (follows.n,) or not np.isfinite(self.opinions).all():
            raise InputError("these are not opinions", why=f"one finite number for each of {follows.n} nodes is needed")

    @abstractmethod
    def step(self) -> NDArray[np.int32]:
        """Go one step; return the nodes whose opinion changed, ascending."""

    def run(self, steps: int, on_step: OnShift | None = None) -> NDArray[np.float64]:
        """Go ``steps`` steps; return the mean and the variance of opinions before and after each, shape (steps + 1, 2)."""
        moments = [(self.opinions.mean(), self.opinions.var())]
        for _ in range(steps):
            changed = self.step()
            moments.append((self.opinions.mean(), self.opinions.var()))
            if on_step and len(changed):
                on_step(self.t, changed, self.opinions[changed])
        return np.array(moments)


class Deffuant(Opinions):
    """Pairs meet, and move towards each other if they are near enough; Deffuant, Neau, Amblard & Weisbuch 2000.

    A step is as many meetings, over ties drawn at random, as there are nodes. The mean opinion never changes.

    Args:
        epsilon: distance from which two ignore each other.
        mu: share of the distance that each moves, 0 .. 0.5.
    """

    name = "deffuant"

    def __init__(self, follows: CSR, opinions: ArrayLike, *, epsilon: float, mu: float = 0.5, seed: int) -> None:
        super().__init__(follows, opinions)
        if not 0 <= mu <= 0.5:
            raise InputError(
                f"mu is {mu}", why="two members who meet would move past each other", fix="Choose 0 to 0.5."
            )
        self.epsilon, self.mu, self.seed = _confidence(epsilon), mu, seed
        self._sources, self._targets = follows.ties()

    def step(self) -> NDArray[np.int32]:
        self.t += 1
        if not len(self._sources):
            return np.zeros(0, dtype=np.int32)
        draws = np.empty(self.follows.n)
        uniforms(keyed.counters(np.arange(self.follows.n)), keyed.words(self.seed, self.name, self.t), draws)
        picks = (draws * len(self._sources)).astype(np.int64)
        moved = np.empty(2 * len(picks), dtype=np.int32)
        changed = kernels.met(self._sources, self._targets, picks, self.epsilon, self.mu, self.opinions, moved)
        return np.unique(moved[:changed])


class _Averaging(Opinions):
    """Models in which all nodes look at once; only those in whose sight something changed are computed again."""

    def __init__(self, follows: CSR, opinions: ArrayLike, epsilon: float, own: bool) -> None:
        super().__init__(follows, opinions)
        self._epsilon, self._own = epsilon, own
        self._reach = follows.transposed()
        self._nodes = np.arange(follows.n, dtype=np.int32)

    def step(self) -> NDArray[np.int32]:
        self.t += 1
        heard = np.empty(len(self._nodes))
        kernels.averaged(
            self.follows.indptr, self.follows.indices, self._nodes, self._epsilon, self._own, self.opinions, heard
        )
        new = self._mixed(self._nodes, heard)
        changes = new != self.opinions[self._nodes]
        changed = self._nodes[changes]
        self.opinions[changed] = new[changes]
        self._nodes = self._in_sight(changed)
        return changed

    def _mixed(self, nodes: NDArray[np.int32], heard: NDArray[np.float64]) -> NDArray[np.float64]:
        return heard

    def _in_sight(self, changed: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the changed nodes and those who follow one, ascending."""
        seen = np.zeros(self.follows.n, dtype=bool)
        seen[changed] = True
        lengths = np.diff(self._reach.indptr)[changed]
        offsets = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        seen[self._reach.indices[np.repeat(self._reach.indptr[changed], lengths) + offsets]] = True
        return np.flatnonzero(seen).astype(np.int32)


class HegselmannKrause(_Averaging):
    """All take the mean of those whom they follow within ``epsilon``, and of themselves; Hegselmann & Krause 2002."""

    name = "hegselmann_krause"

    def __init__(self, follows: CSR, opinions: ArrayLike, *, epsilon: float) -> None:
        super().__init__(follows, opinions, _confidence(epsilon), own=True)


class FriedkinJohnsen(_Averaging):
    """All mix the mean of those whom they follow with their own first opinion; Friedkin & Johnsen 1990.

    x(t + 1) = A W x(t) + (I - A) x(0), with A the susceptibilities and W the means; who follows nobody keeps its opinion.

    Args:
        susceptibility: shape (n,) or a number, 0 .. 1; 1: open, 0: stubborn.
    """

    name = "friedkin_johnsen"

    def __init__(self, follows: CSR, opinions: ArrayLike, *, susceptibility: ArrayLike) -> None:
        super().__init__(follows, opinions, np.inf, own=False)
        self.first = self.opinions.copy()
        self.susceptibility = np.broadcast_to(np.asarray(susceptibility, dtype=np.float64), (follows.n,))
        if not ((self.susceptibility >= 0) & (self.susceptibility <= 1)).all():
            raise InputError("susceptibilities must lie in 0 .. 1")

    def _mixed(self, nodes: NDArray[np.int32], heard: NDArray[np.float64]) -> NDArray[np.float64]:
        open_ = self.susceptibility[nodes]
        return open_ * heard + (1.0 - open_) * self.first[nodes]


def _confidence(epsilon: float) -> float:
    if not epsilon >= 0:
        raise InputError(f"epsilon is {epsilon}", why="it is a distance between opinions", fix="Choose 0 or more.")
    return epsilon
