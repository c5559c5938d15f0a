"""A column is found by its name, whatever its case, where that is plain."""

from __future__ import annotations

from moloch.column_names import MOST, listed, renamed

NAMES = frozenset({"title", "age"})


class TestRenamed:
    """The only column that differs in case alone has the name."""

    def test_case_is_no_matter(self):
        """Other columns stay as they are."""
        assert renamed({"TITLE": "Lamp", "Age": 5, "Price": 1}, NAMES) == {"title": "Lamp", "age": 5, "Price": 1}

    def test_the_exact_name_comes_first(self):
        """A second column of another case is one of the others."""
        row = {"title": "Lamp", "Title": "Dr"}
        assert renamed(row, NAMES) == row

    def test_two_that_could_be_meant(self):
        """Neither is taken, and the caller says what is missing."""
        row = {"Title": "Lamp", "TITLE": "Dr"}
        assert renamed(row, NAMES) == row

    def test_two_names_that_one_column_could_have(self):
        """It is neither."""
        assert renamed({"aB": 1}, frozenset({"ab", "AB"})) == {"aB": 1}

    def test_a_column_that_has_one_of_the_names(self):
        """Is not taken for another of them."""
        assert renamed({"V3": 1}, frozenset({"V3", "v3"})) == {"V3": 1}


def test_an_error_lists_a_bounded_number_of_columns():
    """Quoted, without what a terminal would obey, and the rest counted."""
    assert listed(["a", "b\x1b[31m"]) == "'a', 'b'"
    assert listed(f"c{i}" for i in range(MOST + 2)).endswith("'c19' and 2 more")
    assert listed([]) == "no column"
