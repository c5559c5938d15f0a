"""A graph as two arrays: compressed sparse rows, for everything that must be fast.

A directed tie u -> v means "u follows v": what v publishes or shares reaches u. An undirected tie is two. Row i of
:func:`to_csr`'s graph therefore lists whom i follows; :meth:`CSR.transposed` lists who follows i, whom i reaches. Knows
arrays of persona indices; knows nothing of what flows along the ties.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from moloch.errors import InputError

PERSONA = "persona"
"""Node attribute of a networkx graph that holds the persona's index."""


@dataclass(frozen=True, eq=False)
class CSR:
    """Ties by their origin.

    Attributes:
        indptr: shape (n + 1,), int64; row i is ``indices[indptr[i]:indptr[i + 1]]``.
        indices: shape (ties,), int32; persona indices, ascending within a row. An undirected tie is in both rows.

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
            raise InputError("not CSR arrays", why="indptr must not decrease")
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
        """Return the members in row ``i``, ascending."""
        return self.indices[self.indptr[i] : self.indptr[i + 1]]

    def ties(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return sources and targets of all ties, shape (ties,) each, by source and then by target."""
        return np.repeat(np.arange(self.n), np.diff(self.indptr)), self.indices.astype(np.int64)

    def transposed(self) -> CSR:
        """Return the ties by their target."""
        from scipy.sparse import csr_array

        ones = np.ones(len(self.indices), dtype=np.int8)
        turned = csr_array((ones, self.indices, self.indptr), shape=(self.n, self.n)).tocsc()
        return CSR(turned.indptr.astype(np.int64), turned.indices.astype(np.int32))


def distinct(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return what ``values`` holds, ascending, each once: numpy's own ``unique`` hashes, which takes five times as long."""
    ordered = np.sort(values)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def from_ties(n: int, sources: NDArray[np.integer], targets: NDArray[np.integer]) -> CSR:
    """Return ties as rows by their source; a tie that is named twice is one."""
    keys = distinct(np.asarray(sources, dtype=np.int64) * n + np.asarray(targets, dtype=np.int64))
    indptr = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(keys // max(1, n), minlength=n), out=indptr[1:])
    return CSR(indptr, (keys % max(1, n)).astype(np.int32))


def from_csr(
    csr: CSR, *, directed: bool = True, attributes: Mapping[str, Sequence[Any]] | None = None
) -> nx.Graph[Any]:
    """Return the graph as networkx has it, with the node attribute ``persona``.

    Args:
        directed: give a ``DiGraph``; else ties must be mutual, and a ``Graph`` is given.
        attributes: name -> one value per member, as node attributes.

    Raises:
        InputError: a tie is not mutual, or a column has another length.
    """
    sources, targets = csr.ties()
    if not directed and not np.array_equal(csr.indices, csr.transposed().indices):
        raise InputError("not an undirected graph", why="some ties are not mutual", fix="Ask for a directed one.")
    graph: nx.Graph[Any] = nx.DiGraph() if directed else nx.Graph()
    graph.add_nodes_from((i, {PERSONA: i}) for i in range(csr.n))
    kept = slice(None) if directed else sources < targets
    graph.add_edges_from(zip(sources[kept].tolist(), targets[kept].tolist(), strict=True))
    for name, values in (attributes or {}).items():
        if len(values) != csr.n:
            raise InputError(f"attribute {name!r} has {len(values)} values", why=f"the graph has {csr.n} members")
        plain = values.tolist() if isinstance(values, np.ndarray) else values  # files know no numpy numbers
        nx.set_node_attributes(graph, dict(enumerate(plain)), name)
    return graph


def to_csr(graph: nx.Graph[Any]) -> CSR:
    """Return the ties of ``graph`` between persona indices; a directed edge u -> v is in u's row only.

    Raises:
        InputError: the node attributes ``persona`` are not 0 .. n-1, each once; or the graph has parallel edges or ties
            from a member to itself.
    """
    if graph.is_multigraph():
        raise InputError("not an audience graph", why="it has parallel edges", fix="Give a Graph or a DiGraph.")
    index: dict[Any, Any] = dict(graph.nodes(data=PERSONA))
    if set(index.values()) != set(range(len(index))):
        raise InputError(
            "not an audience graph",
            why=f"the node attribute {PERSONA!r} must hold 0 .. {len(index) - 1}, each once",
            fix="Number the members, or use a builder of media_graph.",
        )
    n, degrees = (
        len(index),
        np.fromiter((len(others) for others in graph.adj.values()), dtype=np.int64, count=len(index)),
    )
    targets = np.fromiter((index[v] for others in graph.adj.values() for v in others), np.int64, int(degrees.sum()))
    sources = np.repeat(np.fromiter(index.values(), np.int64, n), degrees)
    if np.any(sources == targets):
        raise InputError("not an audience graph", why="a member is tied to itself", fix="Remove the self-loops.")
    return from_ties(n, sources, targets)
