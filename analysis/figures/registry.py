"""The figures by name, and how they come into a folder. A figure is a function from the runs' folders to a figure of matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.figures.points import outcome_points
from analysis.figures.style import FORMATS, drawing, save
from moloch.errors import InputError
from moloch.registry import Registry

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _mitigations(runs: Sequence[Path]) -> Figure:
    from analysis.figures.trade_off import trade_off

    return trade_off(outcome_points(runs))


FIGURES: Registry[Callable[[Sequence[Path]], Figure]] = Registry("figure", {"mitigations": _mitigations})
"""Name -> what draws it; the name is that of its file."""


def draw(
    runs: Iterable[Path], folder: Path, *, names: Sequence[str] = (), formats: Sequence[str] = ("svg",)
) -> list[Path]:
    """Draw figures of some runs into a folder; return their files.

    Args:
        names: of the figures; by default all.
        formats: of each, among :data:`analysis.figures.style.FORMATS`.

    Raises:
        InputError: there is no such figure or format, there is nothing to draw, the file cannot be written, or matplotlib is missing.
        LogError: one is no run, or cannot be read.
    """
    if unknown := [form for form in formats if form not in FORMATS]:
        raise InputError(f"no format {unknown[0]!r} of figures", fix=f"Choose among {', '.join(FORMATS)}.")
    folders, files = list(runs), list[Path]()
    with drawing():
        for name in dict.fromkeys(names or FIGURES):
            figure = FIGURES.get(name)(folders)
            files += [save(figure, folder, name, form) for form in formats]
    return files
