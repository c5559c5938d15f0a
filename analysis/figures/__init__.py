"""Figures of runs and studies, as files that a paper can take: each a function of what tables say, and its numbers beside it.

``draw_all`` returns them as bytes with their captions, ``draw`` writes them into a folder; ``FIGURES`` is the registry.
"""

from analysis.figures.figure import DrawnFigure, FigureContent, FigureKind, LeftOut
from analysis.figures.registry import FIGURES, draw, draw_all
from analysis.figures.subject import RunRead, Subject

__all__ = ["FIGURES", "DrawnFigure", "FigureContent", "FigureKind", "LeftOut", "RunRead", "Subject", "draw", "draw_all"]


def __dir__() -> list[str]:
    return sorted(__all__)
