"""Texts from outside: they can be written down, compared in bounded time, and shown without being obeyed."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moloch.texts import DEEPEST, composed, for_terminal, is_deep, whole


class TestWhole:
    """Half a surrogate pair that stands alone becomes U+FFFD."""

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("", ""),
            ("a💡", "a💡"),
            ("a\ud800", "a\ufffd"),
            ("\udc00\ud800", "\ufffd\ufffd"),
            ("\ud83d\udca1", "💡"),
            ("\ud83d💡", "\ufffd💡"),
        ],
    )
    def test_halves(self, text, wanted):
        """Two that belong together are one character."""
        assert whole(text) == wanted

    @given(st.text())
    def test_what_is_whole_stays(self, text):
        """Letter by letter."""
        assert whole(text) == text


class TestDepth:
    """JSON is measured before a parser recurses into it."""

    @pytest.mark.system
    @given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
    def test_ordinary_json_is_not_deep(self, value):
        """Brackets in texts do not count."""
        assert not is_deep(json.dumps(value))
        assert not is_deep(json.dumps("[" * 1_000 + json.dumps(value)))

    @pytest.mark.parametrize("bracket", ["[", '{"a":'])
    def test_deep_json_is(self, bracket):
        """From one bracket more than is allowed."""
        assert not is_deep(bracket * DEEPEST)
        assert is_deep(bracket * (DEEPEST + 1))
        assert not is_deep('["' + bracket.replace('"', "") * (DEEPEST + 1) + '"]')

    def test_what_follows_the_value_does_not_count(self):
        """A reader stops at its end, too."""
        assert not is_deep('{"a": 1} ' + "[" * 1_000)
        assert is_deep("[" * 1_000 + ' {"a": 1}') and not is_deep("[" * 1_000 + ' {"a": 1}', 1_001)


class TestComposed:
    """Words are composed one by one."""

    @given(st.text())
    def test_is_nfkc_of_words(self, text):
        """That of the whole text, for words of any usual length."""
        assert composed(text).split() == unicodedata.normalize("NFKC", text).split()


class TestForTerminal:
    """A terminal shows it and does nothing else."""

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("two\nlines\tand more", "two\nlines\tand more"),
            ("\x1b[31mred\x1b[0m", "[31mred[0m"),
            ("\x1b]0;title\x07", "]0;title"),
            ("\x9b2J\x85\x7f\x00\r\b", "2J"),
            ("user\u202etxt.exe\u2066\u200f", "usertxt.exe"),
            ("fam\u200dily \u200cن", "fam\u200dily \u200cن"),
        ],
    )
    def test_signs_that_are_obeyed_are_gone(self, text, wanted):
        """Line ends, tabs and what joins letters stay."""
        assert for_terminal(text) == wanted
