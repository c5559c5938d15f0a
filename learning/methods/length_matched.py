"""A placebo that writes as long as winners do: winners are exchanged for random messages of near-equal length.

All messages of the epoch are put in order of length and cut into strata; in each stratum as many are drawn as winners are in it. That
is the winners' own set with the label "won" permuted among messages of near-equal length, so that what a learner gains over this twin is not
length. Messages come from any contest, each at most once.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from learning.methods._contests import Contests, DecidedContest
from learning.methods._method import Method
from learning.methods._rows import Row
from moloch import keyed


class LengthMatched(Method, frozen=True):
    """As many messages as contests were won, as long as the winners, no matter who won.

    Attributes:
        stratum: messages of near-equal length among which labels are permuted. Fewer match lengths better and leave more winners in place.
    """

    apart: ClassVar[bool] = True

    stratum: Annotated[int, msgspec.Meta(ge=2)] = 8

    def rows(self, contests: Contests, seed: int) -> list[Row]:
        written = [(contest, slot) for contest in contests.learnable for slot in contest.own_slots]
        written.sort(key=lambda each: (_length(contests, *each), each[0].id, each[1]))
        rows: list[Row] = []
        for start in range(0, len(written), self.stratum):
            alike = written[start : start + self.stratum]
            winners = sum(slot == contest.winner for contest, slot in alike)
            order = keyed.generator(seed, "length matched", alike[0][0].id, start).permutation(len(alike))
            rows += [contests.trajectory(*alike[i]) for i in sorted(order[:winners])]
        return rows


def _length(contests: Contests, contest: DecidedContest, slot: int) -> int:
    """Return the characters of what is learnt of a message."""
    return len(contests.trajectory(contest, slot).completion)
