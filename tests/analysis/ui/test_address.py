"""The address says where somebody is, and anything may stand in it."""

from __future__ import annotations

from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from analysis.ui.address import END, FILLS, PAGES, PageAddress, frame_at

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20)
NUMBER = st.integers(0, 10**8)


class TestRoundTrip:
    """Sharing an address shares the place."""

    @given(TEXT, st.sampled_from(PAGES), TEXT, NUMBER, st.sampled_from(FILLS), NUMBER, TEXT, TEXT)
    def test_address_and_back(self, run, page, society, t, fill, persona, contest, find):
        """Every field survives."""
        address = PageAddress(run, page, society, t, fill, persona=persona, contest=contest, find=find)
        assert PageAddress.parse(address.search()) == address

    def test_defaults_are_not_written(self):
        """A short address for the usual place."""
        assert PageAddress().url == "/"
        assert PageAddress(run="a").url == "/?run=a"

    def test_the_first_frame_is_a_place_of_its_own(self):
        """A link to it is not one to the end, where what has ended opens."""
        assert PageAddress.parse(PageAddress(t=0).search()).t == 0
        assert [frame_at(t, 5) for t in (0, 3, 99, END)] == [0, 3, 4, 4]


class TestHostile:
    """An address that somebody made up shows something, and breaks nothing."""

    @given(st.text(max_size=200))
    def test_anything_parses(self, text):
        """Fields keep their types."""
        found = PageAddress.parse(text)
        assert all(type(getattr(found, each.name)) is type(each.default) for each in fields(PageAddress))

    def test_strange_values_are_left_out(self):
        """No number, no colour of that name, no negative frame; a page that there is not is named where it would be shown."""
        found = PageAddress.parse("?run=a&page=nothing&t=x&fill=gold&persona=-7&page_no=-3")
        assert found == PageAddress(run="a", page="nothing")
