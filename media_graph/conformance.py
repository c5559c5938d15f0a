"""What every ranker and every graph builder promises; the tests of one inherit these.

A ranker is given as the fixture ``ranker``; a builder as the fixture ``builder``, its options set
(``functools.partial(small_world, degree=4)``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from media_graph.csr import CSR
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
            round_,
            members=round_.members[order],
            items=round_.items[order],
            age=round_.age[order],
            lots=round_.lots[order],
            predicted=lambda: predicted[order],
        )
        assert np.allclose(np.asarray(ranker.score(round_))[order], ranker.score(turned))

    def test_a_round_without_candidates(self, ranker: Ranker) -> None:
        """Has no scores, and is no error."""
        round_ = feed(tastes=True)
        none = replace(
            round_,
            members=round_.members[:0],
            items=round_.items[:0],
            age=round_.age[:0],
            lots=round_.lots[:0],
            predicted=lambda: np.zeros(0),
        )
        assert np.asarray(ranker.score(none)).shape == (0,)


def built(builder: Callable[..., CSR], n: int, seed: int) -> CSR:
    """Return a builder's graph of members with random traits."""
    traits = np.random.default_rng(n).uniform(-1, 1, (n, 4)).astype(np.float32)
    takes = inspect.signature(builder).parameters
    common = {"seed": seed, "traits": traits}
    return builder(n, **{name: value for name, value in common.items() if name in takes})


class GraphBuilderConformance:
    """A builder is a pure function of the number of members, their traits and a seed."""

    SIZES = (30, 200)

    def test_one_row_for_each_member(self, builder: Callable[..., CSR]) -> None:
        """Members without ties among them."""
        for n in self.SIZES:
            assert built(builder, n, 1).n == n

    def test_equal_seeds_give_equal_graphs(self, builder: Callable[..., CSR]) -> None:
        """Other draws in between change nothing: a replay must find the same."""
        for n in self.SIZES:
            for seed in (1, 2**31 - 1):
                np.random.seed(0)
                one = built(builder, n, seed)
                np.random.seed(1)
                two = built(builder, n, seed)
                assert np.array_equal(one.indptr, two.indptr) and np.array_equal(one.indices, two.indices)

    def test_no_tie_twice_and_none_to_oneself(self, builder: Callable[..., CSR]) -> None:
        """Rows ascend strictly."""
        for n in self.SIZES:
            sources, targets = built(builder, n, 1).ties()
            assert (sources != targets).all()
            assert (np.diff(sources * n + targets) > 0).all()

    def test_arrays_have_the_types_of_a_csr(self, builder: Callable[..., CSR]) -> None:
        """Compiled loops take no others."""
        graph = built(builder, self.SIZES[0], 1)
        assert (graph.indptr.dtype, graph.indices.dtype) == (np.int64, np.int32)
