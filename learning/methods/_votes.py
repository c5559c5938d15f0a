"""How the messages of a contest stand by its votes, as they were cast or, for twins, as they were not.

A standing is slot -> (votes, whether it won), from which preferences and rewards are made. Knows contests; knows no loss.
"""

from __future__ import annotations

from collections.abc import Mapping

from learning.methods._contests import DecidedContest
from moloch import keyed

Standing = Mapping[int, tuple[int, bool]]
"""Slot -> its votes, and whether it won, by votes or by a declared coin."""


def cast(contest: DecidedContest) -> Standing:
    """Return the standing by the votes that were cast."""
    return {slot: (contest.decided.votes[slot], slot == contest.winner) for slot in contest.slots}


def permuted(contest: DecidedContest, seed: int, purpose: str) -> Standing:
    """Return the votes of the contest dealt out among its messages at random, keyed by seed, purpose and contest."""
    order = keyed.generator(seed, purpose, contest.id).permutation(len(contest.slots))
    standing = cast(contest)
    return {slot: standing[contest.slots[other]] for slot, other in zip(contest.slots, order, strict=True)}


def reversed_votes(contest: DecidedContest) -> Standing:
    """Return the votes mirrored, most + fewest - v: of two messages each has the other's; the winner has not won."""
    standing = cast(contest)
    counts = [votes for votes, _ in standing.values()]
    both = max(counts) + min(counts)
    return {slot: (both - votes, not won) for slot, (votes, won) in standing.items()}


def share(standing: Standing, slot: int) -> float:
    """Return a message's share of the votes that all messages of its contest got, 0 .. 1."""
    return standing[slot][0] / max(1, sum(votes for votes, _ in standing.values()))


def best(standing: Standing, slots: list[int], seed: int, contest: DecidedContest) -> int:
    """Return the slot with the most votes among ``slots``; of several the one that won, else one at random."""
    top = max(standing[slot] for slot in slots)
    first = [slot for slot in slots if standing[slot] == top]
    return first[int(keyed.generator(seed, "best", contest.id).integers(len(first)))]
