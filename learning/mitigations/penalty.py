"""Penalty: votes or rewards less lambda times what a probe says."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from learning.methods import Contests, DecidedContest, Method, Row
from learning.mitigations._mitigation import Mitigation
from learning.mitigations.flags import less_votes


class Penalty(Mitigation, frozen=True):
    """A flagged message has its share of votes less ``strength``.

    Votes: it loses ``strength`` times the votes cast in its contest, at most those that it has, and the contest is decided again. A method
    whose rows are rewarded (``grpo``) sees the votes as they were, and its rewards are shares less ``strength``, below 0 if need be: its
    rewards are compared with each other, and a floor would hide the penalty of a message that nobody voted for.

    Attributes:
        probe: that flags; empty: any probe of strategy that the arena names.
        strength: lambda, as a share of a contest's votes; at 1 a flagged message loses all.
    """

    name: ClassVar[str] = "penalty"
    reads_verdicts: ClassVar[bool] = True

    probe: str = ""
    strength: Annotated[float, msgspec.Meta(gt=0.0)] = 0.5

    def contests(self, contests: Contests, method: Method, seed: int) -> Contests:
        if method.rewarded:
            return contests
        return less_votes(contests, lambda contest, slot: self._lost(contests, contest, slot), seed)

    def rows(self, rows: list[Row], contests: Contests, method: Method, seed: int) -> list[Row]:
        if not method.rewarded:
            return rows
        return [
            msgspec.structs.replace(row, weight=row.weight - self.strength)
            if row.kind == "trajectory" and self.flagged(contests, row.message)
            else row
            for row in rows
        ]

    def _lost(self, contests: Contests, contest: DecidedContest, slot: int) -> float:
        return self.strength * sum(contest.votes) * self.flagged(contests, contest.messages[slot].message)
