"""Numbers as cells of tables write them."""

from __future__ import annotations

import pytest

from moloch.numerals import number, whole


class TestNumbers:
    """However a statistics package wrote them."""

    @pytest.mark.parametrize("cell", ["48", "48.0", "48.", "48.00", "48,0", "48,00", " 48 ", 48, 48.0, "4.8e+01"])
    def test_one_whole_number(self, cell):
        """With and without decimals, with a point or a comma."""
        assert whole(cell) == 48

    @pytest.mark.parametrize(
        "cell",
        [
            "048",
            "4.8",
            "48,000",
            "1e3",
            "0x30",
            "٤٨",
            "",
            "4 8",
            True,
            None,
            float("nan"),
            float("inf"),
            1e300,
            "9" * 5000,
        ],
    )
    def test_no_whole_number(self, cell):
        """Codes with leading zeros, thousands, other texts, and what is too large."""
        assert whole(cell) is None

    @pytest.mark.parametrize(
        ("cell", "value"),
        [
            ("0,854", 0.854),
            ("1,5", 1.5),
            ("1.234", 1.234),
            ("1,234", None),
            ("nan", None),
            ("1_0", None),
            ("1e2", 100.0),
            (2, 2.0),
        ],
    )
    def test_numbers(self, cell, value):
        """What may be thousands or decimals is neither."""
        assert number(cell) == value
