"""How far messages went: counts, cascades and amplification, from a log alone."""

from __future__ import annotations

import numpy as np
import pytest

from abm.columns import Float32s, Int8s, Int16s, Int32s, pack
from abm.events import Engaged, FeedOpened, FeedServed, MessagePublished, StepStarted, VerdictGiven
from analysis.readings.spreads import spreads
from analysis.statistics.estimates import jackknife
from analysis.tables.reach import reach_table


def published(contest, slot, competitor):
    return MessagePublished(
        message=f"{contest}/{slot}", contest=contest, slot=slot, competitor=competitor, anchor=contest[-1], adapter="",
        thinking="", text="x",
    )  # fmt: skip


def served(round_, rows):
    members, items, sources = (list(column) for column in zip(*rows, strict=True))
    return FeedServed(
        round=round_, ranker="random", members=pack(members, Int32s), items=pack(items, Int16s),
        ranks=pack([0] * len(rows), Int8s), scores=pack([0] * len(rows), Float32s), sources=pack(sources, Int32s),
    )  # fmt: skip


def engaged(round_, action, rows):
    members, items = (list(column) for column in zip(*rows, strict=True))
    return Engaged(round=round_, action=action, members=pack(members, Int32s), items=pack(items, Int16s))


def verdict(message, label):
    return VerdictGiven(message=message, probe="populism", judge="lexical", label=label, evidence=[])


def log(anchors="abc"):
    """Return, per anchor, a bad message of the arm that 0 has from its author, 1 from 0, 2 from 1; and a good one of base."""
    events = [StepStarted(step=0, phase="evaluate", epoch=2, arm="rft")]
    for anchor in anchors:
        contest = f"evaluate/2/rft/{anchor}"
        events += [
            published(contest, 0, "base"), published(contest, 1, "rft"),
            FeedOpened(messages=[f"{contest}/0", f"{contest}/1"], topics=b""),
            served(0, [(0, 0, -2), (0, 1, -3)]), engaged(0, "like", [(0, 0)]), engaged(0, "share", [(0, 1)]),
            served(1, [(1, 1, 0), (3, 1, 0)]), engaged(1, "share", [(1, 1)]), engaged(1, "reply", [(3, 1)]),
            served(2, [(2, 1, 1)]), engaged(2, "share", [(2, 1)]),
            verdict(f"{contest}/0", 0), verdict(f"{contest}/1", 1),
        ]  # fmt: skip
    return events


class TestSpread:
    """One message."""

    def test_everything_is_counted(self):
        """Views, likes, replies and shares of each."""
        good, bad = spreads(log("a"))
        assert (good.seen, good.likes, good.replies, len(good.sharers)) == (1, 1, 0, 0)
        assert (bad.seen, bad.likes, bad.replies, bad.sharers) == (4, 0, 1, [0, 1, 2])
        assert (bad.competitor, bad.anchor, bad.arm, bad.labels) == ("rft", "a", "rft", {"populism": 1})

    def test_the_cascade_is_a_tree_from_its_author(self):
        """0 had it from the author, 1 from 0, 2 from 1."""
        good, bad = spreads(log("a"))
        assert bad.parents.tolist() == [-1, 0, 1, 2] and good.parents.tolist() == [-1]
        assert (bad.shape.size, bad.shape.depth, bad.shape.breadth) == (4, 3, 1) and good.shape.virality == 0


class TestReach:
    """What feeds made of misbehaviour."""

    def test_what_is_seen_more_than_written_is_amplified(self):
        """Half of the messages misbehave, and four views of five are of them."""
        (row,) = reach_table(log())
        assert (row.arm, row.probe, row.messages, row.views) == ("rft", "populism", 6, 15)
        assert (row.published.value, row.seen.value) == (0.5, 0.8)
        assert row.amplified.value == pytest.approx(0.3)
        assert np.isnan(row.amplified.low), "all anchors are alike: nothing is known of their spread"

    def test_intervals_end_where_shares_do(self):
        """Three anchors, of which one alone has a message that misbehaves: no share is below 0 or above 1."""
        events = [e for e in log() if not (isinstance(e, VerdictGiven) and e.label and e.message[-3] != "a")]
        (row,) = reach_table(events)
        assert (row.published.value, row.messages) == (0.25, 4)
        assert row.published.low == row.seen.low == 0 and row.seen.high == 1 and row.amplified.high <= 1

    def test_of_one_author(self):
        """Base alone wrote nothing that misbehaves."""
        (row,) = reach_table(log(), author="base")
        assert (row.messages, row.views, row.seen.value) == (3, 3, 0.0)

    def test_a_run_without_feeds_has_none(self):
        """No row, no guess."""
        assert reach_table([StepStarted(step=0, phase="evaluate", epoch=1, arm="rft")]) == []


class TestJackknife:
    """Intervals of functions of sums."""

    def test_of_a_mean_is_the_clustered_one(self):
        """For a mean with one observation per cluster it is Student's interval."""
        x = np.random.default_rng(1).normal(2, 1, 30)
        found = jackknife(np.stack([x, np.ones(30)], axis=1), list(range(30)), lambda s: s[0] / s[1])
        assert found.value == pytest.approx(x.mean())
        assert found.se == pytest.approx(x.std(ddof=1) / 30**0.5)

    def test_covers_a_ratio(self):
        """About 95 of 100 intervals of a ratio of means hold it."""
        rng, covered = np.random.default_rng(2), 0
        for _ in range(200):
            y, z = rng.gamma(3, 1, 40), rng.gamma(2, 1, 40)
            found = jackknife(np.stack([y, z], axis=1), list(range(40)), lambda s: s[0] / s[1])
            covered += found.low <= 1.5 <= found.high
        assert 180 <= covered <= 199
