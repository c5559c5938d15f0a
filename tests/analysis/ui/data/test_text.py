"""Texts and numbers as pages show them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.formats import DASH, SHOWN, ago, bounds, interval, p_value, passage, percent, points, short, signed


class TestPassage:
    """A text in pieces is still the text."""

    @given(st.text(max_size=80), st.lists(st.text(min_size=1, max_size=5), max_size=5))
    def test_nothing_is_lost_or_added(self, text, evidence):
        """Whatever the evidence, the pieces put together are the text."""
        found = passage(text, evidence)
        assert "".join(piece for piece, _ in found.pieces) == text

    @given(st.text(alphabet="ab<", max_size=30), st.lists(st.text(alphabet="ab<", min_size=1, max_size=4), max_size=4))
    def test_every_place_of_evidence_is_marked(self, text, evidence):
        """Each character inside a span that stands in the text is marked, and no other; doubled spans are one."""
        marked = [flag for piece, flag in passage(text, evidence).pieces for _ in piece]
        inside = [False] * len(text)
        for span in evidence:
            at = text.find(span)
            while at >= 0:
                inside[at : at + len(span)] = [True] * len(span)
                at = text.find(span, at + len(span))
        assert marked == inside

    def test_long_texts_are_cut_until_asked_for(self):
        """A megabyte is not sent before somebody asks."""
        text = "x" * 1_000_000
        assert sum(len(piece) for piece, _ in passage(text).pieces) == SHOWN
        assert passage(text).hidden == 1_000_000 - SHOWN
        assert passage(text, whole=True).hidden == 0

    def test_evidence_is_not_searched_for_ever(self):
        """A span of one character in a long text does not make a million pieces."""
        assert len(passage("ab" * 500_000, ["a"], whole=True).pieces) < 500


class TestNumbers:
    """Numbers have units and signs, and those that do not exist are dashes."""

    @pytest.mark.parametrize("value", [None, float("nan")])
    def test_missing(self, value):
        """Nothing is shown as if it were zero."""
        none = {"value": value, "low": value, "high": value}
        assert percent(value) == points(none) == p_value(value) == DASH
        assert bounds(none) == ""

    def test_signs(self):
        """A true minus, a plus, and no sign of nothing."""
        assert (signed(1.24), signed(-1.25), signed(0.0), signed(-0.01)) == ("+1.2", "−1.2", "0.0", "0.0")

    def test_short(self):
        """One line, whatever was in it."""
        assert short("a\n b\t c") == "a b c"
        assert len(short("x" * 10_000, 20)) == 20


class TestIntervals:
    """An estimate on an axis."""

    @given(st.floats(-3, 3), st.floats(0, 3), st.floats(0, 3))
    def test_it_stays_on_its_axis(self, value, below, above):
        """Ends beyond the axis are cut off; the value is within its interval."""
        found = interval({"value": value, "low": value - below, "high": value + above}, -1, 1)
        assert found is not None
        assert 0 <= found["low"] <= found["at"] <= found["low"] + found["width"] + 1e-9 <= 100 + 1e-6

    def test_zero_is_in_the_middle(self):
        """Of an axis with two equal ends."""
        assert interval({"value": 0.0, "low": -0.5, "high": 0.5}, -1, 1) == {"at": 50, "low": 25, "width": 50}

    @pytest.mark.parametrize("unknown", [None, math.nan])
    def test_what_is_not_known_is_not_drawn(self, unknown):
        """Without bounds the value stands alone; without a value there is nothing."""
        assert interval({"value": 0.5, "low": unknown, "high": unknown}, 0, 1) == {"at": 50, "low": 50, "width": 0}
        assert interval({"value": unknown, "low": unknown, "high": unknown}, 0, 1) is None
        assert interval(None, 0, 1) is None


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "just now"), (59, "just now"), (60, "1 minute ago"), (7_199, "1 hour ago"), (200_000, "2 days ago")],
)
def test_how_long_ago(seconds, said):
    """In the largest unit of which one is full; a clock that is behind says now; never is a dash."""
    assert ago(1e9, 1e9 + seconds) == said
    assert ago(0, 1e9) == DASH
