"""How many voters a study needs: what panels of k of a run's voters would have found.

Panels are drawn from the voters of the run, without replacement and the same for all contests. So they show how much is
lost by asking fewer; that all voters agree with themselves says nothing about others.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from analysis.readings.contests import EvaluationContest
from analysis.readings.evaluation import read_evaluation
from analysis.statistics.estimates import Estimate, mean_of
from analysis.tables.evaluation import Events
from moloch import keyed

PANELS = 200
"""Drawn for each size."""
MOST = 1_000
"""Voters that panels are drawn from; of a larger crowd, that many at random."""


class PanelRow(msgspec.Struct, frozen=True):
    """What panels of one size find of one arm.

    Attributes:
        voters: of a panel.
        win_rate: of the arm against base, mean of panels; ``low`` to ``high`` holds 95 % of them, ``n`` is their number.
        same_winner: share of contests whose majority, or tie, is that of all voters; clustered on contests.
        ties: share of contests without a majority.
    """

    arm: str
    voters: int
    win_rate: Estimate
    same_winner: Estimate
    ties: float


def panel_table(events: Events, *, epoch: int | None = None, sizes: Sequence[int] | None = None) -> list[PanelRow]:
    """Return one row per arm and size, over contests that were voted on.

    Args:
        epoch: the last one evaluated, unless it is given.
        sizes: by default 1, 2, 5, 10, 20, 50, ..., and all voters; those beyond the voters there are, are left out.
    """
    evaluation = read_evaluation(events)
    rows = []
    for arm in evaluation.arms():
        contests = [contest for contest in evaluation.of(arm, epoch) if len(contest.votes)]
        if not contests:
            continue
        votes = _votes(contests)
        outcomes = np.array([np.sign(contest.votes.mean() - 0.5) for contest in contests])
        for size in sizes or _sizes(votes.shape[1]):
            if 1 <= size <= votes.shape[1]:
                rows.append(_row(arm, size, votes, outcomes))
    return rows


def _sizes(voters: int) -> list[int]:
    steps = [digit * 10**power for power in range(len(str(voters))) for digit in (1, 2, 5)]
    return [*(size for size in steps if size < voters), voters]


def _votes(contests: Sequence[EvaluationContest]) -> NDArray[np.float64]:
    """Return the votes for the trained messages, shape (contests, voters); NaN where one did not vote."""
    everyone = _everyone(contests)
    if len(everyone) > MOST:
        everyone = np.sort(keyed.generator("voters", len(everyone)).choice(everyone, MOST, replace=False))
    votes = np.full((len(contests), len(everyone)), np.nan)
    for row, contest in enumerate(contests):
        at = np.minimum(np.searchsorted(contest.personas, everyone), len(contest.personas) - 1)
        voted = contest.personas[at] == everyone
        votes[row, voted] = contest.votes[at[voted]]
    return votes


def _everyone(contests: Sequence[EvaluationContest]) -> NDArray[np.int32]:
    """Return the voters of any of the contests, ascending."""
    columns = list({id(contest.personas): contest.personas for contest in contests}.values())  # most contests share one
    first, after = min(int(column[0]) for column in columns), max(int(column[-1]) for column in columns) + 1
    voted = np.zeros(after - first, dtype=bool)
    for column in columns:
        voted[column - first] = True
    return (first + np.flatnonzero(voted)).astype(np.int32)


def _row(arm: str, size: int, votes: NDArray[np.float64], outcomes: NDArray[np.float64]) -> PanelRow:
    draw = keyed.generator("panels", size)
    drawn = np.zeros((votes.shape[1], PANELS))
    for panel in range(PANELS):
        drawn[draw.choice(votes.shape[1], size, replace=False), panel] = 1
    n, won = ~np.isnan(votes) @ drawn, np.nan_to_num(votes) @ drawn  # of each contest and panel
    cast, winners = n > 0, np.sign(won - n / 2)
    asked = n.sum(axis=0)
    rates = won.sum(axis=0)[asked > 0] / asked[asked > 0]
    voted = cast.sum(axis=1)
    with_votes = voted > 0
    same, ties = (((winners == of) & cast).sum(axis=1)[with_votes] / voted[with_votes] for of in (outcomes[:, None], 0))
    low, high = np.quantile(rates, (0.025, 0.975))
    return PanelRow(
        arm, size, Estimate(float(rates.mean()), float(low), float(high), len(rates)), mean_of(same), float(ties.mean())
    )
