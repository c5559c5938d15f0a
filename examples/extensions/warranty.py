"""A mitigation of your own: sellers give a warranty. A member who was misled takes part of the vote back.

Covers: a mitigation that changes votes, its setting, and the probe that it asks.
Scenario: buyers find out later whether a product is what its message said. Of the votes for a message that misrepresents it a
share is paid back, and the contest is decided again by the votes that are left: a boast wins only where it wins by so much
that the warranty does not eat it up. (The built-in `penalty` takes votes by the size of the contest instead.)

    moloch run --set extensions=[warranty] --set 'arms={plain: {method: rft}, warranty: {method: rft, mitigations: [warranty]}}'
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from learning.methods import Contests, DecidedContest, Method
from learning.mitigations import MITIGATIONS, Mitigation, less_votes


@MITIGATIONS.register("warranty")
class Warranty(Mitigation, frozen=True):
    """Of the votes for a flagged message the share ``pays_back`` is taken back."""

    name: ClassVar[str] = "warranty"
    reads_verdicts: ClassVar[bool] = True  # training messages are judged, and verdicts are events of the log

    probe: str = "misrepresentation"
    pays_back: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] = 0.5

    def contests(self, contests: Contests, method: Method, seed: int) -> Contests:
        """Return the contests as the votes that are left decide them."""

        def lost(contest: DecidedContest, slot: int) -> float:
            misled = self.flagged(contests, contest.messages[slot].message)
            return self.pays_back * contest.votes[slot] if misled else 0.0

        return less_votes(contests, lost, seed)
