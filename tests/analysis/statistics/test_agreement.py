"""Agreement beyond chance, held against worked examples of the literature."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.statistics.agreement import MISSING, alpha, bootstrapped, f1, pair
from moloch import keyed


def spread(table) -> tuple[list[int], list[int]]:
    """Return two raters' codes whose cross-table is ``table``."""
    cells = [(i, j) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]
    return [i for i, _ in cells], [j for _, j in cells]


class TestKappa:
    """Cohen's kappa."""

    @pytest.mark.parametrize(
        ("table", "expected"),
        [
            ([[88, 14, 18], [10, 40, 10], [2, 6, 12]], 0.492),  # Cohen 1960
            ([[106, 10, 4], [22, 28, 10], [2, 12, 6]], 0.429),  # Fleiss, Cohen & Everitt 1969, n = 200
            ([[20, 5], [10, 15]], 0.400),
            ([[45, 15], [25, 15]], 0.1304),
            ([[25, 35], [5, 35]], 0.2593),  # the same raw agreement, other margins
        ],
    )
    def test_published_examples(self, table, expected):
        """To the digits that were published."""
        found = pair(*spread(table))
        assert found.kappa.value == pytest.approx(expected, abs=5e-4)
        assert found.raw.value == pytest.approx(np.trace(np.array(table)) / np.sum(table))

    def test_its_interval_is_as_wide_as_theory_says(self):
        """The bootstrap's standard error is the large-sample one of Fleiss, Cohen & Everitt (1969)."""
        table = np.array([[106, 10, 4], [22, 28, 10], [2, 12, 6]]) / 200
        rows, columns = table.sum(axis=1), table.sum(axis=0)
        expected, kappa = float(rows @ columns), 0.225 / 0.525
        first = sum(table[i, i] * (1 - (rows[i] + columns[i]) * (1 - kappa)) ** 2 for i in range(3))
        second = sum(table[i, j] * (columns[i] + rows[j]) ** 2 for i in range(3) for j in range(3) if i != j)
        variance = (first + (1 - kappa) ** 2 * second - (kappa - expected * (1 - kappa)) ** 2) / (
            200 * (1 - expected) ** 2
        )
        found = pair(*spread([[106, 10, 4], [22, 28, 10], [2, 12, 6]])).kappa
        assert found.se == pytest.approx(math.sqrt(variance), rel=0.06)
        assert found.low < kappa < found.high

    def test_what_one_rater_left_out_is_left_out(self):
        """Only units that both rated count, in everything that is reported."""
        found = pair([0, 1, 1, MISSING, 0], [0, 1, 0, 1, MISSING])
        assert (found.raw.n, found.kappa.n) == (3, 3) and found.first.value == pytest.approx(2 / 3)

    def test_no_variation_is_no_kappa(self):
        """Perfect agreement on one code says nothing beyond chance; the raw agreement is reported all the same."""
        found = pair([0] * 9, [0] * 9)
        assert math.isnan(found.kappa.value) and found.raw.value == 1 and found.first.value == 0
        assert math.isnan(pair([], []).kappa.value)


class TestAlpha:
    """Krippendorff's alpha for nominal codes."""

    def test_two_observers_without_missing_values(self):
        """Krippendorff (2011), example A: 0.095."""
        ratings = [[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]]
        assert alpha(np.array(ratings).T).value == pytest.approx(0.095, abs=5e-4)

    def test_four_observers_with_missing_values(self):
        """Krippendorff (2011), example C: 0.743."""
        _ = MISSING
        ratings = [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
            [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
        ]
        found = alpha(np.array(ratings).T)
        assert found.value == pytest.approx(0.743, abs=5e-4) and found.n == 11

    def test_three_coders_with_many_missing_values(self):
        """The example of the encyclopedias: 0.691."""
        _ = MISSING
        ratings = [
            [_, _, _, _, _, 3, 4, 1, 2, 1, 1, 3, 3, _, 3],
            [1, _, 2, 1, 3, 3, 4, 3, _, _, _, _, _, _, _],
            [_, _, 2, 1, 3, 4, 4, _, 2, 1, 1, 3, 3, _, 4],
        ]
        assert alpha(np.array(ratings).T).value == pytest.approx(0.691, abs=5e-4)

    def test_two_raters_in_large_samples_agree_with_kappa(self):
        """With equal margins alpha and kappa have one limit."""
        table = [[400, 100], [100, 400]]
        assert alpha(np.array(spread(table)).T).value == pytest.approx(pair(*spread(table)).kappa.value, abs=1e-3)

    def test_nothing_to_compare(self):
        """Units with one rating, or one code throughout, give no alpha."""
        assert alpha([[0, MISSING], [MISSING, 1]]).n == 0
        assert math.isnan(alpha([[0, 0], [0, 0]]).value)


class TestIntervals:
    """Percentiles of a bootstrap over units."""

    def test_they_cover(self):
        """Of 150 samples of 80 units, close to 95 % hold the true kappa."""
        covered = 0
        for i in range(150):
            draw = keyed.generator("coverage", i)
            truth = draw.random(80) < 0.4
            first, second = (np.where(draw.random(80) < 0.85, truth, ~truth).astype(int) for _ in range(2))
            found = pair(first, second).kappa
            covered += found.low <= KAPPA <= found.high
        assert 0.88 <= covered / 150 <= 0.99

    def test_they_do_not_depend_on_order(self):
        """Equal units in another order give an equal interval."""
        first, second = spread([[8, 3], [2, 9]])
        order = keyed.generator("order").permutation(len(first))
        assert pair(first, second).kappa == pair(np.array(first)[order], np.array(second)[order]).kappa

    def test_f1_of_found_against_true(self):
        """Twice the hits over all that is found or true."""
        found = bootstrapped(np.array([[1, 1]] * 6 + [[1, 0]] * 2 + [[0, 1]] * 1 + [[0, 0]] * 5), f1)
        assert found.value == pytest.approx(12 / 15) and found.low < 12 / 15 < found.high


def _kappa() -> float:
    """Return kappa of two raters who each see the truth with probability 0.85, where 0.4 are true."""
    seen = 0.4 * 0.85 + 0.6 * 0.15
    observed, expected = 0.85**2 + 0.15**2, seen**2 + (1 - seen) ** 2
    return (observed - expected) / (1 - expected)


KAPPA = _kappa()
