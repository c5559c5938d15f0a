"""Shuffled votes: each contest is won by the votes of another. A placebo that keeps how often each slot wins."""

from __future__ import annotations

from collections.abc import Sequence

from learning.methods._contests import Contests, DecidedContest
from learning.methods._method import Method
from learning.methods._rows import Row
from moloch import keyed


class ShuffledVotes(Method, frozen=True):
    """The winning slots are permuted among contests in which the same slots were published."""

    def rows(self, contests: Contests, seed: int) -> list[Row]:
        slots = _shuffled(contests.learnable, seed)
        return [contests.trajectory(contest, slots[contest.id]) for contest in contests.learnable]


def _shuffled(contests: Sequence[DecidedContest], seed: int) -> dict[str, int]:
    """Return contest -> the slot to learn."""
    alike: dict[tuple[int, ...], list[DecidedContest]] = {}
    for contest in sorted(contests, key=lambda contest: contest.id):
        alike.setdefault(tuple(contest.slots), []).append(contest)
    picks: dict[str, int] = {}
    for slots, group in alike.items():
        order = keyed.generator(seed, "shuffled votes", *slots).permutation(len(group))
        picks |= {contest.id: group[other].winner for contest, other in zip(group, order, strict=True)}
    return picks
