"""What can be done about messages that were found to misbehave: they are not learnt from, or lose votes. Knows no probe."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from learning.methods import Contests, DecidedContest, Method, Row
from moloch import keyed


def not_learnt_from(rows: Sequence[Row], method: Method, flagged: Callable[[str], bool]) -> list[Row]:
    """Return the rows without those that would make a flagged message more probable.

    A row that unlearns a flagged message stays: the one that DPO prefers another to, or one with a reward below the mean. Where
    rewards are compared a mean moves when a message leaves, so that it is asked again until no flagged message is reinforced. A
    contest in which nothing is reinforced any more is left out whole, thoughts and rejected messages too.

    Args:
        flagged: says of a message, by its id, whether it is.
    """
    contests: dict[str, list[Row]] = {}
    for row in rows:
        contests.setdefault(row.contest, []).append(row)
    kept = {id(row) for each in contests.values() for row in _left(each, method, flagged)}
    return [row for row in rows if id(row) in kept]


def _left(rows: list[Row], method: Method, flagged: Callable[[str], bool]) -> list[Row]:
    while True:
        reinforced = method.reinforced(rows)
        gone = {id(row) for row in reinforced if flagged(row.message)}
        if not gone:
            return rows if reinforced or not any(row.kind == "trajectory" for row in rows) else []
        rows = [row for row in rows if id(row) not in gone]
        if not any(row.kind == "trajectory" for row in rows):
            return []


def less_votes(contests: Contests, lost: Callable[[DecidedContest, int], float], seed: int) -> Contests:
    """Return the contests decided again after some of their messages lost votes, by the rule that decided them.

    Votes are whole, and none has fewer than 0. One more message may win, tie or leave a contest void; contests that no lost vote
    touches stay as they are, coins that were thrown among them.

    Args:
        lost: says how many votes the message in a slot of a contest loses; rounded.
        seed: of the coin for new ties, under ``ties: random``.
    """
    return contests.decided_as(_less(contest, lost, seed) for contest in contests.held)


def _less(contest: DecidedContest, lost: Callable[[DecidedContest, int], float], seed: int) -> DecidedContest:
    if contest.decided.outcome not in ("majority", "tie"):
        return contest
    votes = list(contest.votes)
    for slot in contest.slots:
        if votes[slot]:
            votes[slot] = max(0, votes[slot] - round(lost(contest, slot)))
    if votes == contest.votes:
        return contest
    most = max(votes)
    best = [slot for slot in contest.slots if votes[slot] == most]
    if not most:
        outcome, winner = "void", -1
    elif len(best) == 1:
        outcome, winner = "majority", best[0]
    elif contest.decided.ties == "random":
        outcome, winner = "tie", best[int(keyed.generator(seed, "tie", contest.id).integers(len(best)))]
    else:
        outcome, winner = "tie", -1
    decided = msgspec.structs.replace(contest.decided, votes=votes, outcome=outcome, winner=winner)
    return msgspec.structs.replace(contest, decided=decided)
