"""The loser of each contest is learnt: a placebo that goes the other way."""

from __future__ import annotations

from learning.methods._contests import Contests, DecidedContest
from learning.methods._method import Method
from learning.methods._rows import Row
from learning.methods.placebo import draw_slot


class Loser(Method, frozen=True):
    """The message with the fewest votes that did not win; one of several at random."""

    def rows(self, contests: Contests, seed: int) -> list[Row]:
        return [contests.trajectory(contest, _loser(contest, seed)) for contest in contests.learnable]


def _loser(contest: DecidedContest, seed: int) -> int:
    votes = {slot: contest.decided.votes[slot] for slot in contest.slots if slot != contest.winner}
    fewest = [slot for slot in votes if votes[slot] == min(votes.values())]
    return draw_slot(fewest, seed, "loser", contest)
