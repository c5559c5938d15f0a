"""All arms against each other on the same held-out anchors and people: one strength each, and who was chosen over whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from analysis.readings.head_to_head import Meetings
from analysis.readings.pair_contests import FIRST, NEITHER
from analysis.statistics.bradley_terry import Strengths, bradley_terry, probability
from analysis.statistics.estimates import Estimate, plain
from learning.arms.base_models import is_base


class StrengthRow(msgspec.Struct, frozen=True):
    """One writer.

    Attributes:
        strength: log-odds of being chosen over base, of two messages neither of which is shown first; 0 for base.
        without_forfeits: the same where contests that somebody could not write for are left out.
        chosen: ``strength`` as a share: how often it would be chosen over base, if somebody is.
    """

    arm: str
    strength: Estimate
    without_forfeits: Estimate
    chosen: float


class PairRow(msgspec.Struct, frozen=True):
    """Two writers who met.

    Attributes:
        share: of the votes for either, those for ``arm``; ``expected``: what the model says of it.
        votes: for either; ``neither``: members who read both and chose none.
        won, lost, tied: contests by majority; ``forfeits``: contests that ``arm``, and that ``other`` could not write for.
    """

    arm: str
    other: str
    share: float
    expected: float
    votes: int
    neither: int
    won: int
    lost: int
    tied: int
    forfeits: tuple[int, int]


def head_to_head(found: Mapping[int, Meetings], seed: int, epoch: int | None = None) -> dict[str, Any]:
    """Return strengths and pairs as JSON can hold them; empty where arms did not meet each other.

    Strengths are of these adapters and these people, before new anchors: intervals are a bootstrap over anchors.

    Args:
        seed: of the bootstrap.
        epoch: by default the last one evaluated.
    """
    chosen = epoch if epoch is not None else max(found, default=0)
    met = found.get(chosen)
    if met is None or not met.written:
        return {}
    counted = bradley_terry(met.comparisons(), seed=seed)
    left_out = bradley_terry(met.comparisons("left out"), seed=seed)
    rows = [
        StrengthRow(arm, counted.strength[arm], left_out.strength[arm], probability(counted.strength[arm].value))
        for arm in met.writers()
    ]
    return {
        "epoch": chosen,
        "strengths": [plain(row) for row in rows],
        "pairs": [plain(row) for row in _pairs(met, left_out)],
        "shown_first": plain(left_out.first),
        "ties": plain(left_out.ties),
        "anchors": len(met.votes.keys() | met.forfeits.keys()),
        "votes": left_out.n,
    }


def _pairs(met: Meetings, model: Strengths) -> list[PairRow]:
    """Return a row per pair that met, arms against base first."""
    total: dict[tuple[str, str], list[int]] = {}
    for counts in met.votes.values():
        for (first, second, _, outcome), votes in counts.items():
            pair = (first, second) if (first, second) in met.contests else (second, first)
            sums = total.setdefault(pair, [0, 0, 0])
            chose = 2 if outcome == NEITHER else int((outcome == FIRST) != (pair[0] == first))
            sums[chose] += votes
    rows = []
    for pair in sorted(met.contests, key=lambda pair: not is_base(pair[0])):
        arm, other = (pair[1], pair[0]) if is_base(pair[0]) else pair
        votes = total.get(pair, [0, 0, 0])
        mine, theirs = (votes[1], votes[0]) if is_base(pair[0]) else votes[:2]
        lost = sum(forfeited[(other, arm)] for forfeited in met.forfeits.values())
        given = sum(forfeited[(arm, other)] for forfeited in met.forfeits.values())
        rows.append(
            PairRow(
                arm=arm,
                other=other,
                share=mine / (mine + theirs) if mine + theirs else float("nan"),
                expected=probability(model.strength[arm].value, model.strength[other].value),
                votes=mine + theirs,
                neither=votes[2],
                won=met.wins[(arm, other)],
                lost=met.wins[(other, arm)],
                tied=met.ties[pair],
                forfeits=(lost, given),
            )
        )
    return rows
