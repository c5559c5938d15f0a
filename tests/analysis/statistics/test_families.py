"""What corrections for many tests promise; against statsmodels, too."""

from __future__ import annotations

import math

import pytest

from analysis.statistics.families import benjamini_hochberg, holm
from moloch import keyed


class TestKnownCases:
    """By hand."""

    def test_holm(self) -> None:
        """0.01, 0.04, 0.03, 0.005 become 0.03, 0.06, 0.06, 0.02."""
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    def test_benjamini_hochberg(self) -> None:
        """The same become 0.02, 0.04, 0.04, 0.02."""
        assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])

    @pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
    def test_missing_p_values_do_not_count(self, correct) -> None:
        """NaN stays NaN and does not make the others stricter."""
        first, missing, second = correct([0.01, float("nan"), 0.04])
        assert (first, second) == pytest.approx((0.02, 0.04)) and math.isnan(missing)

    @pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
    def test_no_p_values_give_none(self, correct) -> None:
        """Nothing to correct is not an error."""
        assert correct([]) == []


@pytest.mark.parametrize("n", [1, 2, 5, 40])
@pytest.mark.parametrize(("correct", "theirs"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
def test_as_statsmodels_has_them(correct, theirs, n) -> None:
    """Ties and ones among them."""
    multipletests = pytest.importorskip("statsmodels.stats.multitest").multipletests
    p = keyed.generator("families", n).exponential(0.05, n).round(2).clip(0, 1)
    assert correct(p.tolist()) == pytest.approx(multipletests(p, method=theirs)[1], abs=1e-12)
