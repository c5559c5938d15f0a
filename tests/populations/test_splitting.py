"""Stratified splits: exact counts, the same mix on either side, whatever the order of rows."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from populations import InputError, make_attributed, stratified_split

PEOPLE = [make_attributed({"sex": "m" if i % 3 else "f", "area": "x" if i % 5 else "y", "n": i}) for i in range(90)]


class TestStratified:
    """Training and held-out personas."""

    @given(st.integers(0, 45), st.integers(0, 45), st.integers(0, 5))
    def test_counts_are_exact_and_mixed_as_the_source_is(self, n_train, n_held_out, seed):
        """Each stratum's share, rounded; nobody twice."""
        train, held_out = stratified_split(PEOPLE, ["sex", "area"], n_train=n_train, n_held_out=n_held_out, seed=seed)
        assert (len(train), len(held_out)) == (n_train, n_held_out)
        assert len({p.id for p in (*train, *held_out)}) == n_train + n_held_out
        whole = Counter((p.attributes["sex"], p.attributes["area"]) for p in PEOPLE)
        mine = Counter((p.attributes["sex"], p.attributes["area"]) for p in train)
        assert all(abs(mine[key] - n_train * count / 90) < 1 for key, count in whole.items())

    def test_the_order_of_rows_plays_no_part(self):
        """The same people on either side."""
        mixed = Random(0).sample(PEOPLE, len(PEOPLE))
        one, other = (stratified_split(p, ["sex"], n_train=30, n_held_out=30, seed=1) for p in (PEOPLE, mixed))
        assert one == other

    @pytest.mark.parametrize(
        ("by", "n", "says"),
        [(["shoe"], 3, "has no attribute 'shoe'"), (["sex"], 80, "asked for 160 personas: there are 90")],
    )
    def test_what_cannot_be(self, by, n, says):
        """Is said."""
        with pytest.raises(InputError, match=says):
            stratified_split(PEOPLE, by, n_train=n, n_held_out=n, seed=1)
