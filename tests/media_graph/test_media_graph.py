"""Audience graphs become arrays and networkx graphs without loss, and carry their personas."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_graph import CSR, PERSONA, build, from_csr, to_csr
from moloch.errors import InputError


def isolated(n: int) -> nx.Graph:
    """Return ``n`` members without ties, as networkx has them."""
    return from_csr(build("isolated", n, 1), directed=False)


@pytest.mark.parametrize(
    "kind, options", [("isolated", {}), ("erdos_renyi", {"p": 0.1}), ("barabasi_albert", {"m": 3})]
)
@pytest.mark.parametrize("directed", [True, False])
def test_every_node_names_its_persona(kind, options, directed):
    """Node i is persona i, also where nobody is tied to it."""
    graph = from_csr(build(kind, 60, 1, **options), directed=directed)
    assert dict(graph.nodes(data=PERSONA)) == {i: i for i in range(60)}


class TestCSR:
    """Arrays beneath the graph."""

    @pytest.mark.system
    @given(st.integers(1, 30), st.sampled_from([0.0, 0.05, 0.3, 1.0]), st.integers(0, 99), st.booleans())
    def test_it_holds_exactly_the_ties(self, n: int, p: float, seed: int, directed: bool):
        """Every tie is in its row, ascending, and nothing else is."""
        graph = nx.fast_gnp_random_graph(n, p, seed=seed, directed=directed)
        nx.set_node_attributes(graph, {i: n - 1 - i for i in graph}, PERSONA)
        csr = to_csr(graph)
        for node in graph:
            reached = sorted(n - 1 - other for other in graph.neighbors(node))
            assert csr.neighbors(n - 1 - node).tolist() == reached
        assert csr.n == n and csr.degrees.sum() == len(csr.indices)

    def test_no_members_are_no_rows(self):
        """An empty graph is an empty CSR."""
        assert to_csr(isolated(0)).n == 0

    def test_graphs_that_are_no_audience_are_refused(self):
        """Unnumbered members, self-loops and parallel edges are named."""
        looped = isolated(2)
        looped.add_edge(1, 1)
        parallel = nx.MultiGraph(isolated(2))
        for graph, why in ((nx.path_graph(3), "persona"), (looped, "itself"), (parallel, "parallel")):
            with pytest.raises(InputError, match=why):
                to_csr(graph)

    @pytest.mark.parametrize(
        ("indptr", "indices"),
        [([], []), ([1, 1], [0]), ([0, 2], [0]), ([0, 2, 1, 3], [0, 1, 2]), ([0, 1], [1]), ([0, 1], [-1])],
    )
    def test_arrays_that_are_no_rows_are_refused(self, indptr: list[int], indices: list[int]):
        """Nothing reads outside the arrays later."""
        with pytest.raises(InputError, match="CSR"):
            CSR(np.array(indptr, dtype=np.int64), np.array(indices, dtype=np.int32))
