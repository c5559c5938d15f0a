"""Models of what spreads from node to node: independent cascade, linear threshold, SI and SIR.

Each is a small class over ``reach`` (row i: whom node i can reach, see :meth:`media_graph.CSR.transposed`). ``states`` holds
0 for who was not reached, 1 for who is active or infectious, 2 for who recovered. A draw is a function of the seed, the step
and the node: results do not depend on the order of ties, nor on who else is in the frontier. The cost of a step is that of
the nodes that can change in it, and of the ties of those that do.
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

OnStep = Callable[[int, NDArray[np.int32], NDArray[np.int8]], None]
"""Called with the step (0: the seeds), the nodes that changed, ascending, and their new states."""


class Spreading(ABC):
    """What the models share.

    Args:
        reach: row i holds whom node i reaches.
        seeds: nodes that spread from the start, by number.
        seed: decides all draws.

    Attributes:
        states: shape (n,), int8.
        t: steps so far.

    Raises:
        InputError: a seed is not a node.
    """

    name = ""

    def __init__(self, reach: CSR, seeds: ArrayLike, *, seed: int) -> None:
        array = np.asarray(seeds)
        if array.size and array.dtype.kind not in "iu":  # a mask of them, say, would pass for nodes 0 and 1
            raise InputError("seeds are not nodes", why=f"they are {array.dtype}", fix="Give whole numbers.")
        nodes = np.unique(array).astype(np.int32)
        if len(nodes) and not 0 <= nodes[0] <= nodes[-1] < reach.n:
            raise InputError("a seed is not a node", why=f"nodes are 0 to {reach.n - 1}", fix="Give other seeds.")
        self.reach, self.seed, self.t = reach, seed, 0
        self.states = np.zeros(reach.n, dtype=np.int8)
        self.states[nodes] = 1
        self._spreaders = nodes

    @property
    def done(self) -> bool:
        """Whether nothing can change any more."""
        return not len(self._spreaders)

    @abstractmethod
    def step(self) -> NDArray[np.int32]:
        """Go one step; return the nodes whose state changed, ascending."""

    def run(self, steps: int, on_step: OnStep | None = None) -> NDArray[np.int64]:
        """Go ``steps`` steps, or until nothing can change; return how many nodes were in each state, shape (steps + 1, 3).

        Args:
            on_step: told of every change, and before the first step of the seeds; a log's writer, say.
        """
        counts = [np.bincount(self.states, minlength=3)]
        if on_step and not self.t:
            first = np.flatnonzero(self.states).astype(np.int32)
            on_step(0, first, self.states[first])
        for _ in range(steps):
            changed = np.zeros(0, dtype=np.int32) if self.done else self.step()
            moved = np.bincount(self.states[changed], minlength=4)  # everybody comes from the state before
            counts.append(counts[-1] + moved[:3] - moved[1:])
            if on_step and len(changed):
                on_step(self.t, changed, self.states[changed])
        return np.array(counts)

    def _draw(self, nodes: NDArray[np.int32], what: str) -> NDArray[np.float64]:
        draws = np.empty(len(nodes))
        uniforms(keyed.counters(nodes), keyed.words(self.seed, self.name, what, self.t), draws)
        return draws


class SIR(Spreading):
    """Susceptible, infectious, recovered, in steps of time; after Kermack & McKendrick 1927.

    In each step a susceptible node with c infectious neighbours is infected with chance 1 - (1 - beta)^c, and each node that
    was infectious before the step recovers with chance gamma after having spread. Each node's number of infectious neighbours is
    kept: a step visits the ties of those who changed, and the nodes that are exposed.
    """

    name = "sir"

    def __init__(self, reach: CSR, seeds: ArrayLike, *, beta: float, gamma: float, seed: int) -> None:
        super().__init__(reach, seeds, seed=seed)
        _rate(beta, "beta")
        _rate(gamma, "gamma")
        self.beta, self.gamma = beta, gamma
        most = int(np.bincount(reach.indices, minlength=1).max()) if reach.n else 0
        self._escape = (1.0 - beta) ** np.arange(most + 1)
        small = most < 1 << 15
        self._closed = 1 << (15 if small else 31)
        self._marks = np.where(self.states, self._closed, 0).astype(np.uint16 if small else np.uint32)
        self._exposed, self._size = np.empty(reach.n + 1, dtype=np.int32), 0
        self._expose(self._spreaders)

    def step(self) -> NDArray[np.int32]:
        self.t += 1
        new = np.empty(self._size, dtype=np.int32)
        caught, self._size = kernels.catch(
            self._exposed,
            self._size,
            self._marks,
            self._closed,
            self._escape,
            self._draw(self._exposed[: self._size], "catch"),
            self.states,
            new,
        )
        new, gone = new[:caught], self._recover()
        kernels.relieve(self.reach.indptr, self.reach.indices, gone, self._marks)
        self._expose(new)
        self._spreaders = np.concatenate([self._spreaders, new])
        return np.sort(np.concatenate([new, gone]))

    def _expose(self, new: NDArray[np.int32]) -> None:
        self._size = kernels.expose(
            self.reach.indptr, self.reach.indices, new, self._marks, self._closed, self._exposed, self._size
        )

    def _recover(self) -> NDArray[np.int32]:
        if not self.gamma:
            return np.zeros(0, dtype=np.int32)
        gone = np.empty(len(self._spreaders), dtype=np.int32)
        draws = self._draw(self._spreaders, "recover")
        stay = kernels.recovered(self._spreaders, self.gamma, draws, self.states, gone)
        gone = gone[: len(self._spreaders) - stay]
        self._spreaders = self._spreaders[:stay]
        return gone


class SI(SIR):
    """Susceptible, infectious: SIR without recovery."""

    name = "si"

    def __init__(self, reach: CSR, seeds: ArrayLike, *, beta: float, seed: int) -> None:
        super().__init__(reach, seeds, beta=beta, gamma=0.0, seed=seed)


class IndependentCascade(SIR):
    """Each node tries once, in the step after it became active, to activate each neighbour; Kempe, Kleinberg & Tardos 2003.

    ``states`` is 1 for who became active in the last step, and 2 for who was before.

    Args:
        p: chance of an attempt.
    """

    name = "independent_cascade"

    def __init__(self, reach: CSR, seeds: ArrayLike, *, p: float, seed: int) -> None:
        super().__init__(reach, seeds, beta=p, gamma=1.0, seed=seed)


class LinearThreshold(Spreading):
    """A node adopts when the share of adopters among those it follows reaches its threshold; Granovetter 1978, Kempe et al. 2003.

    Args:
        thresholds: shape (n,), 0 .. 1, or above 1 for who never adopts; by default uniform draws. At 0 a node adopts in the
            first step, whomever it follows.

    Raises:
        InputError: a threshold below 0, or no number.
    """

    name = "linear_threshold"

    def __init__(self, reach: CSR, seeds: ArrayLike, *, thresholds: ArrayLike | None = None, seed: int) -> None:
        super().__init__(reach, seeds, seed=seed)
        if thresholds is None:
            self.thresholds = self._draw(np.arange(reach.n, dtype=np.int32), "threshold")
        else:
            self.thresholds = np.broadcast_to(np.asarray(thresholds, dtype=np.float64), (reach.n,))
        if not (self.thresholds >= 0).all():
            raise InputError("a threshold is below 0, or not a number", fix="Choose 0 to 1; above 1 nobody adopts.")
        self._followed = np.bincount(reach.indices, minlength=reach.n)
        self._room = np.empty(reach.n, dtype=np.int32)
        self._ready = np.flatnonzero((self.thresholds == 0) & (self.states == 0)).astype(np.int32)
        self._pressure = np.zeros(reach.n, dtype=np.int32)

    @property
    def done(self) -> bool:
        return not len(self._spreaders) and not len(self._ready)

    def step(self) -> NDArray[np.int32]:
        self.t += 1
        adopted = kernels.pressed(
            self.reach.indptr,
            self.reach.indices,
            self._spreaders,
            self._followed,
            self.thresholds,
            self._pressure,
            self.states,
            self._room,
        )
        ready, self._ready = self._ready[self.states[self._ready] == 0], self._ready[:0]
        self.states[ready] = 1
        self._spreaders = np.sort(np.concatenate([self._room[:adopted], ready]))
        return self._spreaders


def _rate(value: float, name: str) -> None:
    if not 0 <= value <= 1:
        raise InputError(f"{name} is {value}", why="it is a chance per step", fix="Choose 0 to 1.")
