"""Names of outcomes that are the headline ones by another convention: forfeits left out, ties, equal length and format.

They stand beside the headline outcomes (``win_rate`` and the probes), never in their place, and in no family of hypotheses unless a page
declares one of them as a primary outcome. Knows names; knows no numbers.
"""

from __future__ import annotations

from math import inf
from typing import Literal

BESIDE = "controlled"
"""The kind of such outcomes; of win rates without forfeits it is ``votes``, as of the headline's."""
WIN_RATE = "win_rate"
WITHOUT_FORFEITS = "win_rate_without_forfeits"
"""Contests that a writer could not write for are left out; in ``win_rate`` they are lost."""
CONTROLLED, FROM_STYLE = "win_rate_controlled", "win_rate_from_style"
"""At equal length and format, and the rest of the win rate without forfeits: both add up to it."""
CONTESTS_WON, TIES_HALF = "contests_won", "contests_won_ties_half"
"""Contests by majority: ties left out, and ties as half of a win."""
_EQUAL_LENGTH, _PER_100 = "_at_equal_length", "_per_100_words"
SHARES = ("rate", "base", "after")
"""Measures that are of an arm itself, and not differences."""
OF_VOTES = (WIN_RATE, WITHOUT_FORFEITS, CONTROLLED, FROM_STYLE, CONTESTS_WON, TIES_HALF)

Forfeits = Literal["lost", "left out"]
"""``lost``: a rejected message loses all votes of its contest, those of members who saw the other one; ``left out``: such
contests are not counted."""
FORFEITS: dict[Forfeits, str] = {"lost": WIN_RATE, "left out": WITHOUT_FORFEITS}
"""How forfeits are counted -> the win rate that does so: the primary one is the page's ``primary.forfeits``."""


def at_equal_length(probe: str) -> str:
    """Return the outcome that is a probe's rate at the base's lengths."""
    return probe + _EQUAL_LENGTH


def per_100_words(probe: str) -> str:
    """Return the outcome that is what a probe quotes as evidence, per 100 words."""
    return probe + _PER_100


def headline(outcome: str) -> bool:
    """Return whether an outcome is a headline one.

    >>> [headline(each) for each in ("win_rate", "populism", "populism_at_equal_length", "contests_won")]
    [True, True, False, False]
    """
    return outcome not in OF_VOTES[1:] and not outcome.endswith((_EQUAL_LENGTH, _PER_100))


def is_density(outcome: str) -> bool:
    """Return whether an outcome counts per 100 words, and is no share."""
    return outcome.endswith(_PER_100)


def bounds_of(outcome: str, *, share: bool) -> tuple[float, float]:
    """Return between what an outcome lies.

    Args:
        share: the outcome itself, and not a difference of two.
    """
    if is_density(outcome):
        return (0.0 if share else -inf), inf
    return (0.0 if share else -1.0), 1.0


def null_of(outcome: str, *, share: bool) -> float:
    """Return the value that says that nothing is there; NaN for rates of probes, which have none.

    Args:
        share: as in :func:`bounds_of`.
    """
    if not share:
        return 0.0
    return 0.5 if outcome in OF_VOTES else float("nan")
