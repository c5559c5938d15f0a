"""A graph as two arrays: compressed sparse rows, for everything that must be fast.

Knows arrays of persona indices; knows nothing of what flows along the ties.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from media_graph.builders import PERSONA
from populations.errors import InputError


@dataclass(frozen=True, eq=False)
class CSR:
    """Ties by their origin; row i holds who member i reaches.

    Attributes:
        indptr: shape (n + 1,), int64; row i is ``indices[indptr[i]:indptr[i + 1]]``.
        indices: shape (ties,), int32; persona indices, ascending within a row. An undirected tie stands in both rows.

    Raises:
        InputError: the arrays are no such rows.
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]

    def __post_init__(self) -> None:
        ptr, to = self.indptr, self.indices
        if ptr.ndim != 1 or to.ndim != 1 or not len(ptr) or ptr[0] != 0 or ptr[-1] != len(to):
            raise InputError("not CSR arrays", why="indptr must begin with 0 and end with the number of ties")
        if np.any(np.diff(ptr) < 0):
            raise InputError("not CSR arrays", why="indptr must not fall")
        if len(to) and not 0 <= to.min() <= to.max() < self.n:
            raise InputError("not CSR arrays", why=f"indices must lie in 0 .. {self.n - 1}")

    @property
    def n(self) -> int:
        """Number of members."""
        return len(self.indptr) - 1

    @property
    def degrees(self) -> NDArray[np.int64]:
        """Number of ties of each member, shape (n,)."""
        return np.diff(self.indptr)

    def neighbors(self, i: int) -> NDArray[np.int32]:
        """Return who member ``i`` reaches, ascending."""
        return self.indices[self.indptr[i] : self.indptr[i + 1]]


def to_csr(graph: nx.Graph[Any]) -> CSR:
    """Return the ties of ``graph`` between persona indices; a directed edge u -> v stands in u's row only.

    Raises:
        InputError: the node attributes ``persona`` are not 0 .. n-1, each once; or the graph has parallel edges or ties
            from a member to itself.
    """
    if graph.is_multigraph():
        raise InputError("not an audience graph", why="it has parallel edges", mend="Give a Graph or a DiGraph.")
    index: dict[Any, Any] = dict(graph.nodes(data=PERSONA))
    if set(index.values()) != set(range(len(index))):
        raise InputError(
            "not an audience graph",
            why=f"the node attribute {PERSONA!r} must hold 0 .. {len(index) - 1}, each once",
            mend="Number the members, or use a builder of media_graph.",
        )
    ties = np.array([(index[u], index[v]) for u, v in graph.edges()], dtype=np.int64).reshape(-1, 2)
    if np.any(ties[:, 0] == ties[:, 1]):
        raise InputError("not an audience graph", why="a member is tied to itself", mend="Remove the self-loops.")
    if not graph.is_directed():
        ties = np.concatenate([ties, ties[:, ::-1]])
    ties = ties[np.lexsort((ties[:, 1], ties[:, 0]))]
    indptr = np.zeros(len(index) + 1, dtype=np.int64)
    np.cumsum(np.bincount(ties[:, 0], minlength=len(index)), out=indptr[1:])
    return CSR(indptr, ties[:, 1].astype(np.int32))
