"""The placebo: a random message of each contest is learnt. What it moves is not an effect of competition."""

from __future__ import annotations

from learning.methods._contests import Contests, DecidedContest
from learning.methods._method import Method
from learning.methods._rows import Row
from moloch import keyed


class Placebo(Method, frozen=True):
    """As many messages of the same contests as RFT learns, no matter who won."""

    def rows(self, contests: Contests, seed: int) -> list[Row]:
        return [
            contests.trajectory(contest, draw_slot(contest.slots, seed, "placebo", contest))
            for contest in contests.learnable
        ]


def draw_slot(slots: list[int], seed: int, purpose: str, contest: DecidedContest) -> int:
    """Return one of the slots at random, keyed by seed, purpose and contest."""
    return slots[int(keyed.generator(seed, purpose, contest.id).integers(len(slots)))]
