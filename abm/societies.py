"""What a society is called in which another audience than the run's own votes: ``ARM@AUDIENCE``.

It stands where a society of the run's own audience has the arm's name: in the id of a contest and in what a step says. Pure text.
"""

from __future__ import annotations

BEFORE = "@"
"""Between an arm and the audience; neither has it in its name."""


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
