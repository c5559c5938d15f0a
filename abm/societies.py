"""What a society is called that is not an arm's own: before another audience it is ``ARM@AUDIENCE``, in another arena ``ARM-in-ARENA``.

It stands where a society of the run's own audience and arena has the arm's name: in the id of a contest and in what a step says. Pure text.
"""

from __future__ import annotations

BEFORE = "@"
"""Between an arm and the audience; neither has it in its name."""
ABROAD = "-in-"
"""Before the arena in the name of a society elsewhere; no arm and no arena has it in its own name."""


def before(arm: str, audience: str) -> str:
    """Return the name of an arm's society before an audience; empty: the run's own.

    >>> before("rft", "neutral"), before("rft", "")
    ('rft@neutral', 'rft')
    """
    return f"{arm}{BEFORE}{audience}" if audience else arm


def arm_and_audience(society: str) -> tuple[str, str]:
    """Return whose society it is, and the audience; empty for the run's own.

    >>> arm_and_audience("rft@neutral"), arm_and_audience("rft")
    (('rft', 'neutral'), ('rft', ''))
    """
    arm, _, audience = society.partition(BEFORE)
    return arm, audience


def is_before_another(place: str) -> bool:
    """Return whether another audience votes in a society, a contest, or what has the id of one in its own."""
    return BEFORE in place


def arena_in(society: str) -> str:
    """Return the other arena in which a society is, by its name; empty for the run's own.

    >>> arena_in("rft-in-elections"), arena_in("rft")
    ('elections', '')
    """
    return society.partition(ABROAD)[2]


def arm_in(society: str) -> str:
    """Return the name of a society without the other arena in which it is.

    >>> arm_in("rft-in-elections"), arm_in("rft-vs-tfb")
    ('rft', 'rft-vs-tfb')
    """
    return society.partition(ABROAD)[0]
