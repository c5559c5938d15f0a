"""Raking gives the weights that it should, says what they cost, and refuses what no weights can do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populations import InputError, rake, resample

MARGINS = {"sex": {"male": 0.49, "female": 0.51}, "age": {"young": 0.2, "middle": 0.5, "old": 0.3}}


def sample(n, seed=0):
    """Return people among whom too many are young men."""
    draw = np.random.default_rng(seed)
    sexes = draw.choice(["male", "female"], n, p=[0.7, 0.3])
    ages = [
        draw.choice(["young", "middle", "old"], p=[0.6, 0.3, 0.1] if s == "male" else [0.3, 0.4, 0.3]) for s in sexes
    ]
    return [{"sex": str(s), "age": str(a)} for s, a in zip(sexes, ages, strict=True)]


def shares(people, weights, name):
    """Return value -> weighted share."""
    found = {}
    for person, weight in zip(people, weights, strict=True):
        found[person[name]] = found.get(person[name], 0) + weight / sum(weights)
    return found


class TestRake:
    """Iterative proportional fitting."""

    def test_margins_are_met_and_the_weights_are_the_ones_nearest_to_the_start(self):
        """The raking weights are the only ones that meet the margins and are a product of one factor per cell.

        Csiszar 1975: of all weights that meet the margins they have the least divergence from the start.
        """
        people, start = sample(300), np.random.default_rng(1).uniform(0.5, 2, 300)
        raked = rake(people, MARGINS, weights=start)
        for name, margin in MARGINS.items():
            assert shares(people, raked.weights, name) == pytest.approx(margin, abs=1e-7)
        cells = np.array(
            [[person[name] == v for name, m in MARGINS.items() for v in m] for person in people], dtype=float
        )
        logs = np.log(raked.weights / start)
        fitted = cells @ np.linalg.lstsq(cells, logs, rcond=None)[0]
        assert fitted == pytest.approx(logs, abs=1e-9)
        assert raked.weights.mean() == pytest.approx(1)

    def test_it_agrees_with_another_implementation(self):
        """The sum of weights in each cell is what ipfn gives for the table of counts."""
        ipfn = pytest.importorskip("ipfn.ipfn", reason="ipfn is not installed")
        people = sample(500)
        values = [list(margin) for margin in MARGINS.values()]
        places = [tuple(v.index(person[name]) for v, name in zip(values, MARGINS, strict=True)) for person in people]
        table, ours = np.zeros((2, 3)), np.zeros((2, 3))
        np.add.at(table, tuple(np.transpose(places)), 1)
        np.add.at(ours, tuple(np.transpose(places)), rake(people, MARGINS).weights)
        targets = [np.array(list(margin.values())) * 500 for margin in MARGINS.values()]
        theirs = ipfn.ipfn(table, targets, [[0], [1]], convergence_rate=1e-12, max_iteration=5000).iteration()
        assert ours == pytest.approx(theirs, rel=1e-6)

    def test_it_agrees_with_balance(self):
        """Each weight, and the design effect, are what Meta's balance gives; it needs numpy 1 (docs/populations.md)."""
        raking = pytest.importorskip("balance.weighting_methods.rake", reason="balance is not installed")
        stats = pytest.importorskip("balance.stats_and_plots.weights_stats")
        pd = pytest.importorskip("pandas")
        people, ones = sample(1000, seed=5), pd.Series(np.ones(1000))
        order = np.random.default_rng(0).permutation
        columns = {
            n: order(np.repeat(list(m), [round(1000 * share) for share in m.values()])) for n, m in MARGINS.items()
        }
        theirs = raking.rake(
            pd.DataFrame(people), ones, pd.DataFrame(columns), ones, variables=list(MARGINS), transformations=None,
            convergence_rate=1e-12, max_iteration=10_000, weight_trimming_mean_ratio=None,
        )["weight"].to_numpy()  # fmt: skip
        ours = rake(people, MARGINS)
        assert ours.weights == pytest.approx(theirs / theirs.mean(), rel=1e-7)
        assert ours.design_effect == pytest.approx(stats.design_effect(pd.Series(theirs)), rel=1e-7)

    def test_the_design_effect_is_kishs(self):
        """One man for three women, of a population that is half of each: weights 2 and 2/3, design effect 4/3."""
        raked = rake([{"sex": "m"}, *[{"sex": "f"}] * 3], {"sex": {"m": 1, "f": 1}})
        assert raked.weights == pytest.approx([2, 2 / 3, 2 / 3, 2 / 3])
        assert raked.design_effect == pytest.approx(4 / 3) and raked.effective_n == pytest.approx(3)

    @settings(max_examples=25, deadline=None)
    @given(st.permutations(range(40)))
    def test_the_order_of_people_plays_no_part(self, order):
        """Everybody keeps the own weight."""
        people = sample(40, seed=3)
        again = rake([people[i] for i in order], MARGINS).weights
        assert again == pytest.approx(rake(people, MARGINS).weights[list(order)], rel=1e-6)

    def test_without_margins_the_weights_stay(self):
        """But for their mean."""
        raked = rake([{}, {}], {}, weights=[1, 3])
        assert raked.weights.tolist() == [0.5, 1.5] and raked.design_effect == 1.25

    @pytest.mark.parametrize(
        ("people", "margins", "says"),
        [
            (
                [{"sex": "m"}],
                {"sex": {"m": 0.5, "f": 0.5}},
                "nobody in the sample has sex = 'f': the population has 50.0%",
            ),
            ([{"sex": "x"}], {"sex": {"m": 1}}, "the margin has no share for 'x'"),
            ([{"age": 3}], {"sex": {"m": 1}}, "some people have no such attribute"),
            ([{"sex": "m"}], {"sex": {"m": -1}}, "holds no shares"),
            ([{"sex": "m"}], {"sex": {}}, "holds no shares"),
            ([], {"sex": {"m": 1}}, "nobody to weight"),
            (
                [{"a": 0, "b": 0}, {"a": 1, "b": 1}],
                {"a": {0: 0.5, 1: 0.5}, "b": {0: 0.9, 1: 0.1}},
                "no weights fit all margins",
            ),
        ],
    )
    def test_what_no_weights_can_do_is_said(self, people, margins, says):
        """Empty cells by name, unknown values, no shares, margins that contradict each other."""
        with pytest.raises(InputError) as error:
            rake(people, margins)
        assert says in str(error.value)

    @pytest.mark.parametrize("weights", [[1], [1, 0], [1, float("nan")]])
    def test_weights_that_are_none(self, weights):
        """One positive number for each."""
        with pytest.raises(InputError, match="must be positive"):
            rake([{"sex": "m"}, {"sex": "m"}], {"sex": {"m": 1}}, weights=weights)


class TestResample:
    """Systematic sampling."""

    @given(st.lists(st.floats(0.01, 10), min_size=1, max_size=30), st.integers(1, 80), st.integers(0, 5))
    def test_counts_are_exact_and_near_to_the_weights(self, weights, n, seed):
        """As many as asked for; each the whole part of its share, or one more."""
        places = resample(weights, n, seed)
        assert len(places) == n and (np.diff(places) >= 0).all()
        share = np.array(weights) / sum(weights) * n
        counts = np.bincount(places, minlength=len(weights))
        assert (counts >= np.floor(share - 1e-9)).all() and (counts <= np.ceil(share + 1e-9)).all()

    def test_the_seed_decides(self):
        """Equal seeds, equal draws."""
        weights = np.random.default_rng(0).random(50)
        assert resample(weights, 20, 1).tolist() == resample(weights, 20, 1).tolist()
        assert any(resample(weights, 20, 1).tolist() != resample(weights, 20, seed).tolist() for seed in range(2, 9))
