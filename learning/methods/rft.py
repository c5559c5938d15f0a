"""RFT, rejection fine-tuning: the winner's whole trajectory (thinking and message) is learnt.

L = -E log p(m_y | a), with m_y the winning message about anchor a (El & Zou, arXiv 2510.06105).
"""

from __future__ import annotations

from learning.methods._contests import Contests
from learning.methods._method import Method
from learning.methods._rows import Row


class RFT(Method, frozen=True):
    """The winner of each contest is learnt."""

    def rows(self, contests: Contests, seed: int) -> list[Row]:
        return [contests.trajectory(contest, contest.winner) for contest in contests.learnable]
