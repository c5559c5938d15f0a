"""What analysis.statistics.sums promises: the estimate of a clustered mean, from sums; and tables of a crowd that cost little."""

from __future__ import annotations

import math
import tracemalloc
from collections import Counter, defaultdict
from fractions import Fraction

import numpy as np
import pytest

from abm.columns import Int8s, pack
from abm.events import ReactedMany
from abm.reactions import each
from analysis.readings.evaluation import read_evaluation
from analysis.statistics.estimates import clustered_mean
from analysis.statistics.sums import ClusteredSums
from analysis.tables.results import results
from moloch import keyed
from tests.analysis.factory import FIRST, contest, setup, step


def tallied(anchors, personas, values, null=0.5):
    """Return the mean of votes in any order, taken an anchor at a time."""
    sums = ClusteredSums()
    for anchor in np.unique(anchors):
        sums.add(personas[anchors == anchor], values[anchors == anchor])
    return sums.mean(null=null)


def plain_variance(anchors, personas, values):
    """Return the two-way clustered variance of whole votes, in exact fractions, vote by vote."""
    mean = Fraction(int(values.sum()), len(values))
    parts = []
    for keys in (anchors, personas, list(zip(anchors, personas, strict=True))):
        sums = defaultdict(Fraction)
        for key, value in zip(keys, values, strict=True):
            sums[key] += int(value) - mean
        parts.append(sum(each * each for each in sums.values()) * len(sums) / Fraction(len(sums) - 1))
    return float((parts[0] + parts[1] - parts[2]) / len(values) ** 2)


def test_a_variance_that_is_not_positive_is_the_larger_part():
    """As in clustered_mean: where anchors and personas cancel out, the interval is not the narrow one."""
    anchors, personas = np.repeat(np.arange(5), 7), np.tile(np.arange(7), 5)
    held = []
    for seed in range(120):
        values = keyed.generator("cancel out", seed).integers(0, 2, 35).astype(float)
        parts = [clustered_mean(values, keys) for keys in (anchors, personas)]
        floor = max(part.se for part in parts) if all(part.se == part.se for part in parts) else math.nan
        if floor == floor and plain_variance(anchors, personas, values) < 0 and parts[0].se != parts[1].se:
            held.append(seed)
            assert tallied(anchors, personas, values).se == pytest.approx(floor, rel=1e-9)
            assert clustered_mean(values, anchors, personas).se == pytest.approx(floor, rel=1e-9)
    assert len(held) > 3


def crowd(voters, anchors=6, options=2, abstain=0.1, arms=("placebo", "rft")):
    """Return a log in which every arm's contests are decided by one event of a crowd each."""
    events = setup(anchors, voters, list(arms))
    draw = keyed.generator("crowd", voters)
    for arm in arms:
        for i in range(anchors):
            orders = draw.permuted(np.tile(np.arange(options), (voters, 1)), axis=1)
            choices = np.where(draw.random(voters) < abstain, -1, draw.random(voters) < 0.6).astype(np.int8)
            made = contest(arm, f"a{i}", [1, 1, 0])
            votes = ReactedMany(
                contest=made[0].contest, first=FIRST, orders=pack(orders, Int8s), choices=pack(choices, Int8s)
            )
            events += step([*made[:3], votes, *made[6:]], arm)
    return events


def one_by_one(events):
    """Return the same with a reaction for each member."""
    return [one for event in events for one in (each(event) if isinstance(event, ReactedMany) else [event])]


class TestTally:
    """A mean of votes that are clustered on anchors and personas."""

    @pytest.mark.parametrize("repeats", [1, 3])
    @pytest.mark.parametrize("kind", ["votes", "differences", "means"])
    def test_is_the_clustered_mean(self, kind, repeats):
        """Value, interval, p and counts are those of votes held one by one, whichever members voted and however often."""
        draw = keyed.generator("tally", kind, repeats)
        anchors, personas = np.repeat(np.arange(12), 40 * repeats), np.tile(np.arange(40) * 7 + 1000, 12 * repeats)
        taste = draw.normal(size=40)[(personas - 1000) // 7]
        values = (draw.normal(size=len(anchors)) + taste > 0).astype(np.int8)
        values = {"votes": values, "differences": values - draw.integers(2, size=len(values)), "means": values / 3}[
            kind
        ]
        kept = draw.random(len(values)) < 0.8
        given = anchors[kept], personas[kept], values[kept]
        found, expected = tallied(*given), clustered_mean(given[2], *given[:2], null=0.5)
        for name in ("value", "low", "high", "se", "p"):
            assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-11)
        assert (found.n, found.clusters) == (expected.n, expected.clusters)

    def test_is_exact_for_votes(self):
        """The variance of whole votes is the one that exact fractions give."""
        draw = keyed.generator("exact")
        anchors, personas = draw.integers(8, size=900), draw.integers(50, size=900)
        values = draw.integers(2, size=900)
        assert tallied(anchors, personas, values).se ** 2 == pytest.approx(
            plain_variance(anchors, personas, values), rel=1e-15
        )

    @pytest.mark.parametrize("values", [[1, 1, 1, 1], [0, 1, 0, 1], [0, 0, 1, 1]])
    def test_nothing_to_tell(self, values):
        """Where clusters are all alike, or there is one, interval and p are as missing as they are vote by vote."""
        anchors, personas = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
        found, expected = (
            tallied(anchors, personas, np.array(values)),
            clustered_mean(values, anchors, personas, null=0.5),
        )
        assert str(found) == str(expected) and found.clusters == expected.clusters
        assert str(tallied(anchors * 0, personas, np.array(values))) == str(
            clustered_mean(values, anchors * 0, personas, null=0.5)
        )

    def test_nobody_voted(self):
        """No votes, no estimate."""
        sums = ClusteredSums()
        sums.add(np.zeros(0, dtype=int), [])
        assert sums.mean().n == 0


class TestCrowd:
    """A crowd's reactions in columns, millions of them."""

    @pytest.mark.parametrize("options", [2, 3])
    def test_tables_equal_those_of_single_reactions(self, options):
        """Everything that a run tells is the same, abstentions and three options included."""
        events = crowd(300, options=options)
        assert results(events) == results(one_by_one(events))

    def test_votes_by_hand(self):
        """Who voted, for whom, and what they saw first, counted in plain Python."""
        events = crowd(50)
        found = {c.contest: c for c in read_evaluation(events).contests}
        for event in events:
            if isinstance(event, ReactedMany):
                cast = [one for one in each(event) if one.choice >= 0]
                of = found[event.contest]
                assert of.personas.tolist() == [one.persona for one in cast]
                assert of.votes.tolist() == [one.choice for one in cast]
                assert of.first.tolist() == [one.order[0] == one.choice for one in cast]
                assert of.abstained == 50 - len(cast) > 0

    def test_who_chose_twice_has_one_vote(self):
        """The mean of both choices counts; who saw one option only has no first place."""
        made = contest("rft", "a0", [])
        twice = [
            ReactedMany(contest=made[0].contest, first=FIRST, orders=pack(o, Int8s), choices=pack(c, Int8s))
            for o, c in (([[0, 1], [1, 0]], [0, 0]), ([[0, 1], [0, -1]], [1, 0]))
        ]
        (found,) = read_evaluation(setup(1, 2, ["rft"]) + step([*made[:3], *twice, *made[3:]], "rft")).contests
        assert found.votes.tolist() == [0.5, 0.0] and found.first.tolist() == [0.5, -1]

    @pytest.mark.system
    def test_takes_a_few_bytes_a_vote(self):
        """A hundred thousand voters, 24 contests: at their peak the tables take less than 8 bytes a vote and 12 a voter."""
        voters = 100_000
        events = crowd(voters, anchors=12, abstain=0)
        results(events[:40])  # imports
        tracemalloc.start()
        try:
            found = results(events)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        cast = Counter({arm: of["win_rate"]["n"] for arm, of in found["arms"].items()}).total()
        assert cast == 24 * voters and peak < 8 * cast + 12 * voters
