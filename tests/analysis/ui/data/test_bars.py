"""An estimate on an axis."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.ui.data.bars import bar


class TestBars:
    """An estimate on an axis."""

    @given(st.floats(-3, 3), st.floats(0, 3), st.floats(0, 3))
    def test_it_stays_on_its_axis(self, value, below, above):
        """Ends beyond the axis are cut off; the value is within its interval."""
        found = bar({"value": value, "low": value - below, "high": value + above}, -1, 1)
        assert found is not None
        assert 0 <= found["low"] <= found["at"] <= found["low"] + found["width"] + 1e-9 <= 100 + 1e-6

    def test_zero_is_in_the_middle(self):
        """Of an axis with two equal ends."""
        assert bar({"value": 0.0, "low": -0.5, "high": 0.5}, -1, 1) == {"at": 50, "low": 25, "width": 50}

    @pytest.mark.parametrize("unknown", [None, math.nan])
    def test_what_is_not_known_is_not_drawn(self, unknown):
        """Without bounds the value stands alone; without a value there is nothing."""
        assert bar({"value": 0.5, "low": unknown, "high": unknown}, 0, 1) == {"at": 50, "low": 50, "width": 0}
        assert bar({"value": unknown, "low": unknown, "high": unknown}, 0, 1) is None
        assert bar(None, 0, 1) is None
