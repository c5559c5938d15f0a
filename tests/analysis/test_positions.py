"""What is found of the place of an option: promises of analysis.tables.positions."""

from __future__ import annotations

import numpy as np
import pytest

from abm.columns import Int8s, pack
from abm.events import Reacted, ReactedMany
from analysis import position_table, table
from analysis.statistics.estimates import plain
from analysis.terminal.run import render
from moloch import keyed
from tests.analysis.factory import FIRST
from tests.analysis.test_evaluation import one_arm, printed


def votes(orders, choices, contests=10):
    """Return votes in so many contests, each with all of these orders and choices."""
    return [
        Reacted(contest=f"c{c}", persona=i, order=order, choice=choice, thought="")
        for c in range(contests)
        for i, (order, choice) in enumerate(zip(orders, choices, strict=True))
    ]


class TestPositions:
    """How often the option in each place is chosen, by how many there were."""

    def test_two(self):
        """Whoever always takes what stands first is found out, whatever stood there."""
        first, second = position_table(votes([[0, 1], [1, 0], [1, 0], [0, 1]], [0, 1, 1, 1]))
        assert (first.options, first.position, first.chosen.value) == (2, 1, 0.75)
        assert (second.options, second.position, second.chosen.value) == (2, 2, 0.25)
        assert first.chosen.n == second.chosen.n == 40

    def test_by_number_of_options(self):
        """Contests of two and of three are kept separate; each has its own null."""
        rows = position_table(votes([[0, 1], [2, 0, 1], [1, 2, 0]], [1, 2, 1]))
        assert [(row.options, row.position) for row in rows] == [(2, 1), (2, 2), (3, 1), (3, 2), (3, 3)]
        assert [row.chosen.value for row in rows] == [0, 1, 1, 0, 0]

    def test_no_bias(self):
        """Random orders give each place about its share, and no small p-value."""
        draw = keyed.generator("positions")
        cast = [
            Reacted(contest=f"c{c}", persona=i, order=draw.permutation(3).tolist(), choice=0, thought="")
            for c in range(20)
            for i in range(20)
        ]
        for row in position_table(cast):
            assert row.chosen.value == pytest.approx(1 / 3, abs=0.07) and row.chosen.p > 0.01

    def test_columns(self):
        """A crowd's reactions count as single ones do; -1 in an order is an option that a member did not see."""
        orders, choices = np.array([[0, 1, -1], [1, 0, 2], [1, -1, -1], [0, 1, 2]]), np.array([0, 2, 1, -1])
        many = ReactedMany(contest="c", first=FIRST, orders=pack(orders, Int8s), choices=pack(choices, Int8s))
        rows = position_table([many])
        assert [(row.options, row.position, row.chosen.n) for row in rows if row.chosen.value == 1] == [
            (2, 1, 1),
            (3, 3, 1),
        ]

    def test_nothing_chosen(self):
        """Abstentions tell nothing; without votes there is no row."""
        assert position_table(votes([[0, 1]], [-1])) == [] == position_table([])

    def test_intervals_are_clustered(self):
        """Votes of one persona are not independent: the interval is wider than that of as many independent votes."""
        orders, choices = [[0, 1]] * 20, [0] * 15 + [1] * 5  # each persona always takes the same place
        (first, _) = position_table(votes(orders, choices, contests=50))
        independent = 1.96 * (0.75 * 0.25 / 1000) ** 0.5
        assert first.chosen.high - first.chosen.value > 3 * independent

    def test_printed(self):
        """The terminal shows a line for each place, with what it would be without bias."""
        events = one_arm([[1, 0, 1], [1, 1, 1]])
        shown = printed(
            render(table(events) | {"positions": [plain(row) for row in position_table(events)]}, full=True)
        )
        assert "Position" in shown and "50.0 %" in shown

    def test_anchors(self):
        """Votes about one anchor are one cluster."""
        (row, _) = position_table(one_arm([[1, 0, 1], [1, 1, 1]]))
        assert row.chosen.clusters == (2, 3)
