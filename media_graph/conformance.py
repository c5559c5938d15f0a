"""What every ranker promises; a ranker's tests inherit these and give it as the fixture ``ranker``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from media_graph.feeds import Feed, Ranker, serve

MEMBERS, ITEMS, FEATURES = 12, 5, 3


def feed(*, tastes: bool) -> Feed:
    """Return a round in which every member could be served every message."""
    draws = np.random.default_rng(7)
    members, items = np.repeat(np.arange(MEMBERS), ITEMS), np.tile(np.arange(ITEMS), MEMBERS)
    predicted = draws.normal(size=len(members))
    return Feed(
        members=members,
        items=items,
        age=draws.integers(0, 4, len(members)).astype(np.float64),
        popularity=draws.integers(0, 9, ITEMS).astype(np.float64),
        topics=draws.normal(size=(ITEMS, FEATURES)),
        tastes=draws.normal(size=(MEMBERS, FEATURES)) if tastes else None,
        predicted=lambda: predicted,
        lots=draws.random(len(members)),
    )


class RankerConformance:
    """A ranker scores candidates; it neither draws nor remembers."""

    def test_it_says_who_it_is_and_what_it_needs(self, ranker: Ranker) -> None:
        """The log calls it by its name; tastes are only kept for rankers that ask for them."""
        assert ranker.name and isinstance(ranker.needs_tastes, bool)

    def test_one_finite_score_for_each_candidate(self, ranker: Ranker) -> None:
        """So that every member's feed can be filled."""
        round_ = feed(tastes=ranker.needs_tastes)
        scores = np.asarray(ranker.score(round_), dtype=np.float64)
        assert scores.shape == round_.members.shape and np.isfinite(scores).all()
        assert len(serve(round_, scores, 2).chosen) == 2 * MEMBERS

    def test_equal_rounds_have_equal_scores(self, ranker: Ranker) -> None:
        """A replay must find the same."""
        round_ = feed(tastes=True)
        assert np.array_equal(ranker.score(round_), ranker.score(round_))

    def test_order_of_candidates_plays_no_part(self, ranker: Ranker) -> None:
        """Each pair of member and message has its own score."""
        round_ = feed(tastes=True)
        order = np.random.default_rng(1).permutation(len(round_.members))
        predicted = round_.predicted()
        turned = replace(
            round_, members=round_.members[order], items=round_.items[order], age=round_.age[order],
            lots=round_.lots[order], predicted=lambda: predicted[order],
        )  # fmt: skip
        assert np.allclose(np.asarray(ranker.score(round_))[order], ranker.score(turned))

    def test_a_round_without_candidates(self, ranker: Ranker) -> None:
        """Has no scores, and is no error."""
        round_ = feed(tastes=True)
        none = replace(
            round_, members=round_.members[:0], items=round_.items[:0], age=round_.age[:0], lots=round_.lots[:0],
            predicted=lambda: np.zeros(0),
        )  # fmt: skip
        assert np.asarray(ranker.score(none)).shape == (0,)
