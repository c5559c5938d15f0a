"""What a page marks before a result is believed."""

from __future__ import annotations

import pytest

from abm.log import read_events
from analysis.tables.results import results
from analysis.ui.address import PageAddress
from analysis.ui.data.health import health_rows

NONE = float("nan")


@pytest.fixture(scope="module")
def table(isolated):
    """The tables of a run."""
    return results(read_events(isolated))


@pytest.mark.parametrize(
    ("value", "low", "high", "n", "bad"),
    [
        (0.53, 0.52, 0.55, 5760, True),
        (0.52, 0.49, 0.55, 500, False),
        (0.52, NONE, NONE, 500, False),
        (1.0, NONE, NONE, 480, True),
        (0.0, NONE, NONE, 480, True),
        (1.0, NONE, NONE, 3, False),
    ],
)
def test_a_place_that_all_votes_are_for_is_marked(table, value, low, high, n, bad):
    """Though it has no interval, since nothing varies. A few votes may be alike by chance."""
    chosen = {"value": value, "low": low, "high": high, "n": n, "se": 0.0}
    shown = table | {"positions": [{"options": 2, "position": 1, "chosen": chosen}]}
    [row] = [each for each in health_rows(shown, PageAddress()) if each["name"] == "Position"]
    assert row["bad"] is bad
