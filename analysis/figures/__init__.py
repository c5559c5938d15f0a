"""Figures of runs and studies, as files that a paper can take: each a function of what tables say, drawn by matplotlib."""

from analysis.figures.points import OutcomePoint, outcome_points
from analysis.figures.registry import FIGURES, draw

__all__ = ["FIGURES", "OutcomePoint", "draw", "outcome_points"]


def __dir__() -> list[str]:
    return sorted(__all__)
