"""What a figure is: the frame behind it, its caption, and two functions that draw them. Knows nothing of any one figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from analysis.figures.palette import Look

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

    from analysis.figures.subject import Subject

Chart = Any
"""A chart of altair, of whatever composition; its classes share no public one."""


@dataclass(frozen=True)
class FigureContent:
    """What a figure shows, drawn by whatever means.

    Attributes:
        frame: the numbers, long: a row per mark, each with the ids of what it is about.
        caption: n, clusters, method, scope of the intervals, and what it is no evidence of.
        looks: arm -> how it is marked.
        facts: what drawings say beside the frame, such as the name of an axis.
    """

    frame: pl.DataFrame
    caption: str
    looks: Mapping[str, Look] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


class LeftOut(NamedTuple):
    """Why a figure cannot be drawn of these runs, as a sentence."""

    why: str


class FigureKind(NamedTuple):
    """One figure.

    Attributes:
        title: as a heading has it.
        takes: what runs must have for it, as the end of "it takes ...".
        content: returns what it shows of some runs, or why it shows nothing.
        draw: returns it as a figure of matplotlib, inside :func:`analysis.figures.style.drawing`.
        chart: returns it as an interactive chart of altair.
    """

    title: str
    takes: str
    content: Callable[[Subject], FigureContent | LeftOut]
    draw: Callable[[FigureContent], Figure]
    chart: Callable[[FigureContent], Chart]


@dataclass(frozen=True)
class DrawnFigure:
    """A figure as files, or why there is none.

    Attributes:
        name: in the registry, and of its files.
        title, caption: as text, without markup; no caption where it is left out.
        frame: the numbers behind it; None where it is left out.
        files: format -> the file's bytes; ``csv`` is the frame.
        left_out: why it is not drawn, as a sentence; empty where it is.
    """

    name: str
    title: str
    caption: str = ""
    frame: pl.DataFrame | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    left_out: str = ""
