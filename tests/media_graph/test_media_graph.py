"""Audience graphs are reproducible, carry their personas, and become arrays without loss."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_graph import CSR, PERSONA, barabasi_albert, erdos_renyi, isolated, to_csr, watts_strogatz
from populations import InputError

RANDOM = {
    "erdos_renyi": lambda seed: erdos_renyi(60, p=0.1, seed=seed),
    "barabasi_albert": lambda seed: barabasi_albert(60, m=3, seed=seed),
    "watts_strogatz": lambda seed: watts_strogatz(60, k=4, p=0.3, seed=seed),
}


class TestBuilders:
    """networkx graphs whose nodes are personas."""

    @pytest.mark.parametrize("name", RANDOM)
    def test_a_seed_decides_the_graph(self, name: str):
        """The same seed ties the same members; another seed ties others."""
        build = RANDOM[name]
        assert nx.utils.graphs_equal(build(1), build(1))
        assert set(build(1).edges()) != set(build(2).edges())

    @pytest.mark.parametrize("graph", [isolated(5), *(build(1) for build in RANDOM.values())])
    def test_every_node_names_its_persona(self, graph: nx.Graph):
        """Node i is persona i."""
        assert dict(graph.nodes(data=PERSONA)) == {i: i for i in range(len(graph))}

    def test_isolated_members_see_nobody(self):
        """The paper's voters have no ties, and there may be no voters."""
        assert isolated(5).number_of_edges() == 0
        assert len(isolated(0)) == 0

    def test_models_have_their_number_of_ties(self):
        """Preferential attachment adds m ties per newcomer; rewiring moves ties and makes none."""
        assert barabasi_albert(60, m=3, seed=1).number_of_edges() == (60 - 3) * 3
        assert watts_strogatz(60, k=4, p=0.3, seed=1).number_of_edges() == 60 * 2
        assert erdos_renyi(60, p=1.0, seed=1).number_of_edges() == 60 * 59 // 2

    def test_a_vanishing_probability_ties_nobody(self):
        """The smallest positive number is a probability too."""
        assert erdos_renyi(60, p=5e-324, seed=1).number_of_edges() == 0

    @pytest.mark.parametrize(
        "build",
        [
            lambda: isolated(-1),
            lambda: erdos_renyi(5, p=float("nan"), seed=1),
            lambda: erdos_renyi(5, p=1.1, seed=1),
            lambda: barabasi_albert(5, m=5, seed=1),
            lambda: barabasi_albert(5, m=0, seed=1),
            lambda: watts_strogatz(5, k=3, p=0.1, seed=1),
            lambda: watts_strogatz(5, k=6, p=0.1, seed=1),
        ],
    )
    def test_impossible_graphs_are_refused(self, build):
        """The error says which number cannot be."""
        with pytest.raises(InputError, match="no such graph: "):
            build()


class TestCSR:
    """Arrays beneath the graph."""

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
