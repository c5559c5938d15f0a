"""The figures of a report: those of the registry, with the numbers behind each, and why others are left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.figures import draw_all
from analysis.formats import DASH
from analysis.reports.document import Block, Board, BoardLine, Bullets, Datum, Plate, Prose
from moloch.errors import InputError

if TYPE_CHECKING:
    import polars as pl

MOST = 200
"""Rows of a figure's numbers for which a report has room."""


def figure_blocks(path: Path) -> Iterator[Block]:
    """Yield the figures of a run or a study; where they cannot be drawn, a sentence that says why.

    Raises:
        LogError: a log cannot be read.
    """
    try:
        figures = draw_all(path, ("svg",))
    except InputError as error:  # the extra is not installed
        yield Prose(f"There are no figures: {error}.", tone="warning")
        return
    for figure in figures:
        if not figure.left_out:
            anchor = f"figure-{figure.name}"
            yield Plate(figure.files["svg"].decode("utf-8"), figure.title, figure.caption, anchor)
            if figure.frame is not None:
                yield _numbers(figure.frame, figure.title, anchor)
    if left := tuple(f"{figure.title}: {figure.left_out}" for figure in figures if figure.left_out):
        yield Prose("Not drawn:")
        yield Bullets(left)


def _numbers(frame: pl.DataFrame, title: str, anchor: str) -> Board:
    lines = tuple(BoardLine(tuple(Datum(_shown(value)) for value in row)) for row in frame.head(MOST).iter_rows())
    left = f"The first {MOST:,} of {frame.height:,} rows; moloch figures writes all." if frame.height > MOST else ""
    return Board(
        f"Numbers of the figure: {title}", tuple(frame.columns), lines, 1, left, f"{anchor}-numbers", folded=True
    )


def _shown(value: object) -> str:
    return DASH if value is None or value == "" else f"{value:.6g}" if isinstance(value, float) else str(value)
