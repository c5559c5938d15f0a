"""Links from a number to what is behind it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analysis.ui.address import PageAddress
from analysis.ui.data.doors import equals_of, event_url, message_url, rows_url

HERE = PageAddress(run="a run", page="agents", arm="tfb", find="x", page_no=3)
VALUE = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)


def there(url: str) -> PageAddress:
    return PageAddress.parse(url.partition("?")[2])


class TestDoors:
    """An address leads to the same run, and carries nothing else of the page that it stands on."""

    def test_an_event_and_a_message(self):
        """By number; by contest and slot."""
        assert there(event_url(HERE, 0)) == PageAddress(run="a run", page="event", seq=0)
        assert event_url(HERE, -1) == ""
        assert "page=message" in message_url(HERE, "evaluate/1/rft/a0", 1) and "slot=1" in message_url(HERE, "c", 1)

    @given(VALUE, VALUE, VALUE)
    def test_any_value_arrives(self, arm, competitor, probe):
        """Commas, colons, bars and per cent signs in names part nothing."""
        found = there(
            rows_url(HERE, "verdicts", arm=arm, epoch=2, competitor=(competitor, "base"), probe=probe, label=None)
        )
        assert (found.page, found.frame, found.find, found.page_no) == ("rows", "verdicts", "", 0)
        assert equals_of(found) == {
            "arm": (arm,), "epoch": ("2",), "competitor": (competitor, "base"), "probe": (probe,),
        }  # fmt: skip

    def test_a_column_may_be_empty_or_false(self):
        """Which is not the same as any."""
        found = there(rows_url(HERE, "contests", epoch=0, arm_won=False, find="well"))
        assert equals_of(found) == {"epoch": ("0",), "arm_won": ("false",)} and found.find == "well"
