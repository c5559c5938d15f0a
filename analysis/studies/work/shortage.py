"""What a controller does where a cell found a shared budget spent, and others may still give back a part of it.

A cell takes a part of what all may spend before it spends it, and gives the rest back when it ends. So the first cell that gets nothing says
little: what others hold may be enough for it. Only one that got nothing while nobody else held anything shows that the budget is spent.
Knows names of cells and how their attempts ended; knows no budgets.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from analysis.studies.record.study_log import CellHistory


class Shortage:
    """Whether cells wait for what others give back.

    Attributes:
        is_on: from the moment at which a cell found nothing left, until another one came to an end that was not for want of budget.
    """

    def __init__(self) -> None:
        self.is_on = False
        self._alone = ""

    def begins(self, cell: str, others: Collection[str]) -> None:
        """Note that an attempt begins while those others are at work."""
        self._alone = "" if others else cell

    def met(self, cell: str, holders: Collection[str]) -> bool:
        """Note that a cell found nothing left; return whether nothing can come back, so that the budget is spent.

        Args:
            holders: other cells that may hold more than they spent.
        """
        self.is_on = True
        return self._alone == cell and not holders

    def ended(self) -> None:
        """Note that an attempt came to another end: what it held and did not spend is free."""
        self.is_on = False


def holders(cells: Mapping[str, CellHistory], open_: Collection[str]) -> list[str]:
    """Return the cells that began, are not over, and did not stop for want of budget: those that were killed may hold what they did not spend
    until they go on."""
    return [
        name
        for name in open_
        if (cell := cells[name]).state in ("waiting", "running")
        and cell.attempts
        and not (cell.state == "waiting" and cell.failures and cell.failures[-1].origin == "budget")
    ]
