"""What fewer voters would have found: promises of analysis.tables.panels, on logs small enough to count by hand."""

from __future__ import annotations

import pytest

from analysis import panel_table, table
from analysis.statistics.estimates import plain
from analysis.tables.panels import MOST, PANELS
from analysis.terminal.run import render
from tests.analysis.factory import contest, setup, step
from tests.analysis.test_evaluation import one_arm, printed, two_arms


class TestPanels:
    """Panels of k voters, drawn from those of the run."""

    def test_all_voters_agree_with_themselves(self):
        """The panel of everybody finds the run's win rate, without range, and every winner."""
        events = two_arms()
        last = [row for row in panel_table(events) if row.arm == "rft"][-1]
        assert last.voters == 8
        assert last.win_rate.low == last.win_rate.high == pytest.approx(last.win_rate.value)
        assert last.win_rate.value == pytest.approx(table(events)["arms"]["rft"]["win_rate"]["value"])
        assert last.same_winner.value == 1.0

    def test_more_voters_are_steadier(self):
        """The range of win rates narrows with the voters, and winners agree more often among odd panels."""
        rows = {row.voters: row for row in panel_table(two_arms(personas=21), sizes=[1, 5, 15]) if row.arm == "rft"}
        width = {k: row.win_rate.high - row.win_rate.low for k, row in rows.items()}
        assert width[1] > width[5] > width[15] > 0
        assert rows[1].same_winner.value < rows[5].same_winner.value < rows[15].same_winner.value

    def test_by_hand(self):
        """Of three voters to one, a single voter finds the winner three times of four, and never a tie."""
        (row,) = panel_table(one_arm([[1, 1, 1, 0], [0, 0, 1, 0]]), sizes=[1])
        assert row.same_winner.value == pytest.approx(0.75, abs=0.08) and row.ties == 0
        assert row.win_rate.value == pytest.approx(0.5, abs=0.06) and row.win_rate.n == PANELS

    def test_ties(self):
        """Two voters who never agree always tie, and that is what all voters did."""
        (row,) = panel_table(one_arm([[1, 0], [0, 1]]), sizes=[2])
        assert row.ties == row.same_winner.value == 1.0

    def test_sizes(self):
        """Sizes go 1, 2, 5, 10, ... up to all; those beyond the voters there are, are left out."""
        events = one_arm([[1, 0] * 6])
        assert [row.voters for row in panel_table(events)] == [1, 2, 5, 10, 12]
        assert [row.voters for row in panel_table(events, sizes=[3, 12, 13, 100])] == [3, 12]

    def test_a_crowd(self):
        """Of more voters than fit, some are drawn; winners are still compared with those of all."""
        events = one_arm([[1] * MOST + [0] * 500])
        rows = panel_table(events)
        assert rows[-1].voters == MOST and rows[-1].same_winner.value == 1.0
        assert 0.6 < rows[-1].win_rate.value < 0.73

    def test_contests_nobody_voted_on(self):
        """Forfeits and abstentions are left out; without any vote there is no row."""
        events = setup(2, 2, ["rft"])
        events += step(contest("rft", "a0", [1, 1], rejected=(0,)), "rft")
        assert panel_table(events) == []
        events += step(contest("rft", "a1", [1, -1]), "rft")
        assert [row.voters for row in panel_table(events)] == [1]

    def test_deterministic(self):
        """The same log gives the same table."""
        once, again = ([plain(row) for row in panel_table(two_arms())] for _ in range(2))
        assert once == again

    def test_printed(self):
        """The terminal shows an arm a line, and a column for each size but all."""
        events = two_arms()
        shown = printed(render(table(events) | {"panels": [plain(row) for row in panel_table(events)]}, full=True))
        assert "1 voter " in shown and "5 voters" in shown and "8 voters" not in shown
