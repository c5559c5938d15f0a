"""What is said of two events that differ: which field, where in it, and both values."""

from __future__ import annotations

import pytest

from abm.columns import Float32s, Int8s, Int16s, Int32s, pack
from abm.events import AnchorsListed, CrowdJoined, Engaged, EpochEnded, Reacted, ReactedMany, RunConfigured, RunEnded
from abm.journal import differences, equal
from abm.journal._differences import WIDTH


def configured(**config):
    return RunConfigured(config=config)


class TestEqual:
    """Equal is what was decided, not where and when it was written."""

    def test_place_and_time_do_not_count(self):
        """The log gives them."""
        one = EpochEnded(epoch=1, adapters={}, seq=3, at=5.0)
        other = EpochEnded(epoch=1, adapters={}, seq=4, at=6.0)
        assert equal(one, other) and not differences(one, other)

    def test_a_tuple_is_a_list(self):
        """As it is once it was written."""
        assert equal(configured(arms=("rft", "tfb")), configured(arms=["rft", "tfb"]))

    def test_two_types_are_never_equal(self):
        """Whatever they hold; they have no fields in common to name."""
        one, other = EpochEnded(epoch=1, adapters={}), RunEnded(digest="", seconds=1)
        assert not equal(one, other) and differences(one, other) == []


class TestDifferences:
    """Each field that differs is named, with both values."""

    @pytest.mark.parametrize(
        ("left", "right", "found"),
        [
            (configured(a=1, b=2), configured(a=1, b=3), ("config.b", "2", "3")),
            (configured(a=1), configured(), ("config.a", "1", "–")),
            (configured(a={"b": {"c": "x"}}), configured(a={"b": {"c": "y"}}), ("config.a.b.c", "x", "y")),
            (configured(a=[1, 2]), configured(a=[1, 3]), ("config.a", "[1,2]", "[1,3]")),
            (configured(a=[*range(20)]), configured(a=[*range(19), 7]), ("config.a.19", "19", "7")),
            (configured(a=[*range(20)]), configured(a=[*range(19)]), ("config.a", "20 items", "19 items")),
            (configured(a=None), configured(a=""), ("config.a", "null", '""')),
        ],
    )
    def test_of_nested_values_the_first_is_named(self, left, right, found):
        """By its path."""
        (difference,) = differences(left, right)
        assert (difference.field, difference.left, difference.right) == found

    def test_several_fields(self):
        """In the order of the event."""
        one = Reacted(contest="c", persona=1, order=[0, 1], choice=0, thought="a")
        other = Reacted(contest="c", persona=2, order=[0, 1], choice=0, thought="b")
        assert [difference.field for difference in differences(one, other)] == ["persona", "thought"]

    def test_long_texts_are_cut_around_the_difference(self):
        """Both sides show what is other, and fit."""
        one = Reacted(contest="c", persona=1, order=[0], choice=0, thought="same " * 100 + "red" + " end" * 100)
        other = Reacted(contest="c", persona=1, order=[0], choice=0, thought="same " * 100 + "blue" + " end" * 100)
        (difference,) = differences(one, other)
        assert "red" in difference.left and "blue" in difference.right
        assert max(len(difference.left), len(difference.right)) <= WIDTH

    def test_columns_say_where(self):
        """The place of the first value that differs, that value and some after it, and how many there are."""
        one = ReactedMany(contest="c", first=0, orders=pack([0, 1], Int8s), choices=pack([0], Int8s))
        other = ReactedMany(contest="c", first=0, orders=pack([0, 2], Int8s), choices=pack([0], Int8s))
        (difference,) = differences(one, other)
        assert (difference.field, difference.left, difference.right) == ("orders.1", "1 (of 2)", "2 (of 2)")

    def test_columns_of_other_lengths(self):
        """Where one has no value, a dash stands."""
        one, other = (
            Engaged(round=0, action="like", members=pack(rows, Int32s), items=pack([0], Int16s))
            for rows in ([3, 700], [3, 700, 9, 2**20, 5, 6, 7])
        )
        (difference,) = differences(one, other)
        assert (difference.left, difference.right) == ("– (of 2)", "9, 1048576, 5, 6, … (of 7)")

    def test_columns_within_mappings(self):
        """A trait's values are a column, too."""
        one, other = (
            CrowdJoined(split="train", first=0, size=2, origin="", traits={"thrift": pack([0.5, value], Float32s)})
            for value in (0.25, -1)
        )
        (difference,) = differences(one, other)
        assert (difference.field, difference.left) == ("traits.thrift.1", "0.25 (of 2)")

    def test_long_lists_of_mappings(self):
        """Down to the field of the item."""
        anchors = [{"id": str(i), "text": f"Anchor {i}"} for i in range(12)]
        other = [*anchors[:7], {"id": "7", "text": "Edited"}, *anchors[8:]]
        (difference,) = differences(
            AnchorsListed(split="train", anchors=anchors, dropped={}),
            AnchorsListed(split="train", anchors=other, dropped={}),
        )
        assert (difference.field, difference.left, difference.right) == ("anchors.7.text", "Anchor 7", "Edited")
