"""What others do to a member: endorsements it sees, polls, trust in a source, opinions that move.

Opinion of a competitor after a member saw its message in a round (Friedkin & Johnsen 1990, "Social influence and
opinions", for the pull; Hegselmann & Krause 2002 for its bound), all in -1 .. 1:

    o' = o + persuasion * (tanh(appeal / 2) - o) + pull * (mean of o over contacts within ``confidence`` - o)

Members who saw nothing keep theirs: the cost of a round is that of what was served.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from abm.state.platform import UNIT, Platform, Posts, expand
from abm.worlds.networked.settings import InfluenceConfig


def social_utility(
    posts: Posts, rows: NDArray[np.int64], items: list[int], weights: InfluenceConfig, contest: str
) -> NDArray[np.float64]:
    """Return what endorsements and the last poll add to the utility of a contest's messages, shape (k, options).

    An option's endorsements count as a share of all that the member sees endorsed in the contest, with one more in the
    denominator: the first contact moves it most, and nobody's silence does.
    """
    endorsed = posts.endorsed[np.array(items)[:, None], rows].T.astype(np.float64)
    utility = weights.conformity * endorsed / (1.0 + endorsed.sum(axis=1, keepdims=True))
    if weights.bandwagon and (poll := posts.polls.get(contest)):
        utility += weights.bandwagon * np.array([poll[posts.slots[item]] for item in items])
    return utility


def source_utility(
    platform: Platform, slots: NDArray[np.integer], rows: NDArray[np.integer], weights: InfluenceConfig
) -> NDArray[np.float64]:
    """Return what opinion of and trust in authors add to utility, for pairs of slot and member that broadcast.

    Of a member, whose slot is -1, there is neither opinion nor trust.
    """
    opinion = weights.opinion * platform.opinions[slots, rows].astype(np.float64)
    return np.where(slots < 0, 0.0, (opinion + weights.trust * platform.trust[slots, rows]) / UNIT)


def shifted_opinions(
    platform: Platform,
    slot: int,
    viewers: NDArray[np.int64],
    appeal: NDArray[np.float64],
    weights: InfluenceConfig,
) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    """Return the members whose opinion of ``slot`` changes, and their new opinions, shape (changed,) each.

    Args:
        viewers: shape (v,), rows that saw messages by ``slot``, once for each.
        appeal: shape (v,), of those messages; a member who saw several is moved by their mean.
    """
    rows, of = np.unique(viewers, return_inverse=True)
    if not len(rows):
        return rows, np.zeros(0, dtype=np.int16)
    appeal_seen = np.bincount(of, appeal) / np.bincount(of)
    before = platform.opinions[slot, rows].astype(np.float64) / UNIT
    after = before + weights.persuasion * (np.tanh(appeal_seen / 2) - before)
    after += weights.pull * (_contacts_mean(platform, slot, rows, weights.confidence) - before)
    return _changed(platform.opinions[slot], rows, after)


def moved(column: NDArray[np.int16], rows: NDArray[np.int64], by: float) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    """Return the members of ``rows`` whose value in ``column`` changes if it is moved, and their new values."""
    return _changed(column, rows, column[rows] / UNIT + by)


def _contacts_mean(platform: Platform, slot: int, rows: NDArray[np.int64], confidence: float) -> NDArray[np.float64]:
    """Return the mean opinion of those whom each of ``rows`` follows and listens to; its own where there is none."""
    own = platform.opinions[slot, rows].astype(np.int64)
    contacts, of = expand(platform.follows, rows)
    theirs = platform.opinions[slot, contacts].astype(np.int64)
    heard = np.abs(theirs - own[of]) <= round(confidence * UNIT)
    count = np.bincount(of[heard], minlength=len(rows))
    total = np.bincount(of[heard], theirs[heard], minlength=len(rows))  # sums of whole numbers: exact in any order
    return np.divide(total, count, out=own.astype(np.float64), where=count > 0) / UNIT


def _changed(
    column: NDArray[np.int16], rows: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    new = np.rint(np.clip(values, -1, 1) * UNIT).astype(np.int16)
    changes = new != column[rows]
    return rows[changes], new[changes]
