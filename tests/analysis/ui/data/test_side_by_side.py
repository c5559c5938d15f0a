"""Two arms, or two runs, in pairs: differences, who chose differently, one anchor side by side, the first difference in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abm.columns import Int16s, Int32s, pack
from abm.events import Engaged, OpinionsShifted, PollTaken, Reacted
from abm.log import read_events
from analysis.readings.apart import A_ONLY, ALIKE, B_ONLY, NOT_BOTH, choices_apart, map_codes
from analysis.readings.book import Book
from analysis.readings.evaluation import read_evaluation
from analysis.readings.reading import result_of
from analysis.statistics.estimates import plain
from analysis.tables.arm_pairs import pair_of_arms
from analysis.tables.compare import MeasuredPair
from analysis.tables.evaluation import comparator, probe_table, win_rate_against_placebo
from analysis.ui.address import PageAddress
from analysis.ui.data.anchors import AnchorSide, anchor_cards, apart_rows, apart_said
from analysis.ui.data.compare import arms_compared
from analysis.ui.data.partings import PartedSide, items_before, parting_words
from tests.support.minds_log import CONTEST, minds_log

RUN = Path(__file__).parents[3] / "golden" / "runs" / "sales-isolated"


@pytest.fixture(scope="module")
def events():
    """A run with arms and placebo, whole."""
    return list(read_events(RUN))


@pytest.fixture(scope="module")
def found(events):
    """Its evaluation."""
    return read_evaluation(events)


def changes(pairs: list[MeasuredPair]) -> dict[str, dict[str, Any]]:
    """Return measure -> its change from A to B."""
    return {each.measure: each.change for each in pairs if each.change is not None}


class TestPairs:
    """Any two arms are compared as an arm is with its comparator."""

    def test_of_an_arm_and_its_comparator(self, found):
        """The differences are those of the tables."""
        arm = next(arm for arm in found.arms() if comparator(found, arm))
        pairs = changes(pair_of_arms(found, arm, comparator(found, arm)))
        votes = plain(win_rate_against_placebo(found, arm))
        assert {**pairs["win rate"], "p": None} == {**votes, "p": None}
        for row in probe_table(found):
            if row.arm == arm:
                assert pairs[row.probe]["value"] == plain(row.placebo)["value"]

    def test_the_other_way_round(self, found):
        """B less A turns its sign; in words, each number leads to its rows."""
        arm, other = found.arms()[::2]
        one, back = pair_of_arms(found, arm, other), pair_of_arms(found, other, arm)
        assert [each["value"] for each in changes(one).values()] == [-each["value"] for each in changes(back).values()]
        shown = arms_compared(one, "run", arm, other, found.epochs[-1])
        assert shown["said"][0].startswith(f"{arm} wins ") and f", {other} " in shown["said"][0]
        assert PageAddress.parse(shown["outcomes"][0]["b"]["to"].partition("?")[2]).arm == arm


class TestApart:
    """Who chose differently about the same anchor."""

    def test_codes_are_those_of_the_votes(self, found):
        """By hand, of every person and anchor; anchors stand in order of how much their votes differ."""
        a, b = (found.of(arm) for arm in found.arms()[::2])
        apart = choices_apart(a, b)
        shifts = [abs(each.shift) for each in apart]
        assert apart and shifts == sorted(shifts, reverse=True)
        votes = [
            {(c.anchor, p): v for c in side for p, v in zip(c.personas.tolist(), c.votes.tolist(), strict=True)}
            for side in (a, b)
        ]
        codes = map_codes(apart, found.panel)
        for line, each in zip(codes, apart, strict=True):
            for code, persona in zip(line.tolist(), found.panel.tolist(), strict=True):
                one, other = (side.get((each.anchor, persona)) for side in votes)
                wanted = (
                    NOT_BOTH
                    if one is None or other is None
                    else ALIKE
                    if one == other
                    else B_ONLY
                    if other > one
                    else A_ONLY
                )
                assert code == wanted

    def test_cards_and_rows(self, found, events):
        """What base wrote stands once where it is the same; who chose differently leads into its story."""
        arms, book = found.arms()[::2], result_of(events, Book())
        apart = choices_apart(*(found.of(arm) for arm in arms))
        each = next(each for each in apart if (each.codes != ALIKE).any())
        of = [next(c for c in found.of(arm) if c.anchor == each.anchor) for arm in arms]
        cards = anchor_cards([AnchorSide(arm, "r", book, c) for arm, c in zip(arms, of, strict=True)], PageAddress("r"))
        texts = ["".join(piece[0] for piece in card["text"]["pieces"]) for card in cards]
        assert texts == [*dict.fromkeys(c.base.text for c in of), *(c.trained.text for c in of)]
        assert cards[-1]["votes"] == [f"{int(of[1].votes.sum())} of {len(of[1].votes)} votes"]
        rows = apart_rows(each, ("r evaluate/a/1", "r evaluate/b/1"), ("a", "b"), {})
        assert len(rows) == int((each.codes != ALIKE).sum())
        assert PageAddress.parse(rows[0]["urls"][1].partition("?")[2]).seq == each.seq_b
        assert f"Of {len(each.personas)} people" in apart_said(each, "a", "b")


class TestWords:
    """The first decision that differs is a sentence, of people and messages."""

    @pytest.mark.parametrize(
        ("one", "other", "words"),
        [
            (
                Reacted(contest=CONTEST, persona=11, order=[0, 1], choice=0, thought=""),
                Reacted(contest=CONTEST, persona=11, order=[0, 1], choice=1, thought=""),
                "Ben chose base about “A bar of soap” in A and chose rft in B.",
            ),
            (
                Engaged(round=0, action="share", members=pack(np.array([10]), Int32s), items=pack(np.array([1]), Int16s)),
                Engaged(round=0, action="share", members=b"", items=b""),
                "In round 1 Ann shared rft’s message about “A bar of soap” in A and not in B.",
            ),
            (
                OpinionsShifted(round=1, about="opinion", why="influence", slot=0, members=pack(np.array([11, 12]), Int32s), values=pack(np.array([1000, 7]), Int16s)),
                OpinionsShifted(round=1, about="opinion", why="influence", slot=0, members=pack(np.array([11]), Int32s), values=pack(np.array([1200]), Int16s)),
                "After round 2 Ben’s opinion of competitor 1 is +0.1000 in A and +0.1200 in B; that of 1 more differs.",
            ),
            (
                PollTaken(contest=CONTEST, round=0, asked=2, votes=[2, 0]),
                Reacted(contest=CONTEST, persona=11, order=[0, 1], choice=1, thought=""),
                "A continues with a poll (about “A bar of soap”), B with a member’s choice (about “A bar of soap”).",
            ),
        ],
    )  # fmt: skip
    def test_of_each_kind(self, one, other, words):
        """Nobody has to know what a column is."""
        book, items = result_of(minds_log(), Book()), items_before(minds_log())
        assert parting_words(PartedSide(one, book, items), PartedSide(other, book, items)) == words

    def test_what_was_shown(self):
        """Of feeds, the first member whose messages differ."""
        book, items = result_of(minds_log(), Book()), items_before(minds_log())
        served = [event for event in minds_log() if type(event).__name__ == "FeedServed"]
        words = parting_words(PartedSide(served[0], book, items), PartedSide(served[1], book, items))
        assert "Ben was shown base’s message about “A bar of soap” in A and rft’s message" in words
