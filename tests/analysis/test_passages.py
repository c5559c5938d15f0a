"""A text in pieces, its evidence marked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.passages import SHOWN, passage


class TestPassage:
    """A text in pieces is still the text."""

    @pytest.mark.system
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

    def test_evidence_of_skill_is_told_apart(self):
        """Its pieces are named; where it overlaps with evidence of strategy, the place is strategy's."""
        found = passage("a bcd e f", ["cd e"], ["bc", "f"])
        assert found.pieces == [("a ", False), ("b", True), ("cd e", True), (" ", False), ("f", True)]
        assert found.slips == (1, 4) and found.as_dict()["slips"] == [1, 4]
        assert passage("a bcd", ["bc"]).slips == ()

    def test_long_texts_are_cut_until_asked_for(self):
        """A megabyte is not sent before somebody asks."""
        text = "x" * 1_000_000
        assert sum(len(piece) for piece, _ in passage(text).pieces) == SHOWN
        assert passage(text).hidden == 1_000_000 - SHOWN
        assert passage(text, whole=True).hidden == 0

    def test_evidence_is_not_searched_for_ever(self):
        """A span of one character in a long text does not make a million pieces."""
        assert len(passage("ab" * 500_000, ["a"], whole=True).pieces) < 500
