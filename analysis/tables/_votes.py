"""The votes of an evaluation by anchor, as win rates count them: forfeits, and differences of the same people's votes.

Knows evaluations; knows nothing of statistics.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.readings.contests import Evaluation
from analysis.tables.conventions import Forfeits


class AnchorVotes(NamedTuple):
    """Votes about one anchor: who voted, ascending, and how; shape (votes,) each."""

    anchor: str
    personas: NDArray[np.int32]
    values: NDArray


def votes_of(found: Evaluation, arm: str, epoch: int | None, forfeits: Forfeits) -> list[AnchorVotes]:
    """Return an arm's votes in one epoch, by default the last one evaluated: 1 for its message, 0 for base's."""
    parts = []
    for contest in found.of(arm, epoch):
        by = contest.forfeited_by
        if not by:
            parts.append(AnchorVotes(contest.anchor, contest.personas, contest.votes))
        elif by != "both" and forfeits == "lost":
            lost_on = found.panel if contest.reached is None else contest.reached
            parts.append(AnchorVotes(contest.anchor, lost_on, np.full(len(lost_on), by == "base", dtype=np.int8)))
    return parts


def votes_less(found: Evaluation, arm: str, other: str, epoch: int | None, forfeits: Forfeits) -> list[AnchorVotes]:
    """Return an arm's votes less another's, of the same personas about the same anchors; none where ``other`` is empty."""
    return votes_before(votes_of(found, arm, epoch, forfeits), votes_of(found, other, epoch, forfeits) if other else [])


def votes_before(ours: Iterable[AnchorVotes], others: Iterable[AnchorVotes]) -> list[AnchorVotes]:
    """Return votes less others, of the same personas about the same anchors."""
    theirs = {votes.anchor: votes for votes in others}
    return [_less(votes, theirs[votes.anchor]) for votes in ours if votes.anchor in theirs]


def _less(ours: AnchorVotes, theirs: AnchorVotes) -> AnchorVotes:
    """Return the differences of those who voted in both."""
    if ours.personas is theirs.personas:
        return ours._replace(values=ours.values - theirs.values)
    in_ours, in_theirs = np.isin(ours.personas, theirs.personas), np.isin(theirs.personas, ours.personas)
    return AnchorVotes(ours.anchor, ours.personas[in_ours], ours.values[in_ours] - theirs.values[in_theirs])
