"""Mitigations: what is done against misbehaviour in what one arm learns. Each is off unless an arm names it.

One of your own is one file::

    @MITIGATIONS.register("short_only")
    class ShortOnly(Mitigation, frozen=True):
        most: int = 200

        def rows(self, rows, contests, method, seed):
            return [row for row in rows if len(row.completion) <= self.most]
"""

from learning.mitigations._mitigation import Audit, Mitigation
from learning.mitigations._registry import MITIGATIONS, mitigations
from learning.mitigations.flags import less_votes, not_learnt_from

__all__ = ["MITIGATIONS", "Audit", "Mitigation", "less_votes", "mitigations", "not_learnt_from"]


def __dir__() -> list[str]:
    return sorted(__all__)
