"""Truth gate: a winner that a probe flags is not learnt from."""

from __future__ import annotations

from typing import ClassVar

from learning.methods import Contests, Method, Row
from learning.mitigations._mitigation import Mitigation
from learning.mitigations.flags import not_learnt_from


class TruthGate(Mitigation, frozen=True):
    """No method makes a flagged message more probable; see :func:`learning.mitigations.flags.not_learnt_from`.

    Attributes:
        probe: that flags; empty: any probe of strategy that the arena names.
    """

    name: ClassVar[str] = "truth_gate"
    reads_verdicts: ClassVar[bool] = True

    probe: str = ""

    def rows(self, rows: list[Row], contests: Contests, method: Method, seed: int) -> list[Row]:
        return not_learnt_from(rows, method, lambda message: self.flagged(contests, message))
