"""Randomness is a pure function of its key."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moloch import keyed


class TestUniforms:
    """Vectorised Philox 4x32-10."""

    def test_agrees_with_the_published_test_vectors(self):
        """The known answers of Random123 (Salmon et al. 2011): counter and key of zeros, of ones, of the digits of pi; each has a key of its own."""
        counters = [[0, 0xFFFFFFFF, pi] for pi in (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)]
        keys = [[0, 0xFFFFFFFF, pi] for pi in (0xA4093822, 0x299F31D0)]
        drawn = keyed.philox(*(np.array(words, dtype=np.uint64) for words in (*counters, *keys)))
        assert [" ".join(f"{int(word[i]):08x}" for word in drawn) for i in range(3)] == [
            "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
            "408f276d 41c83b0e a20bc7c6 6d5451fd",
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ]

    def test_a_place_of_many_numbers_is_one_key(self):
        """A place's four words are the bits of its key: two of the counter from bit 64 on, then two of Philox's key."""
        place = keyed.key(7, "order", -3)
        assert keyed.words(7, "order", -3).tolist() == [place >> shift & 0xFFFFFFFF for shift in (64, 96, 0, 32)]

    @given(st.permutations(range(20)))
    def test_do_not_depend_on_the_order_of_ids(self, order):
        """Who draws decides what is drawn, not when."""
        ids = np.array(order)
        assert (keyed.uniforms(ids, 7, "x") == keyed.uniforms(np.arange(20), 7, "x")[ids]).all()

    def test_are_uniform_and_stay_inside_the_open_interval(self):
        """A million draws have the mean, variance and range of a uniform."""
        draws = keyed.uniforms(np.arange(1_000_000), 3, "law")
        assert draws.min() > 0 and draws.max() < 1
        assert abs(draws.mean() - 0.5) < 0.002
        assert abs(draws.var() - 1 / 12) < 0.001

    def test_differ_from_place_to_place(self):
        """Another place gives unrelated draws."""
        ids = np.arange(10_000)
        assert abs(np.corrcoef(keyed.uniforms(ids, 1, "a"), keyed.uniforms(ids, 1, "b"))[0, 1]) < 0.04

    @pytest.mark.parametrize("many", [0, 10**9], ids=["compiled", "numpy"])
    def test_each_may_have_a_place_of_its_own(self, many, monkeypatch):
        """Drawn together they are what each place gives alone."""
        monkeypatch.setattr(keyed, "MANY", many)
        ids, which, places = np.arange(100) * 7, np.arange(100) % 3, [(1, "a"), (2, "b"), ("2", "b")]
        alone = [keyed.uniforms(ids, *place) for place in places]
        assert np.array_equal(keyed.uniforms_by(ids, which, places), np.choose(which, alone))


class TestKeys:
    """Keys name places without collisions of spelling."""

    def test_numbers_and_texts_are_different_parts(self):
        """``1`` is not ``"1"``."""
        assert keyed.key(1) != keyed.key("1")

    def test_the_split_into_parts_matters(self):
        """``("ab", "c")`` is not ``("a", "bc")``."""
        assert keyed.key("ab", "c") != keyed.key("a", "bc")

    @given(st.integers(0, 2**31), st.text())
    def test_seeds_fit_thirty_one_bits(self, seed, place):
        """Libraries that take a C int can take the seed."""
        assert 0 <= keyed.seed32(seed, place) < 2**31
