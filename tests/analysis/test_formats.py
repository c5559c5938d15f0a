"""Numbers and texts as the terminal and the pages show them: one notation."""

from __future__ import annotations

import pytest

from analysis.formats import (
    DASH,
    ago,
    bounds,
    conclusions_corrected,
    difference,
    hypotheses_hold,
    number,
    number_bounds,
    p_value,
    percent,
    points,
    points_bounds,
    relative,
    short,
    signed,
)


class TestNumbers:
    """Numbers have units and signs, and those that do not exist are dashes."""

    @pytest.mark.parametrize("value", [None, float("nan")])
    def test_missing(self, value):
        """Nothing is shown as if it were zero."""
        none = {"value": value, "low": value, "high": value}
        assert number(value) == percent(value) == points(none) == difference(none) == relative(none) == p_value(value)
        assert p_value(value) == points(None) == DASH
        assert bounds(none) == points_bounds(none) == number_bounds(none) == bounds(None) == ""

    def test_signs(self):
        """A true minus, a plus, and no sign of nothing."""
        assert (signed(1.24), signed(-1.25), signed(0.0), signed(-0.01)) == ("+1.2", "−1.2", "0.0", "0.0")
        assert (number(-1234.5, 1), number(-0.01, 1), percent(-0.123)) == ("−1,234.5", "0.0", "−12.3 %")

    def test_intervals(self):
        """Brackets and a comma, whatever the unit."""
        estimate = {"value": 0.1, "low": -0.05, "high": 0.25}
        assert bounds(estimate) == "[−5.0, 25.0]" and bounds(estimate, digits=0) == "[−5, 25]"
        assert points_bounds(estimate) == "[−5.0, 25.0]" and number_bounds(estimate) == "[−0.05, 0.25]"
        assert difference(estimate) == "+10.0 [−5.0, 25.0]"
        assert difference(estimate | {"low": None}) == "+10.0" and relative(estimate) == "+10 %"

    def test_identical_twins(self):
        """Zero, and that nothing varies: not a dash, and not an interval of no width."""
        twins = {"value": 0.0, "low": None, "high": None, "se": 0.0}
        assert difference(twins) == "0.0 (no variation)" and bounds(twins) == "(no variation)"
        assert difference(twins | {"se": None}) == "0.0", "of a single run nobody knows"

    def test_short(self):
        """One line, whatever was in it."""
        assert short("a\n b\t c") == "a b c"
        assert len(short("x" * 10_000, 20)) == 20


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "just now"), (59, "just now"), (60, "1 minute ago"), (7_199, "1 hour ago"), (200_000, "2 days ago")],
)
def test_how_long_ago(seconds, said):
    """In the largest unit of which one is full; a clock that is behind says now; never is a dash."""
    assert ago(1e9, 1e9 + seconds) == said
    assert ago(0, 1e9) == DASH


def test_an_unusual_level_is_said():
    """Where a part of alpha was spent on a look, hypotheses hold more than all else."""
    usual = {"level": 0.95, "family": "confirmatory"}
    spent = {"level": 0.9510002, "family": "confirmatory"}
    assert (
        hypotheses_hold([usual, {"level": 0.9, "family": "exploratory"}, {"level": None, "family": "confirmatory"}])
        == ""
    )
    assert hypotheses_hold([usual, spent]).startswith("Intervals of the declared hypotheses hold 95 % or 95.1 %,")


def test_why_an_interval_without_0_can_be_unclear():
    """Said only where such an interval is shown: its conclusion follows a corrected p."""
    row = {"family": "exploratory", "p_adjusted": 0.2, "conclusion": "cannot tell", "measure": "from_base"}
    assert conclusions_corrected([row | {"low": -1.0, "high": 2.0}, row | {"low": None, "high": None}]) == ""
    said = conclusions_corrected([row | {"low": -8.0, "high": -0.1}, row | {"low": -1.0, "high": 2.0}])
    assert said.startswith("Conclusions follow the p adjusted over all 2 exploratory estimates")
