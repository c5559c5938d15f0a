"""What families of tests promise in the results of a study."""

from __future__ import annotations

from math import isnan, nan

import pytest
from scipy import stats

from analysis.statistics.conclusions import tost
from analysis.statistics.estimates import NOTHING, Estimate
from analysis.statistics.families import benjamini_hochberg, holm
from analysis.studies.values.corrections import EstimateRow, concluded
from analysis.tables.pooled import Measured


def row(
    value: float, *, measure: str = "from_comparator", kind: str = "votes", name: str = "win_rate", **more
) -> EstimateRow:
    """Return a row of 8 seeds whose standard error is one point."""
    null = 0.5 if measure == "rate" else 0.0
    p = float(2 * stats.t.sf(abs(value - null) / 0.01, 20))
    half = float(stats.t.ppf(0.975, 20)) * 0.01
    estimate = Estimate(value, value - half, value + half, 100, (8, 96, 20), 0.01, p, 20.0, (5e-5, 3e-5, 2e-5))
    return EstimateRow(
        {}, Measured("rft", kind, name, measure), "placebo", estimate, NOTHING, NOTHING, nan, nan, 8, 8, "seeds", **more
    )


class TestExploratory:
    """Everything that the page did not declare."""

    def test_win_rates_and_probes_are_one_family(self):
        """Benjamini and Hochberg's, of all that have a p; shares without a null are in none."""
        made = [
            row(0.03),
            row(0.02, kind="strategy", name="unsafe"),
            row(0.53, measure="rate"),
            row(0.01, measure="from_base"),
        ]
        without = row(0.2, measure="base", kind="strategy")
        without = without._replace(estimate=NOTHING)
        found = concluded([*made, without])
        assert [each.family for each in found] == ["exploratory"] * 4 + [""]
        expected = benjamini_hochberg([each.estimate.p for each in made])
        assert [each.p_adjusted for each in found[:4]] == pytest.approx(expected)
        assert all(found[i].p_adjusted > made[i].estimate.p for i in range(3)), "a correction that corrects nothing"
        assert isnan(found[4].p_adjusted) and found[4].conclusion is None

    def test_what_is_significant_alone_may_not_be_among_many(self):
        """The conclusion follows the corrected p."""
        alone, crowd = concluded([row(0.022)]), concluded([row(0.022), *(row(0.001) for _ in range(9))])
        assert alone[0].conclusion and alone[0].conclusion.word == "effect"
        assert crowd[0].conclusion and crowd[0].conclusion.word == "cannot tell"


class TestConfirmatory:
    """What the page declared."""

    def test_holm_over_its_tests_alone(self):
        """Those of an effect, and those of equivalence: whatever else was looked at."""
        primary = [row(0.026, hypothesis="one", margin=0.02), row(0.0, hypothesis="two", margin=0.025)]
        others = [row(0.05, name=f"probe {i}", kind="strategy") for i in range(5)]
        found = concluded([*primary, *others])
        assert [each.family for each in found[:2]] == ["confirmatory"] * 2
        assert [each.p_adjusted for each in found[:2]] == pytest.approx(holm([each.estimate.p for each in primary]))
        equal = [tost(each.estimate, each.margin) for each in primary]
        assert [each.p_equivalence_adjusted for each in found[:2]] == pytest.approx(holm(equal))
        assert found[0].p_adjusted == pytest.approx(2 * primary[0].estimate.p), "without Holm it is half of it"
        assert [each.p_adjusted for each in found[2:]] == pytest.approx([each.estimate.p for each in others])

    def test_each_has_its_word(self):
        """An effect, equivalence to none, and what cannot be told."""
        words = [
            each.conclusion.word
            for each in concluded([
                row(0.05, hypothesis="a", margin=0.02), row(0.0, hypothesis="b", margin=0.03), row(0.015, hypothesis="c", margin=0.02),
            ])
            if each.conclusion
        ]  # fmt: skip
        assert words == ["effect", "equivalent to none", "cannot tell"]

    def test_a_win_rate_is_from_one_half(self):
        """Also in the test of equivalence, and its interval."""
        (found,) = concluded([row(0.501, measure="rate", hypothesis="a", margin=0.03)])
        assert found.conclusion and found.conclusion.word == "equivalent to none"
        assert found.conclusion.low_90 < 0 < found.conclusion.high_90
