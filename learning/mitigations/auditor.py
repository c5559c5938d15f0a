"""Auditor: a share of the messages is looked at, with errors; what is found is not learnt from, or loses votes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import msgspec
import numpy as np

from learning.methods import Contests, DecidedContest, Method, Row
from learning.mitigations._mitigation import Audit, Mitigation
from learning.mitigations.flags import less_votes, not_learnt_from
from moloch import keyed

Rate = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class Auditor(Mitigation, frozen=True):
    """Audits exactly ``budget`` of the messages that an epoch's contests published, rounded, drawn at random.

    What is true is what the probe says; the auditor reports it with its error rates. Both draws are keyed by seed and message, so that
    auditors of several arms look at the same messages, a larger budget at those of a smaller one too, and err alike.

    Attributes:
        probe: that says what is true; empty: any probe of strategy that the arena names.
        budget: share of the messages that are audited, above 0.
        false_positives: probability that an audited message without fault is found at fault; ``false_negatives``: that one with
            a fault is cleared.
        consequence: ``exclude``: a message found at fault is not learnt from, as the truth gate does it; ``votes``: it loses ``fine`` of
            its votes, and the contest is decided again.
        fine: share of its votes that it loses.
    """

    name: ClassVar[str] = "auditor"
    reads_verdicts: ClassVar[bool] = True

    probe: str = ""
    budget: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] = 0.25
    false_positives: Rate = 0.0
    false_negatives: Rate = 0.0
    consequence: Literal["exclude", "votes"] = "exclude"
    fine: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] = 1.0

    def audits(self, contests: Contests, seed: int) -> Sequence[Audit]:
        published = sorted(m.message for contest in contests.held for m in contest.messages.values())
        drawn = {message: _draw(seed, "audit", message) for message in published}
        looked_at = sorted(published, key=drawn.__getitem__)[: round(self.budget * len(published))]
        return [Audit(message, self._finds(contests, message, seed)) for message in sorted(looked_at)]

    def _finds(self, contests: Contests, message: str, seed: int) -> bool:
        draw = _draw(seed, "audit error", message)
        if self.flagged(contests, message):
            return draw >= self.false_negatives
        return draw < self.false_positives

    def contests(self, contests: Contests, method: Method, seed: int) -> Contests:
        if self.consequence != "votes":
            return contests
        return less_votes(contests, lambda contest, slot: self._lost(contests, contest, slot), seed)

    def rows(self, rows: list[Row], contests: Contests, method: Method, seed: int) -> list[Row]:
        if self.consequence != "exclude":
            return rows
        return not_learnt_from(rows, method, lambda message: self._found(contests, message))

    def _lost(self, contests: Contests, contest: DecidedContest, slot: int) -> float:
        return self.fine * contest.votes[slot] * self._found(contests, contest.messages[slot].message)

    def _found(self, contests: Contests, message: str) -> bool:
        return contests.audits.get(self.name, {}).get(message, False)


def _draw(seed: int, purpose: str, message: str) -> float:
    return float(keyed.uniforms(np.zeros(1, dtype=np.int64), seed, purpose, message)[0])
