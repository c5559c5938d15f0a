"""Graphs as arrays: what each model promises, against networkx' generators where they have the same one."""

from __future__ import annotations

from collections import Counter

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_graph import build, from_csr, to_csr
from moloch.errors import InputError

OPTIONS = {
    "isolated": {}, "erdos_renyi": {"degree": 4}, "barabasi_albert": {"m": 2}, "watts_strogatz": {"k": 4, "p": 0.2},
    "stochastic_block": {"sizes": [60, 40], "matrix": [[0.2, 0.02], [0.02, 0.1]]},
    "homophilous": {"degree": 5, "homophily": 0.7}, "followers": {"degree": 5, "influencers": 2},
}  # fmt: skip


def traits(n, t=4):
    return np.random.default_rng(0).uniform(-1, 1, (n, t)).astype(np.float32)


def made(kind, n=100, seed=1, **options):
    return build(kind, n, seed, traits=traits(n), **(options or OPTIONS[kind]))


@pytest.mark.parametrize("kind", list(OPTIONS))
class TestEveryKind:
    """What holds for all of them."""

    def test_is_a_pure_function_of_its_seed(self, kind):
        """Equal seeds give equal ties, others give others."""
        one, two, other = made(kind), made(kind), made(kind, seed=2)
        assert np.array_equal(one.indices, two.indices) and np.array_equal(one.indptr, two.indptr)
        assert kind == "isolated" or not np.array_equal(one.indices, other.indices)

    def test_has_no_tie_twice_and_none_to_oneself(self, kind):
        """Rows ascend strictly, and nobody is in their own."""
        graph = made(kind)
        sources, targets = graph.ties()
        assert (sources != targets).all() and len(np.unique(sources * 100 + targets)) == len(sources)

    def test_ties_are_mutual_unless_they_are_follows(self, kind):
        """Transposing an undirected graph changes nothing."""
        graph = made(kind)
        assert np.array_equal(graph.indices, graph.transposed().indices) == (kind != "followers")

    def test_small_and_empty_ones(self, kind):
        """From nobody to a few members: a graph, or one clear refusal."""
        for n in range(4):
            try:
                assert made(kind, n, **({} if kind == "isolated" else {"degree": 0})).n == n if kind in (
                    "homophilous", "followers", "erdos_renyi", "isolated"
                ) else made(kind, n).n == n  # fmt: skip
            except InputError as error:
                assert "graph" in str(error)


class TestAgainstNetworkx:
    """Distributions of the same model by another hand."""

    N = 4000

    @staticmethod
    def moments(degrees):
        degrees = np.asarray(degrees, dtype=float)
        return degrees.mean(), degrees.var()

    def test_erdos_renyi(self):
        """Degrees are binomial: mean and variance within five standard errors."""
        mean, variance = self.moments(made("erdos_renyi", self.N, p=6 / (self.N - 1)).degrees)
        assert abs(mean - 6) < 5 * (2 * 6 / self.N) ** 0.5
        assert abs(variance - 6) < 5 * (2 * 36 / self.N) ** 0.5

    def test_barabasi_albert(self):
        """The tail is networkx': the share of members with at least 4 m ties, and the number of ties exactly."""
        m = 3
        ours = made("barabasi_albert", self.N, m=m)
        theirs = to_csr(
            nx.convert_node_labels_to_integers(self._with_personas(nx.barabasi_albert_graph(self.N, m, seed=1)))
        )
        assert ours.degrees.sum() == 2 * m * (self.N - m)
        tails = [(graph.degrees >= 4 * m).mean() for graph in (ours, theirs)]
        assert abs(tails[0] - tails[1]) < 5 * (2 * 0.09 / self.N) ** 0.5
        assert 0.4 < ours.degrees.max() / theirs.degrees.max() < 2.5

    def test_watts_strogatz(self):
        """Ties are kept in number; clustering is networkx'."""
        ours = from_csr(made("watts_strogatz", self.N, k=6, p=0.1), directed=False)
        theirs = nx.watts_strogatz_graph(self.N, 6, 0.1, seed=1)
        assert ours.number_of_edges() == theirs.number_of_edges()
        assert abs(nx.average_clustering(ours) - nx.average_clustering(theirs)) < 0.02

    def test_watts_strogatz_keeps_its_ties_where_hardly_a_pair_is_free(self):
        """Near-complete rings have nowhere to move ties to: as many as before, all the same."""
        for n, k in ((5, 4), (6, 4), (7, 6), (20, 18)):
            for seed in range(20):
                assert len(build("watts_strogatz", n, seed, k=k, p=0.7).indices) == n * k

    def test_stochastic_block(self):
        """Ties within and between blocks come at their own rates."""
        graph = made("stochastic_block", 3000, sizes=[2000, 1000], matrix=[[0.01, 0.001], [0.001, 0.02]])
        sources, targets = graph.ties()
        counts = np.bincount(2 * (sources >= 2000) + (targets >= 2000), minlength=4)
        expected = np.array([2000 * 1999 * 0.01, 2000 * 1000 * 0.001, 2000 * 1000 * 0.001, 1000 * 999 * 0.02])
        assert (np.abs(counts - expected) < 5 * np.sqrt(2 * expected)).all()

    @staticmethod
    def _with_personas(graph):
        nx.set_node_attributes(graph, {node: node for node in graph}, "persona")
        return graph


class TestHomophily:
    """Who is like whom."""

    def test_ties_are_between_those_who_are_alike(self):
        """The more homophily, the nearer are contacts; the mean degree stays."""
        who, far = traits(2000), []
        for homophily in (0.0, 0.5, 1.0):
            graph = build("homophilous", 2000, 1, traits=who, degree=6, homophily=homophily)
            sources, targets = graph.ties()
            far.append(np.linalg.norm(who[sources] - who[targets], axis=1).mean())
            assert graph.degrees.mean() == 6
        assert far[0] > far[1] + 0.1 > far[2] + 0.2

    def test_a_nearly_complete_graph_ends(self):
        """Even where hardly a pair is left."""
        graph = build("homophilous", 30, 1, traits=traits(30), degree=29, homophily=1.0)
        assert (graph.degrees == 29).all()


class TestFollowers:
    """Directed, with hubs."""

    def test_influencers_are_hubs_and_the_tail_is_heavy(self):
        """In-degrees vary far more than out-degrees; the named ones lead on average."""
        graph = made("followers", 5000, degree=8, influencers=5, pull=20.0)
        followed = graph.transposed().degrees
        assert abs(graph.degrees.mean() - 8) < 0.3
        assert followed[:5].mean() > 10 * followed.mean() and followed.var() > 5 * graph.degrees.var()


class TestEdges:
    """Numbers at the ends of their ranges."""

    def test_isolated_members_see_nobody(self):
        """The paper's voters have no ties, and there may be no voters."""
        assert not len(build("isolated", 5, 1).indices) and build("isolated", 0, 1).n == 0

    def test_models_have_their_number_of_ties(self):
        """Preferential attachment adds m ties per newcomer; rewiring moves ties and makes none."""
        assert len(build("barabasi_albert", 60, 1, m=3).indices) == 2 * (60 - 3) * 3
        assert len(build("watts_strogatz", 60, 1, k=4, p=0.3).indices) == 2 * 60 * 2
        assert len(build("erdos_renyi", 60, 1, p=1.0).indices) == 60 * 59

    @pytest.mark.parametrize("p", [5e-324, 1e-9])
    def test_a_vanishing_probability_ties_nobody(self, p):
        """Not even the last two members; the smallest positive number is a probability too."""
        assert not len(build("erdos_renyi", 60, 1, p=p).indices)

    def test_every_pair_is_as_likely(self):
        """The first and the last as any other, where few are tied."""
        graphs = [build("erdos_renyi", 4, seed, p=0.1) for seed in range(1000)]
        pairs = Counter(pair for graph in graphs for pair in zip(*graph.ties(), strict=True) if pair[0] < pair[1])
        assert len(pairs) == 6 and all(60 < count < 145 for count in pairs.values())  # 100 expected, deviation 9.5

    def test_what_is_no_number_is_refused(self):
        """Nor is a number of members below 0."""
        for n, p in ((60, float("nan")), (-1, 0.1)):
            with pytest.raises(InputError, match="no such graph"):
                build("erdos_renyi", n, 1, p=p)


class TestMistakes:
    """One clear error each."""

    @pytest.mark.parametrize(
        ("kind", "options", "message"),
        [
            ("magic", {}, "unknown graph builder 'magic'"),
            ("erdos_renyi", {"q": 1}, "no option 'q'"),
            ("erdos_renyi", {}, "give p or degree"),
            ("erdos_renyi", {"p": 2}, "probability"),
            ("barabasi_albert", {"m": 10}, "choose 1 to n - 1"),
            ("watts_strogatz", {"k": 3}, "even k"),
            ("stochastic_block", {"sizes": [3], "matrix": [[0.1]]}, "add up to 3"),
            ("stochastic_block", {"sizes": [2.5, 7.5], "matrix": [[0.1, 0], [0, 0.1]]}, "sizes are whole numbers"),
            ("erdos_renyi", {"degree": 9.5}, "degree is 9.5; choose 0 to n - 1 = 9"),
            ("stochastic_block", {"sizes": [10]}, "needs the option 'matrix'"),
            ("homophilous", {"homophily": 2}, "choose 0 to 1"),
            ("followers", {"influencers": 11}, "11 influencers among 10"),
            ("barabasi_albert", {"m": "3"}, "choose 1 to n - 1"),
        ],
    )
    def test_is_named(self, kind, options, message):
        """What is wrong, and what would be right."""
        with pytest.raises(InputError, match=message):
            build(kind, 10, 1, traits=traits(10), **options)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 30), st.integers(0, 100), st.booleans())
def test_networkx_and_back(n, seed, directed):
    """A graph survives the way to networkx and back, ties and all."""
    kind, options = ("followers", {"degree": min(2, max(0, n - 1))}) if directed else ("erdos_renyi", {"p": 0.2})
    graph = build(kind, n, seed, **options)
    again = to_csr(from_csr(graph, directed=directed))
    assert np.array_equal(again.indices, graph.indices) and np.array_equal(again.indptr, graph.indptr)


def test_attributes_go_along():
    """Columns become node attributes; one of another length is refused, and so is an undirected graph that is none."""
    graph = build("followers", 10, 1, degree=3)
    assert from_csr(graph, attributes={"name": list("abcdefghij")}).nodes[3]["name"] == "d"
    with pytest.raises(InputError, match="has 2 values"):
        from_csr(graph, attributes={"name": ["a", "b"]})
    with pytest.raises(InputError, match="not mutual"):
        from_csr(graph, directed=False)
