"""The names of societies that are held in an arena other than the run's own: ``rft-in-elections``. Knows text alone."""

from __future__ import annotations

ABROAD = "-in-"
"""Before the arena in the name of a society elsewhere; no arm and no arena has it in its own name."""


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
