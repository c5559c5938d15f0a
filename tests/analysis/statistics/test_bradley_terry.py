"""The Bradley-Terry model: published coefficients, an independent fit, and intervals that cover what they say."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from analysis.statistics.bradley_terry import (
    Comparisons,
    SingleComparisons,
    bradley_terry,
    clustered_strengths,
    probability,
)

TEAMS = ("Baltimore", "Boston", "Cleveland", "Detroit", "Milwaukee", "New York", "Toronto")
BASEBALL = {
    "Milwaukee": {"Detroit": (4, 3), "Toronto": (4, 2), "New York": (4, 3), "Boston": (6, 1), "Cleveland": (4, 2), "Baltimore": (6, 0)},
    "Detroit": {"Milwaukee": (3, 3), "Toronto": (4, 2), "New York": (4, 3), "Boston": (6, 0), "Cleveland": (6, 1), "Baltimore": (4, 3)},
    "Toronto": {"Milwaukee": (2, 5), "Detroit": (4, 3), "New York": (2, 4), "Boston": (4, 3), "Cleveland": (4, 2), "Baltimore": (6, 0)},
    "New York": {"Milwaukee": (3, 3), "Detroit": (5, 1), "Toronto": (2, 5), "Boston": (4, 3), "Cleveland": (4, 2), "Baltimore": (6, 1)},
    "Boston": {"Milwaukee": (5, 1), "Detroit": (2, 5), "Toronto": (3, 3), "New York": (4, 2), "Cleveland": (5, 2), "Baltimore": (6, 0)},
    "Cleveland": {"Milwaukee": (2, 5), "Detroit": (3, 3), "Toronto": (3, 4), "New York": (4, 3), "Boston": (4, 2), "Baltimore": (2, 4)},
    "Baltimore": {"Milwaukee": (2, 5), "Detroit": (1, 5), "Toronto": (1, 6), "New York": (2, 4), "Boston": (1, 6), "Cleveland": (3, 4)},
}  # fmt: skip
"""American League, 1987: home team -> away team -> games won at home and lost there (Agresti, Categorical Data Analysis)."""


def compared(players, cells, *, ordered=True) -> Comparisons:
    """Return comparisons from (first, second, counts of three outcomes); one cluster."""
    return Comparisons(
        players,
        np.array([players.index(cell[0]) for cell in cells]),
        np.array([players.index(cell[1]) for cell in cells]),
        np.full(len(cells), ordered),
        np.array([[cell[2] for cell in cells]], dtype=np.float64),
    )


def drawn(rng, strengths, anchors, *, first=0.3, ties=-1.5, spread=0.0, votes=20) -> Comparisons:
    """Draw votes between all pairs, each way round; strengths vary from anchor to anchor by ``spread``."""
    names = tuple(strengths)
    cells = [(a, b) for a in range(len(names)) for b in range(len(names)) if a != b]
    counts = np.zeros((anchors, len(cells), 3))
    for anchor in range(anchors):
        log_pi = np.array(list(strengths.values())) + rng.normal(0, spread, len(names))
        for i, (a, b) in enumerate(cells):
            weights = np.exp([log_pi[a], log_pi[b] - first, ties + (log_pi[a] + log_pi[b]) / 2])
            counts[anchor, i] = rng.multinomial(votes // 2, weights / weights.sum())
    pairs = np.array(cells)
    return Comparisons(names, pairs[:, 0], pairs[:, 1], np.ones(len(cells), dtype=bool), counts)


class TestAgainstOthers:
    """The estimates are those of other programs."""

    def test_home_advantage_in_baseball(self):
        """The coefficients that R's BradleyTerry2 publishes for these data, with an effect of the ground."""
        cells = [(home, away, (*games, 0)) for home, row in BASEBALL.items() for away, games in row.items()]
        found = bradley_terry(compared(TEAMS, cells))
        published = {
            "Boston": 1.1438,
            "Cleveland": 0.7047,
            "Detroit": 1.4754,
            "Milwaukee": 1.6196,
            "New York": 1.2813,
            "Toronto": 1.3271,
        }
        assert {team: found.strength[team].value for team in published} == pytest.approx(published, abs=5e-4)
        assert found.first.value == pytest.approx(0.3023, abs=5e-4)
        assert found.ties.n == 0

    @pytest.mark.parametrize("ordered", [True, False])
    def test_a_log_linear_model(self, ordered):
        """Davidson's model is log-linear (Fienberg & Larntz, Biometrika 63, 1976): statsmodels' Poisson regression with a mean for
        each cell has the same maximum."""
        sm = pytest.importorskip("statsmodels.api")
        data = drawn(np.random.default_rng(3), {"base": 0.0, "a": 0.5, "b": -0.4, "c": 1.0}, 12)
        data = Comparisons(data.players, data.first, data.second, np.full(len(data.first), ordered), data.counts)
        rows, y = [], []
        for cell, (f, s) in enumerate(zip(data.first, data.second, strict=True)):
            for outcome in range(3):
                row = np.zeros(len(data.first) + 5)
                row[cell] = 1
                for player, share in ((f, (1, 0, 0.5)[outcome]), (s, (0, 1, 0.5)[outcome])):
                    if player:
                        row[len(data.first) + player - 1] += share
                row[-2] = float(ordered and outcome == 1)
                row[-1] = float(outcome == 2)
                rows.append(row)
                y.append(data.counts[:, cell, outcome].sum())
        design = np.array(rows) if ordered else np.delete(np.array(rows), -2, axis=1)
        theirs = sm.GLM(np.array(y), design, family=sm.families.Poisson()).fit(tol=1e-12).params[len(data.first) :]
        found = bradley_terry(data, replicates=20)
        ours = (
            [found.strength[name].value for name in "abc"]
            + ([-found.first.value] if ordered else [])
            + [found.ties.value]
        )
        assert ours == pytest.approx(theirs.tolist(), abs=1e-6)

    def test_two_players(self):
        """Without ties and order it is the log-odds."""
        found = bradley_terry(compared(("base", "a"), [("a", "base", (30, 10, 0))], ordered=False))
        assert found.strength["a"].value == pytest.approx(np.log(3))
        assert probability(found.strength["a"].value) == pytest.approx(0.75)
        assert found.first.n == 0


class TestIntervals:
    """They are of the clusters."""

    @pytest.mark.system
    @pytest.mark.parametrize("replicates", [100, pytest.param(200, marks=pytest.mark.slow)])
    def test_they_cover(self, replicates):
        """Nominal 95 %, in 120 draws of 40 anchors whose strengths differ; intervals that took votes as independent would not."""
        rng = np.random.default_rng(11)
        truth = {"base": 0.0, "a": 0.4, "b": 0.0}
        found_so = []
        for _ in range(120):
            data = drawn(rng, truth, 40, first=0.0, ties=-9.0, spread=0.6)
            found = bradley_terry(data, seed=1, replicates=replicates)
            a = found.strength["a"]
            found_so.append((a.value, a.low, a.high, a.se))
        values, low, high, se = np.array(found_so).T
        covered = np.mean(
            (low <= values.mean()) & (values.mean() <= high)
        )  # of what the model without spread estimates
        assert 0.88 <= covered <= 0.99
        assert np.median(se) / values.std() == pytest.approx(1.0, abs=0.25)
        assert np.median(se) > 1.3 * np.sqrt(4 / (40 * 20 * 2)), "votes about one anchor go together"

    def test_they_are_the_same_again(self):
        """By the seed."""
        data = drawn(np.random.default_rng(5), {"base": 0.0, "a": 0.2}, 10)
        once, again, other = (bradley_terry(data, seed=seed, replicates=50) for seed in (1, 1, 2))
        assert once == again != other

    def test_one_cluster_has_none(self):
        """Nothing is known of how anchors differ."""
        found = bradley_terry(compared(("base", "a"), [("a", "base", (30, 10, 2))]))
        assert np.isnan(found.strength["a"].low) and np.isnan(found.strength["a"].se)


class TestNoMaximum:
    """What cannot be estimated is not given a number."""

    def test_who_never_loses(self):
        """Its strength is beyond every bound (Ford 1957); with one tie it is not."""
        cells = [("a", "base", (9, 0, 0)), ("b", "base", (3, 4, 0))]
        found = bradley_terry(compared(("base", "a", "b"), cells))
        assert all(np.isnan(each.value) for each in found.strength.values())
        tied = bradley_terry(compared(("base", "a", "b"), [("a", "base", (9, 0, 1)), cells[1]], ordered=False))
        assert tied.strength["a"].value > 1

    def test_who_never_meets_the_others(self):
        """Nothing says how strong it is."""
        cells = [("a", "base", (5, 4, 0)), ("b", "c", (3, 4, 0))]
        found = bradley_terry(compared(("base", "a", "b", "c"), cells))
        assert np.isnan(found.strength["a"].value)


class TestClusters:
    """SingleComparisons one by one, clustered in several ways at once."""

    @staticmethod
    def votes(draw: int, n: int = 600, *, spread: float = 0.8):
        """Return votes between three players whose strengths differ from anchor to anchor, with anchor and person of each."""
        rng = np.random.default_rng(draw)
        anchor, person = rng.integers(30, size=n), rng.integers(12, size=n)
        log_pi = np.array([0.0, 0.5, -0.3])[None, :] + rng.normal(0, spread, (30, 3))
        first = rng.integers(3, size=n)
        second = (first + rng.integers(1, 3, size=n)) % 3
        weights = np.exp(
            np.stack(
                [
                    log_pi[anchor, first],
                    log_pi[anchor, second] - 0.3,
                    -1.5 + (log_pi[anchor, first] + log_pi[anchor, second]) / 2,
                ]
            )
        )
        outcome = (rng.random(n) * weights.sum(axis=0) > np.cumsum(weights, axis=0)).sum(axis=0)
        return (
            SingleComparisons(("base", "a", "b"), first, second, np.ones(n, dtype=bool), outcome, np.ones(n)),
            anchor,
            person,
        )

    def test_the_same_maximum_and_much_the_same_error(self):
        """As of counts by anchor with a bootstrap over anchors."""
        votes, anchor, _ = self.votes(1)
        cells = sorted({(f, s) for f, s in zip(votes.first.tolist(), votes.second.tolist(), strict=True)})
        counts = np.zeros((30, len(cells), 3))
        for row in range(len(anchor)):
            counts[anchor[row], cells.index((votes.first[row], votes.second[row])), votes.outcomes[row]] += 1
        pairs = np.array(cells)
        data = Comparisons(votes.players, pairs[:, 0], pairs[:, 1], np.ones(len(cells), dtype=bool), counts)
        boot, ours = bradley_terry(data, seed=1, replicates=120), clustered_strengths(votes, [anchor])
        for name in ("a", "b"):
            assert ours.strength[name].value == pytest.approx(boot.strength[name].value, abs=1e-7)
            assert ours.strength[name].se == pytest.approx(boot.strength[name].se, rel=0.3)
        assert ours.first.value == pytest.approx(boot.first.value) and ours.ties.value == pytest.approx(boot.ties.value)

    def test_two_players_as_a_logit(self):
        """statsmodels' logit with errors clustered on anchors."""
        sm = pytest.importorskip("statsmodels.api")
        rng = np.random.default_rng(2)
        anchor = np.repeat(np.arange(20), 15)
        won = (rng.random(300) < 1 / (1 + np.exp(-0.4 - rng.normal(0, 0.7, 20)[anchor]))).astype(int)
        ones = np.ones(300)
        votes = SingleComparisons(("base", "a"), np.ones(300, int), np.zeros(300, int), ones == 0, 1 - won, ones)
        theirs = sm.Logit(won, ones).fit(disp=0, cov_type="cluster", cov_kwds={"groups": anchor})
        ours = clustered_strengths(votes, [anchor]).strength["a"]
        assert ours.value == pytest.approx(theirs.params[0], abs=1e-7) and ours.se == pytest.approx(
            theirs.bse[0], rel=1e-6
        )

    def test_weights(self):
        """A vote that counts twice is two votes."""
        votes, anchor, person = self.votes(3, 300)
        twice = SingleComparisons(
            votes.players,
            *(np.tile(each, 2) for each in (votes.first, votes.second, votes.ordered, votes.outcomes)),
            np.ones(600),
        )
        heavy = msgspec.structs.replace(votes, weights=np.full(300, 2.0))
        one = clustered_strengths(heavy, [anchor, person]).strength["a"]
        other = clustered_strengths(twice, [np.tile(anchor, 2), np.tile(person, 2)]).strength["a"]
        assert (one.value, one.se) == pytest.approx((other.value, other.se))

    def test_no_maximum(self):
        """Who never loses has no strength."""
        votes = SingleComparisons(
            ("base", "a"), np.ones(4, int), np.zeros(4, int), np.ones(4, bool), np.zeros(4, int), np.ones(4)
        )
        assert np.isnan(clustered_strengths(votes, [np.arange(4)]).strength["a"].value)
