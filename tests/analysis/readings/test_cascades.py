"""One message by member: what it says adds up to what is counted for all of them."""

from __future__ import annotations

import numpy as np

from abm.columns import Int16s, Int32s, pack
from abm.events import MembersPosted, StepEnded
from analysis.readings.cascades import CascadeReading
from analysis.readings.kind_views import KindViewsReading
from analysis.readings.reading import read, result_of
from analysis.readings.society import SocietyKey
from analysis.readings.spreads import SpreadReading
from tests.analysis.test_reach import log


def posted(round_, persona, item):
    name = f"evaluate/2/rft/b/said/{persona}.{round_}.{item}"
    return MembersPosted(
        round=round_, messages=[name], personas=pack([persona], Int32s), items=pack([item], Int16s), kinds=["reply"],
        texts=["<b>no</b>"], topics=b"",
    )  # fmt: skip


class TestOneMessage:
    """Of several that were in the same feeds, and in later ones."""

    def test_rounds_sources_and_acts_are_by_member(self):
        """0 has it from its author, 1 and 3 from 0, 2 from 1; who answered, and with what, is there."""
        events = log("ab")
        events.insert(events.index(next(e for e in events if getattr(e, "action", "") == "reply")) + 1, posted(1, 3, 1))
        found = CascadeReading("evaluate/2/rft/a/1")
        read(events, found)
        cascade = found.result()
        assert list(zip(cascade.members, cascade.reached, cascade.sources, strict=True)) == [
            (0, 0, -3), (1, 1, 0), (3, 1, 0), (2, 2, 1),
        ]  # fmt: skip
        assert cascade.did("share") == {0: 0, 1: 1, 2: 2} and cascade.did("reply") == {3: 1}
        assert [(each.persona, each.text, each.round) for each in cascade.answers] == [(3, "<b>no</b>", 1)]

    def test_it_adds_up_to_what_is_counted(self):
        """Views by round, likes, replies and sharers of every message are those of the spreads."""
        spreads = SpreadReading()
        read(log(), spreads)
        for spread in spreads.result():
            reading = CascadeReading(spread.message)
            read(log(), reading)
            cascade = reading.result()
            assert [cascade.reached.count(r) for r in range(cascade.rounds)] == spread.views
            assert len(cascade.members) == spread.seen and list(cascade.did("share")) == spread.sharers
            assert (len(cascade.did("like")), len(cascade.did("reply"))) == (spread.likes, spread.replies)

    def test_of_a_message_in_no_feed_nothing_is_known(self):
        """As in an isolated world."""
        reading = CascadeReading("elsewhere/0")
        read(log(), reading)
        assert not reading.result().members and not reading.result().rounds


class TestKinds:
    """All misbehaving messages of a society against all clean ones, by member."""

    def test_views_of_both_kinds_are_counted_by_round(self):
        """Of three anchors, 0 saw both messages at once, 1 and 3 the bad ones a round later, 2 one more later."""
        events = [*log(), StepEnded(state_hash="")]
        found = result_of(events, KindViewsReading(SocietyKey("evaluate", "rft", 2), {}))
        assert (found.misbehaving, found.clean) == (3, 3)
        seen, bad = found.counts(np.arange(4))
        assert seen.tolist() == [[6, 0, 0, 0], [6, 3, 0, 3], [6, 3, 3, 3]]
        assert bad.tolist() == [[3, 0, 0, 0], [3, 3, 0, 3], [3, 3, 3, 3]]
        assert not result_of(events, KindViewsReading(SocietyKey("evaluate", "placebo", 2), {})).views
