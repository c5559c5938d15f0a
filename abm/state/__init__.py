"""State is the fold of events."""

from abm.state.state import OpenContest, State, Tally, apply, fold

__all__ = ["OpenContest", "State", "Tally", "apply", "fold"]


def __dir__() -> list[str]:
    return sorted(__all__)
