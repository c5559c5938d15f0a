"""Diffusion and opinions: each model against NDlib, an analytic result, or a slow and plain one."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_graph import build, from_csr, from_ties
from media_graph.cascades import shape
from media_graph.diffusion import (
    SI,
    SIR,
    Deffuant,
    FriedkinJohnsen,
    HegselmannKrause,
    IndependentCascade,
    LinearThreshold,
)
from moloch import keyed
from moloch.errors import InputError

LINE = from_ties(50, np.arange(49), np.arange(1, 50))
COMPLETE = build("erdos_renyi", 400, 1, p=1.0)


def graph(n=300, seed=1):
    return build("barabasi_albert", n, seed, m=3)


def plain_sir(reach, seeds, beta, gamma, steps, seed, name):
    """SIR, node by node, as its definition reads."""
    states = np.zeros(reach.n, dtype=np.int8)
    states[list(seeds)] = 1
    followed = reach.transposed()
    for t in range(1, steps + 1):
        before = states.copy()
        catch, recover = (keyed.uniforms(np.arange(reach.n), seed, name, what, t) for what in ("catch", "recover"))
        for i in range(reach.n):
            spreading = (before[followed.neighbors(i)] == 1).sum()
            if before[i] == 0 and catch[i] < 1 - (1 - beta) ** spreading:
                states[i] = 1
            elif before[i] == 1 and recover[i] < gamma:
                states[i] = 2
    return states


class TestSpreading:
    """What spreads."""

    @settings(max_examples=25, deadline=None)
    @given(st.integers(0, 100), st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.sampled_from([0.0, 0.3, 1.0]), st.booleans())
    def test_sir_is_what_it_is_defined_to_be(self, seed, beta, gamma, directed):
        """The frontier gives what looking at every node in every step gives, exactly."""
        reach = build("followers", 40, seed, degree=4) if directed else graph(40, seed)
        model = SIR(reach, [0, 5], beta=beta, gamma=gamma, seed=seed)
        model.run(6)
        assert np.array_equal(model.states, plain_sir(reach, [0, 5], beta, gamma, 6, seed, "sir"))

    def test_counts_and_changes_tell_the_same(self):
        """What is handed to the log rebuilds the states, and the trajectory counts them."""
        told = np.zeros(300, dtype=np.int8)

        def keep(t, nodes, states):
            assert (np.diff(nodes) > 0).all()
            told[nodes] = states

        model = SIR(graph(), [0, 1], beta=0.2, gamma=0.2, seed=3)
        counts = model.run(15, keep)
        assert np.array_equal(told, model.states) and counts[-1].tolist() == np.bincount(told, minlength=3).tolist()
        assert (counts.sum(axis=1) == 300).all() and len(counts) == 16

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 1000))
    def test_the_order_of_ties_plays_no_part(self, seed):
        """Ties given in another order make the same rows, and the same spread."""
        sources, targets = graph(60, 1).ties()
        order = np.random.default_rng(seed).permutation(len(sources))
        one = SIR(graph(60, 1), [3], beta=0.3, gamma=0.1, seed=seed)
        two = SIR(from_ties(60, sources[order], targets[order]), [3], beta=0.3, gamma=0.1, seed=seed)
        assert np.array_equal(one.run(8), two.run(8)) and np.array_equal(one.states, two.states)

    def test_a_seed_decides(self):
        """The same again, and others otherwise."""
        runs = [SIR(graph(), [0], beta=0.2, gamma=0.1, seed=seed).run(10).tolist() for seed in (1, 1, 2)]
        assert runs[0] == runs[1] != runs[2]

    def test_si_on_a_complete_graph_follows_its_recursion(self):
        """The share infected follows x' = x + (1 - x)(1 - (1 - beta)^(n x)), within sampling error over 40 runs."""
        n, beta = 400, 0.004
        runs = np.array([SI(COMPLETE, range(20), beta=beta, seed=seed).run(8)[:, 1] for seed in range(40)])
        infected = 20.0
        for t in range(1, 9):
            infected += (n - infected) * (1 - (1 - beta) ** infected)
            error = (
                5 * runs[:, t].std() / 40**0.5 + 2
            )  # the recursion is of the mean's, not the mean of the recursion's
            assert abs(runs[:, t].mean() - infected) < error

    def test_recovery_is_geometric(self):
        """Without ties the share still infectious after t steps is (1 - gamma)^t."""
        model = SIR(build("isolated", 20_000, 1), range(20_000), beta=0.5, gamma=0.3, seed=1)
        left = model.run(5)[:, 1] / 20_000
        assert np.abs(left - 0.7 ** np.arange(6)).max() < 5 * (0.25 / 20_000) ** 0.5

    def test_independent_cascade_on_a_line_is_geometric(self):
        """It goes on with chance p at each node: the mean length is that of a geometric variable."""
        p, lengths = 0.7, []
        for seed in range(600):
            model = IndependentCascade(LINE, [0], p=p, seed=seed)
            model.run(49)
            assert model.done
            lengths.append((model.states > 0).sum())
        mean = (1 - p**50) / (1 - p)
        assert abs(np.mean(lengths) - mean) < 5 * np.std(lengths) / 600**0.5

    def test_independent_cascade_tries_once(self):
        """At p = 0 and 1: nothing, and everything that can be reached, in as many steps as it is far."""
        assert IndependentCascade(graph(), [0], p=0.0, seed=1).run(9)[-1].tolist() == [299, 0, 1]
        model = IndependentCascade(graph(), [0], p=1.0, seed=1)
        depth = nx.eccentricity(from_csr(graph(), directed=False), 0)
        counts = model.run(depth)
        assert counts[-1][0] == 0 and counts[-2][0] > 0

    def test_linear_threshold_is_what_it_is_defined_to_be(self):
        """Against plain iteration: a node adopts where the share of adopters whom it follows reaches its threshold."""
        for seed in range(10):
            reach = build("followers", 80, seed, degree=4)
            model = LinearThreshold(reach, range(8), seed=seed)
            model.run(80)
            followed, adopted = reach.transposed(), np.arange(80) < 8
            while True:
                shares = [
                    adopted[followed.neighbors(i)].mean() if len(followed.neighbors(i)) else -1 for i in range(80)
                ]
                new = adopted | (np.array(shares) >= model.thresholds)
                if (new == adopted).all():
                    break
                adopted = new
            assert np.array_equal(model.states == 1, adopted)

    def test_a_run_goes_on_where_it_was(self):
        """Two runs of two steps tell what one of four tells: the seeds once."""
        told: list[list[tuple[int, list[int]]]] = [[], []]
        for times, found in zip((1, 2), told, strict=True):
            model = SIR(graph(), [5], beta=0.3, gamma=0.3, seed=1)
            for _ in range(times):
                model.run(4 // times, lambda t, nodes, _, found=found: found.append((t, nodes.tolist())))
        assert told[0] == told[1] and [t for t, _ in told[0]] == [0, 1, 2, 3, 4]

    def test_linear_threshold_of_one_is_unanimity(self):
        """Whatever the number of those whom a node follows: it adopts once all have, and not before."""
        for k in range(1, 120):
            reach = from_ties(k + 1, np.zeros(k, dtype=int), np.arange(1, k + 1)).transposed()
            all_, most = (LinearThreshold(reach, range(1, end), thresholds=1.0, seed=1) for end in (k + 1, k))
            assert (all_.run(2)[-1][1], most.run(2)[-1][1]) == (k + 1, k - 1)

    def test_linear_threshold_of_zero_needs_nobody(self):
        """Who has it adopts in the first step, and moves others in the second; without any seed, too."""
        line = from_ties(4, np.array([1, 2, 3]), np.array([0, 1, 2])).transposed()
        model = LinearThreshold(line, [], thresholds=[0.0, 0.5, 2.0, 0.0], seed=1)
        assert [counts.tolist() for counts in model.run(4)] == [[4, 0, 0], [2, 2, 0], [1, 3, 0], [1, 3, 0], [1, 3, 0]]
        assert model.done and model.states.tolist() == [1, 1, 0, 1]

    @pytest.mark.parametrize("beta", [0.05, 0.2])
    def test_sir_is_ndlibs(self, beta):
        """Mean numbers in each state after 10 steps, over 30 runs of either, within five standard errors."""
        epidemics = pytest.importorskip("ndlib.models.epidemics", reason="NDlib is not installed")
        from ndlib.models import ModelConfig

        reach, ours, theirs = graph(500), [], []
        network = from_csr(reach, directed=False)
        for seed in range(30):
            ours.append(SIR(reach, range(10), beta=beta, gamma=0.1, seed=seed).run(10)[-1])
            np.random.seed(seed)
            model, config = epidemics.SIRModel(network, seed=seed), ModelConfig.Configuration()
            config.add_model_parameter("beta", beta)
            config.add_model_parameter("gamma", 0.1)
            config.add_model_initial_configuration("Infected", list(range(10)))
            model.set_initial_status(config)
            counts = model.iteration_bunch(11)[-1]["node_count"]
            theirs.append([counts[i] for i in range(3)])
        a, b = np.array(ours), np.array(theirs)
        error = 5 * np.sqrt((a.var(axis=0) + b.var(axis=0)) / 30) + 0.5
        assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) < error).all()

    def test_mistakes_are_named(self):
        """Seeds that are no nodes, rates that are no chances."""
        with pytest.raises(InputError, match="nodes are 0 to 299"):
            SIR(graph(), [300], beta=0.1, gamma=0.1, seed=1)
        with pytest.raises(InputError, match="seeds are not nodes: they are bool"):
            SIR(graph(), np.arange(300) < 5, beta=0.1, gamma=0.1, seed=1)
        with pytest.raises(InputError, match=r"beta is 1\.5"):
            SI(graph(), [0], beta=1.5, seed=1)
        with pytest.raises(InputError, match="threshold is below 0"):
            LinearThreshold(graph(), [0], thresholds=np.nan, seed=1)


class TestOpinions:
    """What people think."""

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 1000), st.floats(0.05, 1.0), st.floats(0.0, 0.5))
    def test_deffuant_keeps_the_mean(self, seed, epsilon, mu):
        """Two who meet move by as much towards each other."""
        opinions = np.random.default_rng(seed).random(100)
        model = Deffuant(graph(100), opinions, epsilon=epsilon, mu=mu, seed=seed)
        found = model.run(20)
        assert np.abs(found[:, 0] - opinions.mean()).max() < 1e-9 and (np.diff(found[:, 1]) < 1e-12).all()

    def test_who_does_not_move_did_not_change(self):
        """At mu 0 people meet, and nothing comes of it."""
        assert not len(Deffuant(COMPLETE, np.linspace(0, 1, 400), epsilon=1.0, mu=0.0, seed=1).step())

    def test_deffuant_splits_below_its_confidence(self):
        """On a complete graph: one cluster above 0.5, about 1 / (2 epsilon) below (Deffuant et al. 2000)."""
        for epsilon, clusters in ((0.5, 1), (0.1, 5)):
            model = Deffuant(COMPLETE, np.random.default_rng(1).random(400), epsilon=epsilon, seed=1)
            model.run(400)
            ends = np.sort(model.opinions)
            sizes = np.diff(np.flatnonzero(np.concatenate([[True], np.diff(ends) > epsilon / 2, [True]])))
            assert abs((sizes > 10).sum() - clusters) <= (0 if clusters == 1 else 1)

    def test_hegselmann_krause_keeps_order_and_comes_to_rest(self):
        """Who was left of another never gets to its right (on a complete graph); clusters end apart, and nothing moves then."""
        opinions = np.sort(np.random.default_rng(2).random(400))
        model = HegselmannKrause(COMPLETE, opinions, epsilon=0.15)
        for _ in range(40):
            model.step()
            assert (np.diff(model.opinions) > -1e-12).all()
        gaps = np.diff(np.sort(model.opinions))
        assert (gaps[gaps > 1e-9] > 0.15).all() and (gaps > 1e-9).sum() >= 1

    def test_only_those_in_sight_of_a_change_are_computed(self):
        """Skipping the others gives what computing everybody gives."""
        follows, opinions = build("followers", 200, 3, degree=4), np.random.default_rng(3).random(200)
        model, dense = HegselmannKrause(follows, opinions, epsilon=0.2), opinions.copy()
        for _ in range(15):
            model.step()
            heard = [np.append(dense[follows.neighbors(i)], dense[i]) for i in range(200)]
            dense = np.array([h[np.abs(h - dense[i]) <= 0.2].mean() for i, h in enumerate(heard)])
            assert np.abs(model.opinions - dense).max() < 1e-12

    def test_friedkin_johnsen_reaches_its_fixed_point(self):
        """x = (I - A W)^-1 (I - A) x(0)."""
        follows, draws = graph(60), np.random.default_rng(4)
        first, open_ = draws.random(60), draws.uniform(0, 0.9, 60)
        model = FriedkinJohnsen(follows, first, susceptibility=open_)
        model.run(400)
        weights = nx.to_numpy_array(from_csr(follows, directed=False), nodelist=range(60))
        weights /= weights.sum(axis=1, keepdims=True)
        fixed = np.linalg.solve(np.eye(60) - open_[:, None] * weights, (1 - open_) * first)
        assert np.abs(model.opinions - fixed).max() < 1e-12

    def test_who_hears_nobody_keeps_its_opinion(self):
        """In every model."""
        alone, opinions = build("isolated", 5, 1), np.linspace(0, 1, 5)
        for model in (
            Deffuant(alone, opinions, epsilon=1.0, seed=1),
            HegselmannKrause(alone, opinions, epsilon=1.0),
            FriedkinJohnsen(alone, opinions, susceptibility=0.5),
        ):
            assert not len(model.step()) and np.array_equal(model.opinions, opinions)

    def test_mistakes_are_named(self):
        """Opinions that are none, movements past each other."""
        with pytest.raises(InputError, match="one finite number for each of 300"):
            HegselmannKrause(graph(), [0.5], epsilon=0.1)
        with pytest.raises(InputError, match="would move past each other"):
            Deffuant(graph(), np.zeros(300), epsilon=0.1, mu=0.7, seed=1)
        for epsilon in (-0.1, np.nan):
            with pytest.raises(InputError, match="a distance between opinions"):
                HegselmannKrause(graph(), np.zeros(300), epsilon=epsilon)
            with pytest.raises(InputError, match="a distance between opinions"):
                Deffuant(graph(), np.zeros(300), epsilon=epsilon, seed=1)
        with pytest.raises(InputError, match="susceptibilities"):
            FriedkinJohnsen(graph(), np.zeros(300), susceptibility=2.0)


class TestShape:
    """Cascades."""

    @pytest.mark.parametrize(
        ("parents", "expected"),
        [
            ([-1], (1, 0, 1, 0.0)),
            ([-1, 0], (2, 1, 1, 1.0)),
            ([-1, 0, 0, 0], (4, 1, 3, 1.5)),  # a star: 3 pairs at 1, 3 at 2
            ([-1, 0, 1, 2], (4, 3, 1, 10 / 6)),  # a chain: 1 1 1 2 2 3
        ],
    )
    def test_known_trees(self, parents, expected):
        """Size, depth, breadth, virality by hand."""
        assert shape(parents) == pytest.approx(expected)

    @given(st.lists(st.integers(0, 10**6), min_size=1, max_size=25))
    def test_virality_is_the_mean_distance_of_all_pairs(self, draws):
        """As networkx' Wiener index has it, for any tree."""
        parents = [-1, *(draw % (i + 1) for i, draw in enumerate(draws))]
        tree = nx.Graph((child, parent) for child, parent in enumerate(parents) if parent >= 0)
        n = len(parents)
        assert shape(parents).virality == pytest.approx(nx.wiener_index(tree) / (n * (n - 1) / 2))

    @pytest.mark.parametrize("parents", [[], [0], [-1, 1], [-1, -1], [-1, 2, 0]])
    def test_what_is_no_tree_is_refused(self, parents):
        """Roots elsewhere, parents after their children."""
        with pytest.raises(InputError, match="not a cascade"):
            shape(parents)
