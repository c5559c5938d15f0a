"""Synthetic people: drawn by a seed, in the proportions of their table."""

from __future__ import annotations

from collections import Counter

import pytest
from scipy.stats import chisquare

from populations import InputError, draw_independent, draw_joint, synthetic_personas

TABLE = [
    {"sex": "m", "age": 30, "count": 50},
    {"sex": "m", "age": 60, "count": 10},
    {"sex": "f", "age": 30, "count": 0},
    {"sex": "f", "age": 60, "count": 40},
]


class TestJoint:
    """Rows of a table of the whole population."""

    def test_proportions_are_the_tables(self):
        """Within chance (chi square, 2,000 draws); cells without people stay empty; the count is no attribute."""
        drawn = Counter((row["sex"], row["age"]) for row in draw_joint(TABLE, 2_000, seed=1))
        assert drawn[("f", 30)] == 0 and all("count" not in row for row in draw_joint(TABLE, 5, seed=1))
        assert chisquare([drawn[("m", 30)], drawn[("m", 60)], drawn[("f", 60)]], [1000, 200, 800]).pvalue > 1e-3

    def test_the_seed_decides(self):
        """Equal seeds, equal people."""
        assert draw_joint(TABLE, 50, seed=1) == draw_joint(TABLE, 50, seed=1) != draw_joint(TABLE, 50, seed=2)

    @pytest.mark.parametrize(
        "table", [[], [{"a": 1}], [{"a": 1, "count": "x"}], [{"a": 1, "count": -1}], [{"a": 1, "count": 0}]]
    )
    def test_no_table(self, table):
        """A row without a count is named."""
        with pytest.raises(InputError):
            draw_joint(table, 3, seed=1)


class TestIndependent:
    """Attributes one by one."""

    def test_proportions_are_the_margins_and_nothing_goes_together(self):
        """Each margin, and each pair as their product (chi square, 4,000 draws)."""
        drawn = draw_independent({"sex": {"m": 1, "f": 1}, "age": {30: 0.2, 60: 0.8}}, 4_000, seed=1)
        counts = Counter((row["sex"], row["age"]) for row in drawn)
        cells = [counts[(sex, age)] for sex in "mf" for age in (30, 60)]
        assert chisquare(cells, [400, 1600, 400, 1600]).pvalue > 1e-3

    def test_one_more_attribute_changes_no_other(self):
        """Each has draws of its own."""
        less = draw_independent({"sex": {"m": 1, "f": 1}}, 100, seed=1)
        more = draw_independent({"age": {30: 1, 60: 1}, "sex": {"m": 1, "f": 1}}, 100, seed=1)
        assert [row["sex"] for row in less] == [row["sex"] for row in more]

    @pytest.mark.parametrize("margin", [{}, {"m": 0}, {"m": -1, "f": 2}])
    def test_no_shares(self, margin):
        """The attribute is named."""
        with pytest.raises(InputError, match="margin of 'sex'"):
            draw_independent({"sex": margin}, 3, seed=1)


class TestPersonas:
    """Rows as members."""

    def test_equal_rows_are_different_members(self):
        """With the same text, and a number in their names."""
        first, again = synthetic_personas([{"sex": "m", "age": 30}] * 2)
        assert first.id != again.id and first.text == again.text and again.name == f"{first.name} #2"
