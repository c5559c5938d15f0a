"""Feeds: what each ranker puts first, and what is served."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_graph.feeds import RANKERS, Feed, ranker, scores_of, serve
from moloch.errors import InputError


def feed(members=(0, 0, 0, 1, 1), items=(0, 1, 2, 0, 2), **changes):
    """Return a feed of two members and three messages."""
    n = len(members)
    given = {
        "members": np.array(members), "items": np.array(items), "age": np.arange(n, dtype=float),
        "popularity": np.array([1.0, 9.0, 4.0]), "topics": np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
        "tastes": np.array([[0.0, 2.0], [0.0, 0.0]]), "predicted": lambda: -np.arange(n, dtype=float),
        "lots": np.linspace(0.9, 0.1, n),
    }  # fmt: skip
    return Feed(**given | changes)


class TestRankers:
    """Each puts first what it says."""

    @pytest.mark.parametrize(
        ("name", "first"),
        [("chronological", 0), ("popularity", 1), ("engagement", 0), ("similarity", 1), ("random", 0)],
    )
    def test_orders_the_first_members_feed(self, name, first):
        """The item that member 0 sees first."""
        found = feed()
        assert found.items[serve(found, ranker(name).score(found), 1).chosen[0]] == first

    def test_no_taste_is_like_nothing(self):
        """Who never engaged has similarity 0 to everything, not NaN."""
        assert ranker("similarity").score(feed())[3:].tolist() == [0.0, 0.0]

    def test_unknown(self):
        """The names there are."""
        with pytest.raises(InputError, match="chronological, popularity, engagement, similarity, random"):
            ranker("magic")

    def test_ones_own_is_a_class(self, monkeypatch):
        """A name and a method."""

        class Last:
            name, needs_tastes = "last", False

            def score(self, feed):
                return feed.items.astype(float)

        monkeypatch.setitem(RANKERS._added, "last", (Last, __name__))
        found = feed()
        assert found.items[serve(found, ranker("last").score(found), 1).chosen].tolist() == [2, 2]


class TestServe:
    """The best few of each member."""

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(0, 3)), max_size=30), st.integers(1, 4))
    @pytest.mark.parametrize("many", [0, 10**9], ids=["compiled", "by sorting"])
    def test_serves_the_best_of_each_and_no_more(self, many, rows, slots):
        """As sorting each member's candidates by score and then lot does; what is alike in both stays in order."""
        members, items, scores = ([row[i] for row in rows] for i in range(3))
        lots = np.random.default_rng(0).choice([0.2, 0.7], len(rows))
        found = feed(np.array(members, dtype=int), np.array(items, dtype=int), lots=lots)
        with mock.patch("media_graph.feeds.MANY", many):
            served = serve(found, np.array(scores, dtype=float), slots)
        expected = []
        for member in sorted(set(members)):
            mine = sorted((i for i, m in enumerate(members) if m == member), key=lambda i: (-scores[i], lots[i]))
            expected += [(i, rank) for rank, i in enumerate(mine[:slots])]
        assert list(zip(served.chosen.tolist(), served.ranks.tolist(), strict=True)) == expected

    @pytest.mark.parametrize("scores", [np.zeros(2), np.array([1, 2, np.nan, 0, 0])], ids=["too few", "not a number"])
    def test_bad_scores_are_refused(self, scores):
        """One finite score each."""
        with pytest.raises(ValueError, match="one finite score for each of 5"):
            serve(feed(), scores, 1)


class TestScores:
    """What a user's ranker returns is checked where it is asked."""

    @pytest.mark.parametrize(
        ("returned", "why"),
        [
            (None, "a value of type NoneType"),
            ([0.0] * 5, "a value of type list"),
            (np.zeros(2), r"an array of shape \(2,\) for 5 candidates"),
            (np.array([1, 2, np.nan, 0, np.inf]), "2 of its 5 scores are not finite"),
        ],
        ids=["nothing", "a list", "too few", "not numbers"],
    )
    def test_a_ranker_that_does_not_rank_is_named(self, returned, why):
        """With what it returned, in one sentence."""
        name = f"poor {why}"
        RANKERS.add(name, type("Poor", (), {"needs_tastes": False, "score": lambda self, feed: returned}))
        with pytest.raises(InputError, match=f"'poor .*' did not rank the feed: .*{why}"):
            scores_of(name, feed())
